"""What one worker has itself read or created of a clip's folder, so that a store is not asked for it again.

The files there are created and never rewritten. A listing decides which of them there are: one that a later listing
no longer shows is forgotten, and a file that somebody else turns out to have written makes the last one out of date.
"""

from __future__ import annotations

import hashlib
import threading
import time
from typing import TYPE_CHECKING

from footage.errors import AlreadyThere

if TYPE_CHECKING:
    from footage.storage import Store

# Larger ones are no records, and of those the hash is enough.
_MOST_KEPT_BYTES = 1 << 20


class KeptFiles:
    """The files of one clip's folder; every method may raise StorageProblem. Thread-safe.

    Paths elsewhere pass through to the store.
    """

    def __init__(self, store: Store, folder: str, *, keep: bool) -> None:
        self._store = store
        self._keep_bytes = keep
        self._folder = folder
        self._lock = threading.Lock()
        self.forget()

    @property
    def url(self) -> str:
        return self._store.url

    def forget(self) -> None:
        """Have everything asked for anew."""
        with self._lock:
            self._names: set[str] = set()
            self._listed_s = float("-inf")
            self._bytes: dict[str, bytes] = {}
            self._sha256: dict[str, str] = {}
            self._created: set[str] = set()

    def list(self, seen_within_s: float = 0.0) -> list[str]:
        """Every path below the folder, sorted; as the store says now, or said within the last seconds.

        What was created here since counts as listed.
        """
        with self._lock:
            if time.monotonic() - self._listed_s < seen_within_s:
                return sorted(self._names)
        asked_s = time.monotonic()
        names = self._store.list(self._folder)
        with self._lock:
            self._names, self._listed_s = set(names), asked_s
            for path in {*self._bytes, *self._sha256} - self._names:
                self._bytes.pop(path, None)
                self._sha256.pop(path, None)
                self._created.discard(path)
        return names

    def read(self, path: str, *, max_bytes: int | None = None) -> bytes:
        """The file's bytes, or the first `max_bytes`. Raises NotThere."""
        with self._lock:
            kept = self._bytes.get(path)
        if kept is not None:
            return kept[:max_bytes]
        data = self._store.read(path, max_bytes=max_bytes)
        if max_bytes is None or len(data) < max_bytes:
            self._keep(path, data)
        return data

    def create(self, path: str, data: bytes) -> None:
        """Write a file that must not be there yet. Raises AlreadyThere."""
        try:
            self._store.create(path, data)
        except AlreadyThere:
            with self._lock:
                self._listed_s = float("-inf")
            raise
        self._keep(path, data)
        with self._lock:
            self._created.add(path)
            if path.startswith(f"{self._folder}/"):
                self._names.add(path)

    def created(self, path: str) -> bool:
        """Whether the file was written here, so that before nobody can have gone on from it."""
        with self._lock:
            return path in self._created

    def sha256(self, path: str) -> str:
        """SHA-256 of the file's bytes in hex."""
        with self._lock:
            known = self._sha256.get(path)
        return known or hashlib.sha256(self.read(path)).hexdigest()

    def _keep(self, path: str, data: bytes) -> None:
        if not self._keep_bytes or not path.startswith(f"{self._folder}/"):
            return
        with self._lock:
            self._sha256[path] = hashlib.sha256(data).hexdigest()
            if len(data) <= _MOST_KEPT_BYTES:
                self._bytes[path] = data
