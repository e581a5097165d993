"""A folder for the temporary files of a cut, which may be as large as a film."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

_PREFIX = "wan-video-board-"
# A folder is there for a moment before its lock is held.
_YOUNG_S = 600


@contextmanager
def scratch_folder() -> Generator[Path]:
    """A folder that is removed at the end; those that killed processes left are removed first."""
    for left in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        # Of another user, or just removed by another process.
        with contextlib.suppress(OSError):
            _remove_if_left(left)
    with (
        tempfile.TemporaryDirectory(prefix=_PREFIX, ignore_cleanup_errors=True) as folder,
        FileLock(_lock_of(Path(folder))),
    ):
        yield Path(folder)


def _lock_of(folder: Path) -> Path:
    return folder / ".lock"


def _remove_if_left(folder: Path) -> None:
    if folder.is_symlink() or time.time() - folder.stat().st_mtime < _YOUNG_S:
        return
    try:
        # Its process is gone where nobody holds it.
        with FileLock(_lock_of(folder), timeout=0):
            shutil.rmtree(folder, ignore_errors=True)
    except Timeout:
        return
