"""A log beside the evidence: it grows on a disk, and is written now and then where a store cannot let it grow.

There each line would cost the whole file again, so lines gather for a while: a process that is killed loses the last
of them, and no record.
"""

from __future__ import annotations

import contextlib
import threading
import time
from typing import TYPE_CHECKING

from footage.errors import AlreadyThere

if TYPE_CHECKING:
    from footage.storage import Store

# A clip takes a minute to four, so that most are written once.
WRITE_EVERY_S = 300.0


class GrowingFile:
    """One file of one writer; thread-safe."""

    def __init__(self, store: Store, path: str, *, new: bool = False) -> None:
        """`new`: there should be no such file yet, so that it need not be read before it is written."""
        self._store = store
        self._path = path
        self._new = new
        self._gathered: list[bytes] = []
        self._written_s = time.monotonic()
        self._lock = threading.Lock()

    def add(self, data: bytes) -> None:
        """Add bytes at the end, at once or within `WRITE_EVERY_S`.

        Raises:
            StorageProblem: They could not be written, and are with the next ones.
        """
        with self._lock:
            self._gathered.append(data)
            if not self._store.remote or time.monotonic() - self._written_s >= WRITE_EVERY_S:
                self._write()

    def flush(self) -> None:
        """Write what has gathered. Raises as `add`."""
        with self._lock:
            self._write()

    def _write(self) -> None:
        if not self._gathered:
            return
        data = b"".join(self._gathered)
        self._written_s = time.monotonic()
        if self._new:
            self._new = False
            with contextlib.suppress(AlreadyThere):
                self._store.create(self._path, data)
                self._gathered = []
                return
        self._store.append(self._path, data)
        self._gathered = []
