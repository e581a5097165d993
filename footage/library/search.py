"""Find clips of a store: every one that it has now, the open ones first, then the newest."""

from __future__ import annotations

import hashlib
import logging
import re
import unicodedata
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from footage.concurrency.executors import STORE_CALLS_AT_ONCE
from footage.errors import NotThere, StorageProblem
from footage.evidence.clip_evidence import is_key
from footage.evidence.stored_clips import names_of
from footage.library.clip_index import ClipIndex, Indexed, cache_folder
from footage.library.library_clip import BoardTake, LibraryClip, LibraryState, read_clip
from footage.storyboard.folder import ROOT

if TYPE_CHECKING:
    from footage.storage import Store

logger = logging.getLogger(__name__)

# More than this is worth a word before it is done.
_MANY = 500
_TAKE = re.compile(
    r"takes/(?P<shot>[^/]+)/(?P<take>[1-9][0-9]{0,5})-(?P<key>[0-9a-f]{64})(?:-[0-9a-f]{8})?\.json"
)


@dataclass(frozen=True)
class ClipQuery:
    """Which clips are asked for; what is not given does not matter."""

    # All of them, anywhere in the prompt, whatever their case.
    words: tuple[str, ...] = ()
    model: str | None = None
    state: LibraryState | None = None
    # The name of its folder.
    board: str | None = None
    since: datetime | None = None
    offset: int = 0
    # None: all.
    limit: int | None = None

    def fits(self, clip: LibraryClip) -> bool:
        """Whether the clip is asked for."""
        return (
            self.model in (None, clip.model)
            and self.state in (None, clip.state)
            and (self.board is None or any(place.board == self.board for place in clip.boards))
            and (self.since is None or (clip.at is not None and clip.at >= self.since))
            and self._has_words(clip)
        )

    def _has_words(self, clip: LibraryClip) -> bool:
        if not self.words:
            return True
        prompt = _folded(clip.prompt)
        return all(_folded(word) in prompt for word in self.words)


@dataclass(frozen=True)
class FoundClips:
    """The clips that were asked for, how many fit, and what all clips of the store can be asked by."""

    clips: tuple[LibraryClip, ...]
    total: int
    models: tuple[str, ...]
    boards: tuple[str, ...]


def find_clips(store: Store, query: ClipQuery, *, cache: Path | None = None) -> FoundClips:
    """The clips that fit; reads the store and this user's index of it, and writes only that.

    `cache`: the folder of the index, the user's own if None.

    Raises:
        StorageProblem: The store cannot be listed.
    """
    places = _places(store)
    clips = _all_clips(store, cache or cache_folder())
    everything = [clip.on(tuple(places[clip.key])) if clip.key in places else clip for clip in clips]
    fitting = sorted((clip for clip in everything if query.fits(clip)), key=_order)
    end = None if query.limit is None else query.offset + query.limit
    return FoundClips(
        clips=tuple(fitting[query.offset : end]),
        total=len(fitting),
        models=tuple(sorted({clip.model for clip in everything if clip.model})),
        boards=tuple(sorted({place.board for clip in everything for place in clip.boards})),
    )


def _order(clip: LibraryClip) -> tuple[bool, float, str]:
    return clip.state != "open", -clip.at.timestamp() if clip.at is not None else 0.0, clip.key


def _folded(text: str) -> str:
    return unicodedata.normalize("NFKC", text).casefold()


# What is seen of a clip that has its result: its records are created once, so nothing of it changes any more.
_FINISHED = "finished"


def _all_clips(store: Store, cache: Path | None) -> Iterable[LibraryClip]:
    keys = [key for key in store.folders("evidence") if is_key(key)]
    index = ClipIndex(cache, store.url, _identity(store))
    known = index.read()
    with ThreadPoolExecutor(STORE_CALLS_AT_ONCE) as pool:
        rest = [key for key in keys if key not in known or not _still_finished(store, known[key])]
        seen = dict(zip(rest, pool.map(partial(_names_sha256, store), rest), strict=True))
        changed = [key for key in rest if key not in known or known[key].seen != seen[key]]
        if len(changed) > _MANY:
            logger.info("%d clips are looked at for the first time; the next look is quick.", len(changed))
        read = dict(zip(changed, pool.map(partial(read_clip, store), changed), strict=True))
    fresh = {
        key: Indexed(_FINISHED if clip.state == "finished" else seen[key], clip) for key, clip in read.items()
    }
    gone = known.keys() - set(keys)
    if fresh or gone:
        index.write(fresh, gone)
    return [(fresh.get(key) or known[key]).clip for key in keys]


def _still_finished(store: Store, known: Indexed) -> bool:
    """Whether nothing has to be asked about a clip; where a question costs nothing, its result is looked for.

    Somebody may have put an older copy of its folder there.
    """
    if known.seen != _FINISHED:
        return False
    return store.remote or store.exists(f"evidence/{known.clip.key}/result.json")


def _names_sha256(store: Store, key: str) -> str:
    """What tells how far a clip came: records are created and never rewritten, so their names do."""
    return hashlib.sha256("\n".join(sorted(names_of(store, key))).encode()).hexdigest()


def _identity(store: Store) -> bytes:
    """What was written into this store once, and into no other one."""
    try:
        return store.read("store.json", max_bytes=4096)
    except (NotThere, StorageProblem):
        return b""


def _places(store: Store) -> dict[str, list[BoardTake]]:
    """Where each clip stands in boards, by its key, as the names of the records of takes say."""
    boards = store.folders(ROOT)
    with ThreadPoolExecutor(STORE_CALLS_AT_ONCE) as pool:
        listed = pool.map(store.list, [f"{ROOT}/{board}/takes" for board in boards])
        found: dict[str, list[BoardTake]] = {}
        for board, paths in zip(boards, listed, strict=True):
            for path in paths:
                if match := _TAKE.fullmatch(path.removeprefix(f"{ROOT}/{board}/")):
                    place = BoardTake(board, match["shot"], int(match["take"]))
                    places = found.setdefault(match["key"], [])
                    places += [place] if place not in places else []
    return found
