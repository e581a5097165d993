"""Folders for temporary files, which may be as large as a film; a later process removes what killed ones left."""

from __future__ import annotations

import contextlib
import functools
import shutil
import tempfile
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

_PREFIX = "wan-video-scratch-"
# A folder is there for a moment before its lock is held.
_YOUNG_S = 600


@contextmanager
def scratch_folder() -> Generator[Path]:
    """A folder that is removed at the end; the first one of a process removes what killed ones left ten minutes ago."""
    _remove_leftovers(tempfile.gettempdir())
    with (
        tempfile.TemporaryDirectory(prefix=_PREFIX, ignore_cleanup_errors=True) as folder,
        # Not of one thread: a folder may be given up by another one than asked for it.
        FileLock(_lock_of(Path(folder)), thread_local=False),
    ):
        yield Path(folder)


@functools.cache
def _remove_leftovers(folder: str) -> None:
    """Remove the folders in `folder` that no process holds any more; once for each process."""
    for left in Path(folder).glob(f"{_PREFIX}*"):
        # Of another user, or just removed by another process.
        with contextlib.suppress(OSError):
            _remove_if_left(left)


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
