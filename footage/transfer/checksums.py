"""The checksums of a file while it comes: the server's CRC-64, and the SHA-256 of the evidence."""

from __future__ import annotations

import queue
import threading
from hashlib import sha256
from typing import Self

# So many received chunks wait for the second hash.
_QUEUED = 8


class Checksums:
    """CRC-64 in the stream and SHA-256 beside it.

    SHA-256 runs at about 1 GB/s per core, CRC-64 at ten times that; a second thread (hashlib lets go of
    the interpreter) keeps the slow one out of the way of the network.
    """

    def __init__(self) -> None:
        from fastcrc import crc64

        self._crc_of = crc64.xz  # = OSS's "crc64ecma": check value 995dc9bbdf1939fa for "123456789"
        self.crc64 = 0
        self._sha = sha256()
        self._chunks: queue.Queue[bytes | None] = queue.Queue(_QUEUED)
        self._thread = threading.Thread(target=self._hash, name="sha256", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._chunks.put(None)
        self._thread.join()

    def _hash(self) -> None:
        while (chunk := self._chunks.get()) is not None:
            self._sha.update(chunk)
            self._chunks.task_done()
        self._chunks.task_done()

    def add(self, chunk: bytes) -> None:
        """Count the next bytes of the file."""
        self.crc64 = self._crc_of(chunk, self.crc64)
        self._chunks.put(chunk)

    def reset(self) -> None:
        """Begin anew: the file starts again from its first byte."""
        self._chunks.join()
        self.crc64, self._sha = 0, sha256()

    def sha256(self) -> str:
        """SHA-256 of everything that came, in hex."""
        self._chunks.join()
        return self._sha.hexdigest()
