"""Every night: take away what only served the way of clips that are long finished.

    runs/<run>/…           a run whose clips are all finished, after `RUNS_KEPT`: nobody cancels it any more
    workers/<worker>.json  one that was not rewritten for `WORKERS_KEPT`: its process was killed
    wakeups/<key>…         of a clip that is not open: nobody waits for it

Ages are told by the store's listing and counted by the store's own clock, because a living worker that was taken for
dead could buy twice; where a listing tells none, these files stay. `claims/` stays: a task without its claim could be
given to a second clip, and whose it is belongs to the proof of a finished one. A plan goes with its run; an approval is
waited for one day.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from typing import TYPE_CHECKING

from footage.concurrency.executors import STORE_CALLS_AT_ONCE, call_each, windows
from footage.evidence.clip_evidence import is_key
from footage.evidence.stored_clips import unfinished
from footage.push.wake_ups import FOLDER as WAKE_UPS

if TYPE_CHECKING:
    from footage.storage import Store

RUNS_KEPT = timedelta(days=30)
WORKERS_KEPT = timedelta(days=7)
# Files of runs, in one night: each costs a request. As many again as a busy day brings, for nights that were missed.
MOST_DELETED = 200_000
# So many wait in memory for their turn.
_WINDOW = 1_000


@dataclass(frozen=True)
class Pruned:
    """How many of each were taken away."""

    runs: int
    workers: int
    wake_ups: int


def prune(
    store: Store, known: Mapping[str, set[str]], open_keys: set[str], *, most: int = MOST_DELETED
) -> Pruned:
    """Take away what is old and of no use; `known` are the clips with their files, as `keys_in` tells.

    After `most` files of runs the others wait for the next night.

    Raises:
        StorageProblem: The store cannot be listed or written.
    """
    now = _now(store)
    return Pruned(
        0 if now is None else _prune_runs(store, known, open_keys, now - RUNS_KEPT, most),
        0 if now is None else _prune_workers(store, now - WORKERS_KEPT),
        _prune_wake_ups(store, open_keys),
    )


def _now(store: Store) -> datetime | None:
    """The time by the store's clock; None where its listings tell none."""
    path = f".checks/{secrets.token_hex(8)}"
    store.create(path, b"")
    try:
        return dict(store.list_dated(".checks/")).get(path)
    finally:
        store.delete(path)


def _prune_runs(
    store: Store, known: Mapping[str, set[str]], open_keys: set[str], written_before: datetime, most: int
) -> int:
    gone, old = 0, list[str]()
    for _, files in groupby(store.list_dated("runs/"), key=lambda file: file[0].split("/")[1]):
        if len(old) >= most:
            break
        dates = dict(files)
        paths = [path for path in dates if path.count("/") == 2]
        keys = {key for path in paths if is_key(key := path.rpartition("/")[2])}
        needed = any(key in open_keys or unfinished(known.get(key, set())) for key in keys)
        if paths and not needed and all(at is not None and at < written_before for at in dates.values()):
            gone += 1
            old += paths
    _delete(store, old)
    return gone


def _prune_workers(store: Store, written_before: datetime) -> int:
    """Take away those that do not live: a living one rewrites its file every few seconds."""
    dead = [path for path, at in store.list_dated("workers/") if at is not None and at < written_before]
    _delete(store, dead)
    return len(dead)


def _prune_wake_ups(store: Store, open_keys: set[str]) -> int:
    """Take away the notes of clips that are not open; one too many gone makes a clip wait a little longer."""
    stale = [
        path for path in store.list(WAKE_UPS) if path.rpartition("/")[2].partition(".")[0] not in open_keys
    ]
    _delete(store, stale)
    return len(stale)


def _delete(store: Store, paths: Iterable[str]) -> None:
    # One after the other, a night's files would take hours on a bucket.
    for window in windows(paths, _WINDOW):
        call_each(store.delete, window, STORE_CALLS_AT_ONCE)
