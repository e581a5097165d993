"""The takes of a board: which there are, what people said of them, and which one the cut takes.

    verdicts of a take    new, keep, pick (one a shot, the last one), retake, reject
    state of a shot       picked, in review, retake asked, missing

The cut takes the pick, else the newest take of what the board asks now that is there and not rejected. A take of an
earlier request is listed and may be picked; nothing takes it by itself.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Literal, TypeVar

from footage.concurrency.executors import STORE_CALLS_AT_ONCE
from footage.errors import NotThere, StorageProblem
from footage.evidence.clip_evidence import ClipEvidence
from footage.evidence.reader import RecordReader
from footage.storyboard.cut import file_name
from footage.storyboard.review_records import RetakeRecord, TakeRecord, VerdictRecord

if TYPE_CHECKING:
    from footage.evidence.delivered_records import ResultRecord
    from footage.evidence.records import Record
    from footage.storage import Store

logger = logging.getLogger(__name__)

R = TypeVar("R", TakeRecord, RetakeRecord, VerdictRecord)
TakeState = Literal["new", "keep", "pick", "retake", "reject"]
ReviewState = Literal["picked", "in review", "retake asked", "missing"]

# What a verdict makes of a take; a note makes nothing of it.
_STATES: dict[str, TakeState] = {"keep": "keep", "pick": "pick", "retake": "retake", "reject": "reject"}


@dataclass(frozen=True)
class Take:
    """One take of a shot: its order, its result where it is delivered, and the last word about it."""

    record: TakeRecord
    result: ResultRecord | None
    state: TakeState = "new"
    verdict: VerdictRecord | None = None
    # Everything that was said of these bytes, notes too, in the order in which it was said.
    words: tuple[VerdictRecord, ...] = ()
    # Of everything that a board asked of the shot when it ordered this take.
    asked: frozenset[str] = frozenset()

    @property
    def number(self) -> int:
        return self.record.take

    @property
    def key(self) -> str:
        return self.record.key

    def is_of(self, shot_sha256: str) -> bool:
        """Whether it is a take of what the board asks of the shot."""
        # The key of a take that starts on its own is the hash of the shot whose first take it is.
        return shot_sha256 in {*self.asked, self.record.shot_sha256, self.key}


def provider_sha256(result: ResultRecord) -> str:
    """The hash of the bytes that the provider delivered, whatever rendition was made of them."""
    return result.original.sha256 if result.original is not None else result.clip.sha256


def chosen(takes: Sequence[Take], shot_sha256: str) -> Take | None:
    """The take of a shot that the cut takes; None where there is none to take."""
    there = [take for take in takes if take.result is not None]
    for take in there:
        if take.state == "pick":
            return take
    usable = [take for take in there if take.is_of(shot_sha256) and take.state != "reject"]
    return max(usable, key=_newest, default=None)


def all_rejected(takes: Sequence[Take], shot_sha256: str) -> bool:
    """Whether every take of what the board asks now is there, and nobody wants any of them."""
    asked = [take for take in takes if take.is_of(shot_sha256)]
    return bool(asked) and all(take.result is not None and take.state == "reject" for take in asked)


def state_of_shot(takes: Sequence[Take], shot_sha256: str) -> ReviewState:
    """Where a shot stands, by what was said of its takes."""
    take = chosen(takes, shot_sha256)
    if take is None:
        return "missing"
    if take.state == "pick":
        return "picked"
    return "retake asked" if take.state == "retake" else "in review"


def _newest(take: Take) -> tuple[int, datetime]:
    return take.number, take.record.ordered_at


def read_takes(store: Store, folder: str, shot_id: str | None = None) -> dict[str, tuple[Take, ...]]:
    """All takes of a board's shots, or of one shot, by shot id, oldest number first.

    A record that cannot be read is told and left out: it keeps no other take from being seen.

    Raises:
        StorageProblem: The folder cannot be listed.
    """
    records = _records(store, f"{folder}/takes", TakeRecord, shot_id)
    verdicts: dict[str, list[VerdictRecord]] = {}
    for verdict in read_verdicts(store, folder, shot_id):
        verdicts.setdefault(verdict.shot, []).append(verdict)
    keys = sorted({record.key for record in records})
    with ThreadPoolExecutor(STORE_CALLS_AT_ONCE) as pool:
        results = dict(zip(keys, pool.map(partial(_result, store), keys), strict=True))
    same: dict[tuple[str, int, str], list[TakeRecord]] = {}
    for record in records:
        same.setdefault((record.shot, record.take, record.key), []).append(record)
    takes: dict[str, list[Take]] = {}
    for (shot, _, key), of_take in same.items():
        take = _judged(max(of_take, key=_ordered_when), results[key], verdicts.get(shot, ()))
        asked = frozenset(record.shot_sha256 for record in of_take)
        takes.setdefault(shot, []).append(replace(take, asked=asked))
    return {shot: tuple(sorted(found, key=_newest)) for shot, found in takes.items()}


def read_verdicts(store: Store, folder: str, shot_id: str | None = None) -> tuple[VerdictRecord, ...]:
    """Everything that was said of a board's takes, or of one shot's, in the order in which it was said.

    Raises:
        StorageProblem: The folder cannot be listed.
    """
    return tuple(sorted(_records(store, f"{folder}/verdicts", VerdictRecord, shot_id), key=_said_when))


def _ordered_when(record: TakeRecord) -> datetime:
    return record.ordered_at


def _said_when(verdict: VerdictRecord) -> tuple[int, str]:
    return verdict.number, verdict.shot


def read_retakes(store: Store, folder: str) -> tuple[RetakeRecord, ...]:
    """Every further take that somebody asked for.

    Raises:
        StorageProblem: The folder cannot be listed.
    """
    return tuple(_records(store, f"{folder}/retakes", RetakeRecord, None))


def take_paths(folder: str, record: TakeRecord) -> tuple[str, str]:
    """Where the record of a take is, and where it is if the same clip is there as a take of something else."""
    first, other = _names(record)
    return (
        f"{folder}/takes/{shot_folder(record.shot)}/{first}",
        f"{folder}/takes/{shot_folder(record.shot)}/{other}",
    )


def shot_folder(shot_id: str) -> str:
    """The name of a shot's folder; no two shots have the same."""
    name = file_name(shot_id)
    return name if name == shot_id else f"{name}-{hashlib.sha256(shot_id.encode()).hexdigest()[:8]}"


