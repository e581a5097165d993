"""A mark that is missing hides nothing."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from bench import MODEL, Bench
from countedstore import CountedStore
from harvests import book, harvest, listed, unreachable
from plainsteps import PLAIN_STEPS
from records import bought

from footage.clip import Clip
from footage.concurrency.executors import in_thread
from footage.errors import SubmissionUnknown
from footage.evidence.lease import Lease, Worker
from footage.evidence.state import Step
from footage.evidence.stored_clips import keys_in
from footage.provider import TaskRow
from footage.steps.harvest import harvest_store
from footage.steps.open_clips import repair_markers
from footage.storage import Store


def test_a_bought_clip_without_a_mark_is_found_by_the_account_s_tasks_and_finished_at_once(
    bench: Bench,
) -> None:
    harvest(bench.context(), list_tasks=listed())
    clip = book(bench, generation_s=5000.0)
    clip.evidence.unmark_open()
    bench.emulator.advance(6_000)

    without = harvest(bench.context(), list_tasks=listed())
    report = harvest(bench.context())

    assert without.delivered == []
    assert report.delivered == [clip.key]
    assert not any(task["task_id"] in line for line in report.strangers for task in bench.tasks())


async def test_what_the_account_s_tasks_brought_to_light_is_no_more_at_once(alone: Bench) -> None:
    await harvest_store(alone.context(), PLAIN_STEPS, list_tasks=_nothing_listed)
    clips = [await in_thread(book, alone, generation_s=80_000.0, take=take) for take in range(1, 11)]
    for clip in clips[6:]:
        clip.evidence.unmark_open()
    asked, waiting = set[str](), set[str]()
    most = most_tasks = 0
    all_asked = asyncio.Event()

    async def poll(clip: Clip) -> Any:
        nonlocal most, most_tasks
        most_tasks = max(most_tasks, len(asyncio.all_tasks()))
        asked.add(clip.key)
        waiting.add(clip.key)
        most = max(most, len(waiting))
        if len(asked) == len(clips):
            all_asked.set()
        try:
            await PLAIN_STEPS[Step.POLL](clip)
        finally:
            waiting.remove(clip.key)

    steps = {**PLAIN_STEPS, Step.POLL: poll}
    finished = asyncio.create_task(harvest_store(alone.context(deadline_s=3.0), steps, at_once=4))
    async with asyncio.timeout(30):
        await all_asked.wait()
        await finished

    assert 1 < most <= 4
    # No clip has a task of its own that waits for its turn.
    assert most_tasks < most + len(clips)


async def _nothing_listed(*_: Any) -> list[TaskRow]:
    return []


def test_what_the_account_s_tasks_brought_to_light_is_marked_where_it_cannot_be_finished_yet(
    store: Store,
) -> None:
    clip = bought(store, "t1")

    with unreachable(store) as context:
        harvest(context, list_tasks=listed("t1"))

    assert store.exists(f"open/{clip.key}")


def test_a_clip_that_a_person_names_is_finished_without_a_mark(bench: Bench) -> None:
    harvest(bench.context(), list_tasks=listed())
    clip = book(bench, generation_s=5000.0)
    clip.evidence.unmark_open()
    bench.emulator.advance(6_000)

    report = harvest(bench.context(), keys=(clip.key[:12],))

    assert report.delivered == [clip.key]


def test_a_paid_clip_whose_evidence_is_gone_is_told(store: Store) -> None:
    clip = bought(store, "t1")
    for path in store.list(clip.folder):
        store.delete(path)

    with unreachable(store) as context:
        report = harvest(context, list_tasks=listed("t1"))

    assert clip.key in report.warnings[0]
    assert "t1 is SUCCEEDED" in report.warnings[0]
    assert report.strangers == []


def test_a_finished_clip_costs_no_request_in_the_next_harvest(store: Store) -> None:
    clip = bought(store, "t1", "succeeded", sealed=True)

    asked = []
    for _ in range(2):
        counted: Any = CountedStore(store)
        with unreachable(counted) as context:
            harvest(context, list_tasks=listed("t1"))
        asked.append([path for _, path in counted.asked])

    assert [path for path in asked[0] if clip.key in path or "t1" in path]
    assert not [path for path in asked[1] if clip.key in path or "t1" in path]
    # Where nothing changed, nothing is written.
    assert asked[1].count("harvest.json") == 1


@pytest.mark.parametrize("memory", [b"", b"[]", b'{"finished": [1]}'])
def test_a_lost_memory_of_finished_tasks_costs_requests_and_nothing_else(store: Store, memory: bytes) -> None:
    bought(store, "t1", "succeeded", sealed=True)
    store.replace("harvest.json", memory)

    with unreachable(store) as context:
        report = harvest(context, list_tasks=listed("t1", "t2"))

    assert (report.warnings, report.delivered) == ([], [])
    assert report.strangers == [f"t2 {MODEL} SUCCEEDED"]


def test_a_lost_submission_that_harvest_settles_is_no_unclaimed_task(bench: Bench) -> None:
    bench.fault("create-accept-reset")
    clip = bench.clip(bench.context(deadline_s=0.05, reconcile_grace_s=60.0))
    with pytest.raises(SubmissionUnknown):
        bench.make(clip)

    report = harvest(bench.context())

    assert report.delivered == [clip.key]
    assert not any(task["task_id"] in line for line in report.strangers for task in bench.tasks())


def test_a_night_sets_marks_right_and_prunes_the_leases_of_what_is_not_open(store: Store) -> None:
    missing, stale, failed = bought(store, "t1"), bought(store, "t2", "lost"), bought(store, "t3", "failed")
    stale.mark_open()
    for clip in (missing, failed):
        lease = Lease(store, clip.key, Worker(store, 60))
        lease.take(lease.look())
        lease.worker.stop()
        lease.release()
    held = Lease(store, "cd" * 32, Worker(store, 60))
    held.take(held.look())

    with unreachable(store) as context:
        repaired = repair_markers(context, keys_in(store))

    assert store.list("open/") == [f"open/{missing.key}"]
    assert (repaired.restored, repaired.removed) == (1, 1)
    assert {path.split("/")[1] for path in store.list("leases/")} == {missing.key, held.key}
    held.guard()
    held.worker.stop()
