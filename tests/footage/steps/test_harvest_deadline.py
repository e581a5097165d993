"""All clips of a harvest have one deadline, whenever they were found."""

from __future__ import annotations

import asyncio
import json
import time
from datetime import timedelta

import pytest
from bench import Bench, leave_unknown
from countedstore import CountedStore
from harvests import book, harvest, last_task, row
from plainsteps import PLAIN_STEPS

from footage.clip import Clip, follow
from footage.context import Context
from footage.credentials import ApiKey
from footage.errors import StillRunning
from footage.evidence.hashed_names import HashedNames
from footage.evidence.lease import NOBODY, Lease, Worker
from footage.evidence.records import Claim
from footage.provider import TaskRow


def test_a_clip_that_is_found_late_has_the_deadline_of_the_run(bench: Bench) -> None:
    harvest(bench.context())
    clip = book(bench)
    clip.evidence.unmark_open()

    async def list_slowly(_: Context, _key: ApiKey, _over: HashedNames) -> list[TaskRow]:
        await asyncio.sleep(1.5)
        return [row(last_task(clip))]

    began_s = time.monotonic()
    report = harvest(bench.context(deadline_s=2.0), list_tasks=list_slowly)

    assert "still" in report.waiting[clip.key]
    assert 2.0 <= time.monotonic() - began_s < 3.2


@pytest.mark.slow
def test_a_clip_that_is_found_after_the_deadline_still_has_one_whole_question(bench: Bench) -> None:
    harvest(bench.context())
    clip = book(bench, generation_s=40.0)
    clip.evidence.unmark_open()
    bench.emulator.advance(600)
    # A short lease makes requests short.
    context = bench.context(lease_s=60.0, deadline_s=3.0)
    bench.fault("latency", seconds=2.5)

    async def list_slowly(_: Context, _key: ApiKey, _over: HashedNames) -> list[TaskRow]:
        await asyncio.sleep(3.1)
        return [row(last_task(clip))]

    assert harvest(context, list_tasks=list_slowly).delivered == [clip.key]


def test_a_harvest_that_waits_for_nothing_delivers_what_is_made_however_slow_the_answer(bench: Bench) -> None:
    harvest(bench.context())
    clip = book(bench, generation_s=40.0)
    bench.emulator.advance(600)
    context = bench.context(lease_s=60.0)
    # As `--wait 0` does: no setting can be 0.
    context.settings = context.settings.model_copy(update={"deadline_s": 0.0})
    bench.fault("latency", route="query", seconds=2.5)

    assert harvest(context).delivered == [clip.key]


@pytest.mark.slow
def test_a_clip_that_is_found_late_is_not_asked_for_beyond_the_deadline_of_the_run(bench: Bench) -> None:
    harvest(bench.context())
    clip = book(bench)
    clip.evidence.unmark_open()
    # All but the first.
    bench.fault("query-hang", times=None, after=1)

    async def list_slowly(_: Context, _key: ApiKey, _over: HashedNames) -> list[TaskRow]:
        await asyncio.sleep(3.0)
        return [row(last_task(clip))]

    began_s = time.monotonic()
    report = harvest(bench.context(lease_s=60.0, deadline_s=6.0), list_tasks=list_slowly)

    assert "still" in report.waiting[clip.key]
    assert time.monotonic() - began_s < 8.5


def test_a_clip_of_a_worker_that_died_elsewhere_is_taken_over_in_a_harvest_shorter_than_its_lease(
    bench: Bench,
) -> None:
    bench.emulator.turn(generation_s=40.0)
    clip = bench.clip()
    bench.buy(clip)
    bench.emulator.advance(600)
    leave_to_a_dead_worker(clip, lease_s=2.0)

    class Slow(CountedStore):
        """As with thousands of open clips."""

        def list(self, prefix: str = "") -> list[str]:
            if prefix.startswith("open"):
                time.sleep(1.5)
            return self._store.list(prefix)

    report = harvest(bench.context(lease_s=2.0, deadline_s=1.0, wrap=Slow))

    assert report.delivered == [clip.key]


def leave_to_a_dead_worker(clip: Clip, lease_s: float) -> None:
    """The lease of a worker that another machine had, and nobody hears of any more."""
    store = clip.context.store
    for path in store.list(f"leases/{clip.key}"):
        store.delete(path)
    dead = Worker(store, lease_s)
    beat = {"pid": 1, "started": "1", "machine": "elsewhere", "id": dead.id, "beat": 7, "lease_s": lease_s}
    store.replace(dead.path, json.dumps(beat).encode())
    # Its heart is not to beat here.
    dead.start = lambda: None  # type: ignore[method-assign]
    assert Lease(store, clip.key, dead).take(NOBODY)


def test_a_lost_purchase_that_turns_out_to_be_bought_is_waited_for_no_longer_than_others(
    bench: Bench,
) -> None:
    bench.emulator.turn(generation_s=80_000.0)
    context = bench.context(deadline_s=2.0, reconcile_grace_s=0.2)
    clip = bench.clip(context)
    task_id = clip.client().create(clip.wire_body()).task_id
    leave_unknown(clip, written_at=context.provider_now() - timedelta(hours=1))

    async def settle_late() -> None:
        await asyncio.sleep(1.5)
        claim = Claim(task_id=task_id, key=clip.key, attempt=1)
        context.store.create(f"claims/{task_id}.json", claim.to_bytes())

    async def both() -> None:
        await asyncio.gather(follow(clip, PLAIN_STEPS), settle_late())

    began_s = time.monotonic()
    with pytest.raises(StillRunning):
        asyncio.run(both())

    assert 2.0 <= time.monotonic() - began_s < 3.2
    assert last_task(clip) == task_id
