"""Every night: take away what only served the way of clips that are long finished.

    runs/<run>/…           a run whose clips are all finished, after `RUNS_KEPT`: nobody cancels it any more
    workers/<worker>.json  one whose beat stood still for `WORKERS_KEPT`: its process was killed
    wakeups/<key>…         of a clip that is not open: nobody waits for it

Stores do not tell how old a file is, and clocks of machines differ, so ages count from the night that first saw it;
`pruned.json` remembers, and may be lost. `claims/` stays: it says whose each task is, which is part of the proof of a
finished clip. So does the plan of a board that ordered nothing yet: somebody may still approve it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from footage.errors import BadRecord, NotThere
from footage.evidence.clip_evidence import is_key
from footage.evidence.reader import RecordReader
from footage.evidence.records import Record, WorkerRecord
from footage.evidence.stored_clips import unfinished
from footage.push.wake_ups import FOLDER as WAKE_UPS

if TYPE_CHECKING:
    from footage.storage import Store

_MEMORY = "pruned.json"
RUNS_KEPT = timedelta(days=30)
WORKERS_KEPT = timedelta(days=7)
# As many as one record holds; the others wait for their turn.
MOST_REMEMBERED = 20_000
# A worker's file is read each night until it goes.
_MOST_WORKERS = 1_000

_Short = Annotated[str, Field(pattern=r"^[0-9a-f]{12}$")]


class _StoodStill(Record):
    """A worker's beat, and the night that first saw it."""

    beat: int
    since: date


class _Memory(Record):
    """`pruned.json`: when runs and beats were first seen, by the shortened hash of their name."""

    runs: dict[_Short, date] = Field(default_factory=dict)
    workers: dict[_Short, _StoodStill] = Field(default_factory=dict)


@dataclass(frozen=True)
class Pruned:
    """How many of each were taken away."""

    runs: int
    workers: int
    wake_ups: int


def prune(store: Store, known: Mapping[str, set[str]], open_keys: set[str], today: date) -> Pruned:
    """Take away what is old and of no use; `known` are the clips with their files, as `keys_in` tells.

    Raises:
        StorageProblem: The store cannot be listed or written.
    """
    before = _remembered(store)
    runs, gone_runs = _prune_runs(store, known, open_keys, before.runs, today)
    workers, gone_workers = _prune_workers(store, before.workers, today)
    after = _Memory(runs=runs, workers=workers)
    if after != before:
        # Compact: an indented one is half blanks.
        store.replace(_MEMORY, after.model_dump_json().encode())
    return Pruned(gone_runs, gone_workers, _prune_wake_ups(store, open_keys))


def _prune_runs(
    store: Store, known: Mapping[str, set[str]], open_keys: set[str], seen: Mapping[str, date], today: date
) -> tuple[dict[str, date], int]:
    """What to remember of the runs that stay, and how many went."""
    runs: dict[str, list[str]] = {}
    for path in store.list("runs/"):
        if path.count("/") == 2:
            runs.setdefault(path.split("/")[1], []).append(path)
    remembered: dict[str, date] = {}
    gone = 0
    for run, paths in runs.items():
        since = seen.get(_short(run), today)
        keys = {key for path in paths if is_key(key := path.rpartition("/")[2])}
        needed = any(key in open_keys or unfinished(known.get(key, set())) for key in keys)
        if keys and not needed and today - since >= RUNS_KEPT:
            for path in paths:
                store.delete(path)
            gone += 1
        elif len(remembered) < MOST_REMEMBERED:
            remembered[_short(run)] = since
    return remembered, gone


def _prune_workers(
    store: Store, seen: Mapping[str, _StoodStill], today: date
) -> tuple[dict[str, _StoodStill], int]:
    """What to remember of the workers that stay, and how many went."""
    remembered: dict[str, _StoodStill] = {}
    gone = 0
    for path in store.list("workers/")[:_MOST_WORKERS]:
        try:
            beat = RecordReader(store).record(path, WorkerRecord).beat
        except NotThere:
            continue
        except BadRecord:
            # Nobody beats there: a worker replaces the whole file.
            beat = -1
        short = _short(path)
        now = seen.get(short)
        if now is None or now.beat != beat:
            now = _StoodStill(beat=beat, since=today)
        if today - now.since >= WORKERS_KEPT:
            store.delete(path)
            gone += 1
        else:
            remembered[short] = now
    return remembered, gone


def _prune_wake_ups(store: Store, open_keys: set[str]) -> int:
    """Take away the notes of clips that are not open; one too many gone makes a clip wait a little longer."""
    gone = 0
    for path in store.list(WAKE_UPS):
        if path.rpartition("/")[2].partition(".")[0] not in open_keys:
            store.delete(path)
            gone += 1
    return gone


def _remembered(store: Store) -> _Memory:
    try:
        return RecordReader(store).record(_MEMORY, _Memory)
    except (NotThere, BadRecord):
        # Then ages count from tonight.
        return _Memory()


def _short(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()[:12]
