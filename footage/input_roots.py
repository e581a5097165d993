"""Which files of this machine a request may name.

Whoever types a command names files of their own. A deployed run reads with the rights of its worker what somebody
else wrote into a form, an event or a board, so there only folders count that the operator allows. Everything
outside of them gets one and the same answer, whether it exists or not.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from footage.errors import InvalidRequest, Problem
from footage.privacy.display import shown

_FLAGS = os.O_RDONLY | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
# Opening a named pipe would wait for a writer for ever.
_NO_WAIT = getattr(os, "O_NONBLOCK", 0)
_NO_LINK = getattr(os, "O_NOFOLLOW", 0)
_FOLDER = getattr(os, "O_DIRECTORY", 0)


class InputRoots:
    """The folders below which files may be read; `anywhere()` for a person's own command."""

    def __init__(self, roots: Iterable[Path] | None) -> None:
        self._roots = None if roots is None else tuple(Path(os.path.realpath(root)) for root in roots)

    @classmethod
    def anywhere(cls) -> InputRoots:
        """No bounds: every file that this user can read."""
        return cls(None)

    @property
    def bounded(self) -> bool:
        """Whether there are files that may not be read."""
        return self._roots is not None

    def allows(self, path: str | Path) -> bool:
        """Whether a path, with all links followed, lies below one of the folders; whether it exists is not said."""
        return self._place(path) is not None

    def require(self, path: str | Path, field: str) -> None:
        """Raises InvalidRequest for a path that lies outside."""
        if not self.allows(path):
            raise outside(path, field)

    def open(self, path: str | Path, field: str) -> int:
        """A descriptor of the file, for reading; the caller finds out what kind of file it is.

        Raises:
            InvalidRequest: It lies outside of what may be read, existing or not.
            OSError, ValueError, RuntimeError: It may be read, and cannot be opened.
        """
        if self._roots is None:
            return os.open(Path(path).expanduser(), _FLAGS | _NO_WAIT)
        place = self._place(path)
        if place is None:
            raise outside(path, field)
        root, steps = place
        if os.open not in os.supports_dir_fd or not steps:
            return os.open(root.joinpath(*steps), _FLAGS | _NO_WAIT | _NO_LINK)
        try:
            return _descend(root, steps)
        except OSError as error:
            # Links were followed before: whoever puts one there now wants to lead elsewhere.
            if any(root.joinpath(*steps[: n + 1]).is_symlink() for n in range(len(steps))):
                raise outside(path, field) from error
            raise

    def _place(self, path: str | Path) -> tuple[Path, tuple[str, ...]] | None:
        """The root and the names below it that lead to the file; None outside of all roots."""
        try:
            real = Path(os.path.realpath(Path(path).expanduser()))
        except (OSError, ValueError, RuntimeError):
            # Somebody's home that there is not, a null byte.
            return (Path(path), ()) if self._roots is None else None
        if self._roots is None:
            return real, ()
        for root in self._roots:
            if real.is_relative_to(root):
                return root, real.relative_to(root).parts
        return None


def outside(path: str | Path, field: str) -> InvalidRequest:
    """The one answer for everything that a deployed run, or a tool of an agent, may not read."""
    link = "an http(s) URL, or " if field == "reference_image" else ""
    return InvalidRequest(
        problems=(
            Problem(
                field,
                shown(str(path)),
                f"is not below a folder that may be read from. {_WHERE_FROM} {str(Path.cwd())!r}",
                f"{link}a path below a folder of WAN_VIDEO_INPUT_ROOTS on the worker, or of `wan-video mcp --folder`",
            ),
        )
    )


# A run of a deployment works in a folder that whoever asked for it has never seen.
_WHERE_FROM = "A relative path starts where this process works:"


def where_from(path: str | Path) -> str:
    """A sentence that says in which folder a relative path was looked for; nothing about another path."""
    # What begins with somebody's home may have no absolute form.
    if str(path).startswith("~") or Path(path).is_absolute():
        return ""
    return f"{_WHERE_FROM} {str(Path.cwd())!r}."


def _descend(root: Path, steps: tuple[str, ...]) -> int:
    """Open step by step without following links, so that nobody can swap a part after it was checked."""
    folder = os.open(root, _FLAGS | _FOLDER)
    try:
        for step in steps[:-1]:
            inner = os.open(step, _FLAGS | _FOLDER | _NO_LINK, dir_fd=folder)
            os.close(folder)
            folder = inner
        return os.open(steps[-1], _FLAGS | _NO_WAIT | _NO_LINK, dir_fd=folder)
    finally:
        os.close(folder)
