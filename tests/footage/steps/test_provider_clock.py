"""A run that begins in an outage asks for the provider's clock once for all its clips, and waits no longer for it."""

from __future__ import annotations

import asyncio
import time

import pytest
from bench import Bench, leave_unknown

from footage.clip import Clip
from footage.context import Context
from footage.errors import StillRunning
from footage.steps.poll import poll_clip

# So many that each is asked for by itself: no list but that for the clock is read.
CLIPS = 4


def _left(bench: Bench, context: Context) -> list[Clip]:
    """Clips that another run bought, and that are not made yet."""
    bench.emulator.turn(generation_s=50_000.0)
    bench.buy_takes(bench.context(), CLIPS)
    return [bench.clip(context, take=take) for take in range(1, CLIPS + 1)]


def _wait_for(bench: Bench, clips: list[Clip]) -> None:
    async def wait(clip: Clip) -> None:
        with pytest.raises(StillRunning):
            await poll_clip(clip)

    async def all_of_them() -> None:
        await asyncio.gather(*(wait(clip) for clip in clips))

    asyncio.run(all_of_them())
    # Nobody takes them for a lost one after this.
    bench.emulator.advance(50_000)


def _struck(bench: Bench, fault: str) -> int:
    return bench.emulator.ledger(tasks=False)["faults"].get(fault, 0)


def test_a_clock_that_is_not_told_is_asked_for_once_and_no_deadline_waits_for_it(bench: Bench) -> None:
    # One question may take 24 seconds.
    clips = _left(bench, bench.context(probed=False, lease_s=60.0, deadline_s=3.0))
    before = _struck(bench, "list-hang")
    bench.fault("list-hang", times=None)
    began_s = time.monotonic()

    _wait_for(bench, clips)

    assert time.monotonic() - began_s < 10
    assert _struck(bench, "list-hang") - before == 1


def test_that_the_clock_was_refused_is_remembered_for_a_while(bench: Bench) -> None:
    clips = _left(bench, bench.context(probed=False, deadline_s=2.0))
    before = _struck(bench, "list-503")
    bench.fault("list-503", times=None)

    _wait_for(bench, clips)

    assert _struck(bench, "list-503") - before == 1


def test_for_a_verdict_the_clock_is_asked_for_again(bench: Bench) -> None:
    clip = bench.clip(bench.context(probed=False))
    leave_unknown(clip, written_at=bench.context().provider_now())
    bench.fault("list-503")

    receipt = bench.buy(clip)

    assert [task["task_id"] for task in bench.tasks()] == [receipt.task_id]


def test_the_clock_is_known_once_the_provider_answers_about_a_clip(bench: Bench) -> None:
    bench.buy()
    context = bench.context(probed=False)

    bench.make(bench.clip(context))

    assert context.clock_offset_s is not None
