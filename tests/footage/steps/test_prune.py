"""What only served the way of clips that are long finished goes; what anybody may still need stays."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from countedstore import CountedStore
from meetingstore import MeetingStore
from records import bought

from footage.evidence.clip_evidence import ClipEvidence
from footage.evidence.lease import Worker
from footage.evidence.records import Joined
from footage.evidence.stored_clips import keys_in
from footage.push.wake_ups import wake, wake_to_cancel
from footage.steps.open_clips import open_keys
from footage.steps.prune import RUNS_KEPT, WORKERS_KEPT, Pruned, prune
from footage.storage import Store, open_store

DAY = timedelta(days=1)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return open_store(str(tmp_path / "store"))


def pruned(store: Any) -> Pruned:
    return prune(store, keys_in(store), open_keys(store))


def age(store: Store, beginning: str, days: timedelta) -> None:
    """Have everything whose path begins like this be written so long ago."""
    written_s = time.time() - days.total_seconds()
    for path in store.list():
        file = store.local_path(path) if path.startswith(beginning) else None
        if file is not None:
            os.utime(file, (written_s, written_s))


def of_run(clip: ClipEvidence, run_id: str) -> None:
    clip.join_run(run_id, Joined(key=clip.key, joined_at=datetime.now(UTC), attempts=0))


def test_a_run_goes_when_it_is_old_and_all_of_its_clips_are_finished(store: Store) -> None:
    finished, left = bought(store, "t1", "succeeded", sealed=True), bought(store, "t2")
    of_run(finished, "done")
    of_run(finished, "half")
    of_run(left, "half")

    assert pruned(store).runs == 0
    age(store, "runs/", RUNS_KEPT - DAY)
    assert pruned(store).runs == 0
    age(store, "runs/", RUNS_KEPT + DAY)
    assert pruned(store).runs == 1

    assert {path.split("/")[1] for path in store.list("runs/")} == {"half"}


def test_a_run_to_which_a_clip_was_added_lately_stays(store: Store) -> None:
    clips = [bought(store, name, "succeeded", sealed=True) for name in ("t1", "t2")]
    of_run(clips[0], "long")
    age(store, "runs/", 2 * RUNS_KEPT)
    of_run(clips[1], "long")

    assert pruned(store).runs == 0
    assert len(store.list("runs/long/")) == 2


def test_of_more_runs_than_one_night_takes_the_others_go_in_the_next_ones(store: Store) -> None:
    clip = bought(store, "t1", "succeeded", sealed=True)
    # Those that stay are in the way of nobody, whatever their names are.
    for run in ("a-young", "b", "c", "d", "e", "f", "z-young"):
        of_run(clip, run)
    age(store, "runs/", 2 * RUNS_KEPT)
    for run in ("a-young", "z-young"):
        age(store, f"runs/{run}/", DAY)

    nights = [prune(store, keys_in(store), open_keys(store), most=2).runs for _ in range(4)]

    assert nights == [2, 2, 1, 0]
    assert {path.split("/")[1] for path in store.list("runs/")} == {"a-young", "z-young"}


def test_the_plan_of_a_run_that_ordered_nothing_goes_with_its_run(store: Store) -> None:
    # It was refused, stopped by a cap, or nobody approved it.
    store.create("runs/refused/plan.json", b"{}")

    age(store, "runs/", RUNS_KEPT - DAY)
    assert pruned(store).runs == 0
    age(store, "runs/", RUNS_KEPT + DAY)
    assert pruned(store).runs == 1

    assert store.list("runs/") == []


def test_old_files_of_runs_are_taken_away_several_at_once(store: Store) -> None:
    clip = bought(store, "t1", "succeeded", sealed=True)
    for run in ("one", "other"):
        of_run(clip, run)
    age(store, "runs/", RUNS_KEPT + DAY)

    assert pruned(MeetingStore(store, "delete", "runs/")).runs == 2


def test_a_worker_that_shows_no_life_for_days_goes_and_one_that_beats_stays(store: Store) -> None:
    dead, quiet, alive = (Worker(store, 60) for _ in range(3))
    for worker in (dead, alive):
        worker.beat()
    age(store, "workers/", WORKERS_KEPT + DAY)
    quiet.beat()
    age(store, quiet.path, WORKERS_KEPT - DAY)
    alive.beat()

    assert pruned(store).workers == 1

    assert store.list("workers/") == sorted([quiet.path, alive.path])


def test_a_worker_s_file_that_says_nothing_goes_as_well(store: Store) -> None:
    store.create("workers/other.json", b"?")
    age(store, "workers/", WORKERS_KEPT + DAY)

    assert pruned(store).workers == 1


def test_notes_about_clips_that_are_not_open_go(store: Store) -> None:
    finished, left = bought(store, "t1", "succeeded", sealed=True), bought(store, "t2")
    finished.unmark_open()
    left.mark_open()
    for clip in (finished, left):
        wake(store, clip.key)
        wake_to_cancel(store, clip.key)

    assert pruned(store).wake_ups == 2

    assert store.list("wakeups") == [f"wakeups/{left.key}", f"wakeups/{left.key}.cancel"]


class _ByAnotherClock(CountedStore):
    """A store whose clock is behind ours."""

    def list_dated(self, prefix: str) -> Iterator[tuple[str, datetime | None]]:
        for path, at in self._store.list_dated(prefix):
            yield path, at and at - 100 * DAY


class _Timeless(CountedStore):
    """A store whose listings tell no times."""

    def list_dated(self, prefix: str) -> Iterator[tuple[str, datetime | None]]:
        for path, _ in self._store.list_dated(prefix):
            yield path, None


def test_ages_are_counted_by_the_clock_of_the_store(store: Store) -> None:
    of_run(bought(store, "t1", "succeeded", sealed=True), "done")
    Worker(store, 60).beat()

    assert pruned(_ByAnotherClock(store)) == Pruned(0, 0, 0)
    age(store, "runs/", 2 * RUNS_KEPT)
    assert pruned(_ByAnotherClock(store)) == Pruned(1, 0, 0)


def test_what_has_no_age_stays(store: Store) -> None:
    of_run(bought(store, "t1", "succeeded", sealed=True), "done")
    Worker(store, 60).beat()
    age(store, "", 400 * DAY)

    assert pruned(_Timeless(store)) == Pruned(0, 0, 0)


def test_claims_and_evidence_stay(store: Store) -> None:
    clip = bought(store, "t1", "succeeded", sealed=True)
    of_run(clip, "done")
    before = [*store.list("claims/"), *store.list(clip.folder)]
    age(store, "", 400 * DAY)

    assert pruned(store).runs == 1

    assert [*store.list("claims/"), *store.list(clip.folder)] == before


def test_a_night_in_which_nothing_is_old_asks_nothing_of_each_run_and_leaves_nothing_behind(
    store: Store,
) -> None:
    clip = bought(store, "t1", "succeeded", sealed=True)
    asked: list[int] = []

    for runs in (range(1), range(1, 20)):
        for run in runs:
            of_run(clip, f"run-{run}")
        before, counted = store.list(), CountedStore(store)
        prune(counted, keys_in(store), open_keys(store))  # type: ignore[arg-type]
        asked.append(len(counted.asked))
        assert store.list() == before

    assert asked[0] == asked[1]
