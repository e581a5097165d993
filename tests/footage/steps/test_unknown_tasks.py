"""Tasks that the provider does not know, or no longer: when that is believed, and what follows."""

from __future__ import annotations

import asyncio
import time

import pytest
from bench import Bench, last_attempt, last_outcome

from footage.concurrency.executors import in_thread
from footage.errors import AccountProblem, ClipLost, StillRunning
from footage.evidence.state import Permission
from footage.steps.poll import UNKNOWN_ANSWERS, poll_clip


def test_unknown_is_not_believed_while_the_list_has_the_task(bench: Bench) -> None:
    bench.fault("unknown-at-first", polls=12)
    bench.buy()
    # By the provider's clock the task is older now than the minute after which UNKNOWN could be believed.
    bench.emulator.advance(300)

    context = bench.context(reconcile_grace_s=0.0, deadline_s=60.0)
    lists = bench.emulator.ledger(tasks=False)["lists"]
    assert bench.make(bench.clip(context)).task_id == bench.tasks()[0]["task_id"]
    assert len(bench.tasks()) == 1
    # It may be a day long, and is read at each third answer only.
    assert bench.emulator.ledger(tasks=False)["lists"] - lists <= 12 / UNKNOWN_ANSWERS


@pytest.mark.slow
def test_clips_that_wait_for_the_list_hold_up_nothing_else(bench: Bench) -> None:
    bench.fault("unknown-forever", times=None)
    context = bench.context(deadline_s=60.0, submit_patience_s=30.0)
    clips = bench.buy_takes(context, 30)
    bench.emulator.advance(25 * 3600)
    list_s, taken_s = 0.7, list[float]()
    bench.fault("latency", route="list", seconds=list_s, times=None)

    async def wait_for_all() -> None:
        waiting = asyncio.gather(*(poll_clip(clip) for clip in clips))
        while not waiting.done():
            began_s = time.monotonic()
            await in_thread(int)
            taken_s.append(time.monotonic() - began_s)
            await asyncio.sleep(0.01)
        assert {outcome.status for outcome in waiting.result()} == {"lost"}

    asyncio.run(wait_for_all())

    # A busy machine stalls now and then; a thread for each clip would make everything wait for each list.
    assert sum(one for one in taken_s if one > list_s / 2) < sum(taken_s) / 2


def test_a_task_that_list_and_query_deny_is_lost_and_only_a_person_buys_again(bench: Bench) -> None:
    bench.fault("unknown-forever")
    with pytest.raises(StillRunning):
        bench.make(bench.clip(bench.context(deadline_s=0.3)))
    bench.emulator.advance(300)
    with pytest.raises(ClipLost) as lost:
        bench.make()
    with pytest.raises(ClipLost):
        bench.make()

    assert "--buy-again" in str(lost.value.next_step)
    assert len(bench.tasks()) == 1


def test_a_task_that_is_forgotten_for_a_moment_is_not_lost(bench: Bench) -> None:
    bench.fault("unknown-forever")
    clip = bench.clip(bench.context(deadline_s=2.0, reconcile_grace_s=60.0))
    bench.buy(clip)
    bench.emulator.advance(300)

    with pytest.raises(StillRunning):
        bench.make(clip)

    assert last_attempt(clip).outcome is None


def test_a_task_that_expired_is_lost_without_a_wait(bench: Bench) -> None:
    bench.fault("unknown-forever")
    bench.buy()
    bench.emulator.advance(25 * 3600)

    with pytest.raises(ClipLost):
        bench.make(bench.clip(bench.context(reconcile_grace_s=60.0)))


def test_a_key_of_another_account_does_not_make_a_clip_lost(bench: Bench) -> None:
    bench.fault("unknown-forever")
    with pytest.raises(StillRunning):
        bench.make(bench.clip(bench.context(deadline_s=0.01)))
    bench.emulator.advance(300)

    with pytest.raises(AccountProblem, match="does not see it"):
        bench.make(bench.clip(bench.context(key="sk-another")))

    assert last_attempt(bench.clip()).outcome is None


def test_a_person_can_give_up_a_task_that_another_key_does_not_see(bench: Bench) -> None:
    bench.fault("unknown-forever")
    bench.buy()
    bench.emulator.advance(300)
    with pytest.raises(AccountProblem) as unseen:
        bench.make(bench.clip(bench.context(key="sk-another")))

    response = bench.make(bench.clip(bench.context(key="sk-another"), Permission(buy_again=True)))

    assert "--buy-again" in str(unseen.value.next_step)
    assert [task["task_id"] for task in bench.tasks()][1:] == [response.task_id]


def test_a_task_that_expired_is_lost_also_by_the_word_of_another_key(bench: Bench) -> None:
    bench.buy()
    bench.emulator.advance(25 * 3600)
    # The key was changed meanwhile.
    with pytest.raises(ClipLost):
        bench.make(bench.clip(bench.context(key="sk-another")))

    assert last_outcome(bench.clip()).billed is None
    assert len(bench.tasks()) == 1
    response = bench.make(bench.clip(bench.context(key="sk-another"), Permission(buy_again=True)))
    assert [task["task_id"] for task in bench.tasks()][1:] == [response.task_id]
