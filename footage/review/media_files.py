"""Clips, posters and films as a browser asks for them: by key, in byte ranges, and never by a path."""

from __future__ import annotations

import logging
import threading
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from footage.errors import NotThere
from footage.scratch import scratch_folder

if TYPE_CHECKING:
    from footage.storage import Store

logger = logging.getLogger(__name__)

# A player asks for a clip in many pieces; a store over the network is asked for the whole of it once.
_MOST_COPIES = 300


class MediaFiles:
    """Files of a store as local ones; of a store elsewhere as copies, the newest of which are kept."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._until_closed = ExitStack()
        self._copies = self._until_closed.enter_context(scratch_folder())
        self._lock = threading.Lock()
        self._fetching: dict[str, threading.Lock] = {}

    def close(self) -> None:
        """Delete the copies."""
        self._until_closed.close()

    def local(self, path: str, *, changes: bool = False) -> Path:
        """A local file with the bytes of `path`; `changes`: it may be another one by now.

        Raises:
            NotThere: There is no such file.
            StorageProblem: The store cannot be read.
        """
        own = self._store.local_path(path)
        if own is not None:
            if not own.is_file() or own.is_symlink():
                raise NotThere(f"{path} is not there.", path=path)
            return own
        with self._lock:
            turn = self._fetching.setdefault(path, threading.Lock())
        with turn:
            return self._copy(path, changes)

    def _copy(self, path: str, changes: bool) -> Path:
        facts = self._store.facts(path) if changes else None
        mark = "" if facts is None else f"-{facts.size_bytes}-{(facts.sha256 or '')[:16]}"
        copy = self._copies / f"{path.replace('/', '-')}{mark}"
        if not copy.exists():
            part = copy.with_name(f".{copy.name}.part")
            self._store.get_file(path, part)
            part.replace(copy)
            self._forget_old()
        return copy

    def _forget_old(self) -> None:
        copies = sorted(self._copies.glob("[!.]*"), key=lambda copy: copy.stat().st_mtime)
        for copy in copies[:-_MOST_COPIES]:
            copy.unlink()