def _records(store: Store, folder: str, kind: type[R], shot_id: str | None) -> list[R]:
    prefix = folder if shot_id is None else f"{folder}/{shot_folder(shot_id)}"
    reader = RecordReader(store)

    def read(path: str) -> R | None:
        try:
            record = reader.record(path, kind)
        except (NotThere, StorageProblem) as error:
            logger.warning("%s It is left out.", error.message)
            return None
        if path not in [f"{folder}/{shot_folder(record.shot)}/{name}" for name in _names(record)]:
            logger.warning("%s/%s is not where it belongs. It is left out.", store.url.rstrip("/"), path)
            return None
        return record

    with ThreadPoolExecutor(STORE_CALLS_AT_ONCE) as pool:
        return [record for record in pool.map(read, store.list(prefix)) if record is not None]


def _names(record: Record) -> tuple[str, ...]:
    match record:
        case TakeRecord():
            name = f"{record.take}-{record.key}"
            return f"{name}.json", f"{name}-{record.shot_sha256[:8]}.json"
        case RetakeRecord():
            return (f"{record.take}.json",)
        case VerdictRecord():
            return (f"{record.number}.json",)
        case _:
            raise TypeError(type(record))


def _result(store: Store, key: str) -> ResultRecord | None:
    try:
        return ClipEvidence(store, key).result()
    except StorageProblem as error:
        logger.warning("%s The take is left out.", error.message)
        return None


def _judged(record: TakeRecord, result: ResultRecord | None, verdicts: Sequence[VerdictRecord]) -> Take:
    """A take with what was said of it; `verdicts` are those of its shot."""
    if result is None:
        return Take(record, None)
    bytes_now = (record.key, provider_sha256(result))
    words = tuple(v for v in verdicts if (v.key, v.sha256) == bytes_now)
    said = [v for v in words if v.verdict != "note"]
    if not said:
        return Take(record, result, words=words)
    last = said[-1]
    picks = [v for v in verdicts if v.verdict == "pick"]
    # A later pick of another take says of this one that it was good.
    state: TakeState = (
        "keep" if last.verdict == "pick" and last != picks[-1] else _STATES.get(last.verdict, "new")
    )
    return Take(record, result, state, last, words)
