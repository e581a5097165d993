"""What was read of clips that cannot change any more, kept in the user's cache folder; never the truth.

One SQLite file a store. Without it, or where it cannot be read or written, everything is read from the evidence.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import sqlite3
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from footage.library.library_clip import LibraryClip

logger = logging.getLogger(__name__)

# Raised whenever the columns, or what is read of a clip, change: then everything is read anew.
_VERSION = 1
_TABLE = "CREATE TABLE IF NOT EXISTS clips (key TEXT PRIMARY KEY, seen TEXT NOT NULL, clip BLOB NOT NULL)"


@dataclass(frozen=True)
class Indexed:
    """A clip as it was read, and what was seen of its evidence then."""

    seen: str
    clip: LibraryClip


class ClipIndex:
    """The index of one store; it never fails, at worst it is empty."""

    def __init__(self, folder: Path | None, store_url: str, identity: bytes) -> None:
        """`identity` tells a store from another one that stood at the same address before."""
        name = hashlib.sha256(store_url.encode() + b"\n" + identity).hexdigest()[:24]
        self._path = folder / f"{name}.sqlite" if folder is not None else None

    def read(self) -> dict[str, Indexed]:
        """Everything that is kept, by key."""
        try:
            with self._opened() as database:
                rows = database.execute("SELECT key, seen, clip FROM clips").fetchall()
                return {key: Indexed(seen, LibraryClip.from_bytes(clip)) for key, seen, clip in rows}
        except (sqlite3.Error, OSError) as error:
            logger.info("The index of the clips cannot be read: %s", error)
        except ValueError as error:
            logger.info("The index of the clips does not fit (%s).", type(error).__name__)
        self._discard()
        return {}

    def write(self, found: dict[str, Indexed], gone: Iterable[str]) -> None:
        """Keep what was read now, and forget what is gone."""
        rows = [(key, one.seen, one.clip.to_bytes()) for key, one in found.items()]
        try:
            with self._opened() as database, database:
                database.executemany("DELETE FROM clips WHERE key = ?", [(key,) for key in gone])
                database.executemany("INSERT OR REPLACE INTO clips VALUES (?, ?, ?)", rows)
        except (sqlite3.Error, OSError) as error:
            logger.info("The index of the clips cannot be written: %s", error)

    def _opened(self) -> contextlib.closing[sqlite3.Connection]:
        if self._path is None:
            return contextlib.closing(sqlite3.connect(":memory:"))
        self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        # Prompts are nobody else's.
        os.close(os.open(self._path, os.O_CREAT | os.O_RDWR, 0o600))
        database = sqlite3.connect(self._path, timeout=10)
        try:
            if database.execute("PRAGMA user_version").fetchone()[0] != _VERSION:
                database.execute("DROP TABLE IF EXISTS clips")
                database.execute(f"PRAGMA user_version = {_VERSION}")
            database.execute(_TABLE)
        except sqlite3.Error:
            database.close()
            raise
        return contextlib.closing(database)

    def _discard(self) -> None:
        if self._path is not None:
            with contextlib.suppress(OSError):
                self._path.unlink()


def cache_folder() -> Path | None:
    """Where this user's programs keep what they can make again; None where that cannot be told."""
    if given := os.environ.get("XDG_CACHE_HOME"):
        return Path(given) / "wan-video"
    try:
        home = Path.home()
    except RuntimeError:
        return None
    if sys.platform == "darwin":
        return home / "Library" / "Caches" / "wan-video"
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or home / "AppData" / "Local") / "wan-video" / "Cache"
    return home / ".cache" / "wan-video"
