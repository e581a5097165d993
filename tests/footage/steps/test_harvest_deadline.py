"""All clips of a harvest have one deadline, whenever they were found."""

from __future__ import annotations

import asyncio
import time
from datetime import timedelta

import pytest
from bench import Bench, leave_unknown
from harvests import book, harvest, last_task, row
from plainsteps import PLAIN_STEPS

from footage.clip import follow
from footage.context import Context
from footage.errors import StillRunning
from footage.evidence.records import Claim
from footage.provider import TaskRow


def test_a_clip_that_is_found_late_has_the_deadline_of_the_run(bench: Bench) -> None:
    harvest(bench.context())
    clip = book(bench)
    clip.evidence.unmark_open()

    async def list_slowly(_: Context) -> list[TaskRow]:
        await asyncio.sleep(1.5)
        return [row(last_task(clip))]

    began_s = time.monotonic()
    report = harvest(bench.context(deadline_s=2.0), list_tasks=list_slowly)

    assert "still" in report.waiting[clip.key]
    assert 2.0 <= time.monotonic() - began_s < 3.2


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
