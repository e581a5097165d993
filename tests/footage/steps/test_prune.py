"""What only served the way of clips that are long finished goes; what anybody may still need stays."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from countedstore import CountedStore
from records import bought

from footage.evidence.clip_evidence import ClipEvidence
from footage.evidence.lease import Worker
from footage.evidence.records import Joined
from footage.evidence.stored_clips import keys_in
from footage.push.wake_ups import wake, wake_to_cancel
from footage.steps.open_clips import open_keys
from footage.steps.prune import RUNS_KEPT, WORKERS_KEPT, Pruned, prune
from footage.storage import Store, open_store

TODAY = date(2026, 11, 28)
DAY = timedelta(days=1)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return open_store(str(tmp_path / "store"))


def pruned(store: Store, today: date) -> Pruned:
    return prune(store, keys_in(store), open_keys(store), today)


def of_run(clip: ClipEvidence, run_id: str) -> None:
    clip.join_run(run_id, Joined(key=clip.key, joined_at=datetime.now(UTC), attempts=0))


def test_a_run_goes_when_it_is_old_and_all_of_its_clips_are_finished(store: Store) -> None:
    finished, left = bought(store, "t1", "succeeded", sealed=True), bought(store, "t2")
    of_run(finished, "done")
    of_run(finished, "half")
    of_run(left, "half")

    assert pruned(store, TODAY).runs == 0
    assert pruned(store, TODAY + RUNS_KEPT - DAY).runs == 0
    assert pruned(store, TODAY + RUNS_KEPT).runs == 1

    assert {path.split("/")[1] for path in store.list("runs/")} == {"half"}


def test_a_plan_that_somebody_may_still_approve_stays(store: Store) -> None:
    store.create("runs/waits/plan.json", b"{}")

    for night in range(100):
        pruned(store, TODAY + night * DAY)

    assert store.list("runs/") == ["runs/waits/plan.json"]


def test_a_worker_whose_beat_stands_still_for_days_goes(store: Store) -> None:
    dead, alive = Worker(store, 60), Worker(store, 60)
    dead.beat()
    for night in range(8):
        alive.beat()
        pruned(store, TODAY + night * DAY)

    assert store.list("workers/") == [alive.path]
    assert timedelta(days=7) == WORKERS_KEPT


def test_a_worker_s_file_that_says_nothing_goes_as_well(store: Store) -> None:
    store.create("workers/other.json", b"?")

    assert [pruned(store, TODAY + night * DAY).workers for night in (0, 6, 7)] == [0, 0, 1]


def test_notes_about_clips_that_are_not_open_go(store: Store) -> None:
    finished, left = bought(store, "t1", "succeeded", sealed=True), bought(store, "t2")
    finished.unmark_open()
    left.mark_open()
    for clip in (finished, left):
        wake(store, clip.key)
        wake_to_cancel(store, clip.key)

    assert pruned(store, TODAY).wake_ups == 2

    assert store.list("wakeups") == [f"wakeups/{left.key}", f"wakeups/{left.key}.cancel"]


def test_a_lost_memory_keeps_everything_for_longer_and_costs_nothing_else(store: Store) -> None:
    of_run(bought(store, "t1", "succeeded", sealed=True), "done")
    pruned(store, TODAY)
    store.replace("pruned.json", b"[]")

    assert pruned(store, TODAY + RUNS_KEPT).runs == 0
    assert pruned(store, TODAY + 2 * RUNS_KEPT).runs == 1


def test_claims_and_evidence_stay(store: Store) -> None:
    clip = bought(store, "t1", "succeeded", sealed=True)
    of_run(clip, "done")
    before = [*store.list("claims/"), *store.list(clip.folder)]

    for night in (0, 40):
        pruned(store, TODAY + night * DAY)

    assert [*store.list("claims/"), *store.list(clip.folder)] == before


def test_a_night_in_which_nothing_changed_costs_its_listings_and_writes_nothing(store: Store) -> None:
    of_run(bought(store, "t1", "succeeded", sealed=True), "done")
    pruned(store, TODAY)
    counted = CountedStore(store)

    prune(counted, keys_in(store), open_keys(store), TODAY)  # type: ignore[arg-type]

    assert sorted(method for method, _ in counted.asked) == ["list", "list", "read"]
    assert counted.written() == []
