"""A store whose calls of one kind end only once several of them were made at the same time."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from countedstore import CountedStore


class MeetingStore(CountedStore):
    """Each call of `method` about a path with `part` in it waits until `together` of them have come."""

    def __init__(self, store: Any, method: str, part: str = "", together: int = 2) -> None:
        super().__init__(store)
        self._meets = method, part
        self._here = threading.Barrier(together)

    def _counted(self, name: str, method: Callable[..., Any]) -> Callable[..., Any]:
        counted = super()._counted(name, method)
        meets, part = self._meets

        def call(path: str = "", *more: Any, **named: Any) -> Any:
            if name == meets and part in path:
                self._here.wait(20)
            return counted(path, *more, **named)

        return call
