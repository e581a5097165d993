"""Bytes that wait for their turn, in a file that has no name and is gone with the process."""

from __future__ import annotations

import tempfile
import threading
from typing import NamedTuple


class Place(NamedTuple):
    """Where something lies in a spool."""

    offset_bytes: int
    size_bytes: int


class Spool:
    """Keeps byte strings on disk and gives them back; thread-safe."""

    def __init__(self) -> None:
        # Without a name: a request may hold a signed link, and nobody else is to find it.
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the spool
        self._end_bytes = 0
        self._lock = threading.Lock()

    def put(self, data: bytes) -> Place:
        """Keep some bytes."""
        with self._lock:
            place = Place(self._end_bytes, len(data))
            self._file.seek(place.offset_bytes)
            self._file.write(data)
            self._end_bytes += len(data)
            return place

    def get(self, place: Place) -> bytes:
        """What was kept at this place."""
        with self._lock:
            self._file.seek(place.offset_bytes)
            return self._file.read(place.size_bytes)

    def close(self) -> None:
        """Forget everything."""
        self._file.close()
