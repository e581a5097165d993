"""A store that remembers what it was asked; heartbeats are left out, because they come by the clock."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

_WRITES = ("create", "replace", "append", "create_file", "replace_file", "delete")
_READS = (
    "read",
    "get_file",
    "exists",
    "size",
    "facts",
    "sha256",
    "list",
    "folders",
    "list_dated",
    "walk",
    "list_beginning",
)


class CountedStore:
    """Everything that a store does, with each request in `asked` as (method, path)."""

    def __init__(self, store: Any) -> None:
        self._store = store
        self.asked: list[tuple[str, str]] = []

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._store, name)
        return self._counted(name, found) if name in _WRITES + _READS else found

    def _counted(self, name: str, method: Callable[..., Any]) -> Callable[..., Any]:
        def call(path: str = "", *more: Any, **named: Any) -> Any:
            if not path.startswith("workers/"):
                self.asked.append((name, path))
            return method(path, *more, **named)

        return call

    def written(self) -> list[tuple[str, str]]:
        """What was asked of it that changes something, without the logs."""
        return [(name, path) for name, path in self.asked if name in _WRITES and name != "append"]
