"""A create whose answer was lost: found in the provider's list, proven not to be there, or left to a person."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from bench import Bench, last_attempt, last_outcome, leave_unknown
from plainsteps import PLAIN_STEPS

from footage.clip import Clip
from footage.errors import (
    SubmissionUnknown,
    TakenOver,
    Throttled,
    Unreachable,
)
from footage.evidence.lease import Lease, Worker
from footage.evidence.state import Permission
from footage.pacing.account_lists import AccountLists
from footage.provider import TaskRow
from footage.steps.harvest import harvest_store
from footage.steps.reconcile import reconcile
from footage.steps.submit import submit_clip

KEEPER = Path(__file__).parents[3] / "footage/storyboard/examples/keeper.jpg"


def lose_two_takes(bench: Bench) -> list[Any]:
    """Two clips with one prompt, both accepted, both answers lost: nobody can tell which is which."""
    bench.fault("create-accept-reset", times=2)
    clips = [bench.clip(take=take) for take in (1, 2)]

    async def both() -> list[Any]:
        return await asyncio.gather(*(drive(clip) for clip in clips), return_exceptions=True)

    async def drive(clip: Any) -> Any:
        async with clip.held():
            return await submit_clip(clip)

    errors = asyncio.run(both())
    assert [type(error) for error in errors] == [SubmissionUnknown, SubmissionUnknown]
    return clips


def test_a_task_that_lags_behind_in_list_and_query_is_found_all_the_same(bench: Bench) -> None:
    bench.fault("create-accept-reset")
    bench.fault("list-lag", seconds=120)
    bench.fault("unknown-at-first", polls=3)

    receipt = bench.buy()

    assert [task["task_id"] for task in bench.tasks()] == [receipt.task_id]


def test_what_cannot_be_told_apart_stops_with_both_candidates_and_the_commands(bench: Bench) -> None:
    clips = lose_two_takes(bench)

    with pytest.raises(SubmissionUnknown) as unknown:
        bench.buy(bench.clip(take=1))

    assert set(unknown.value.task_ids) == {task["task_id"] for task in bench.tasks()}
    assert f"wan-video adopt {clips[0].key}" in str(unknown.value.next_step)
    assert "--buy-again" in str(unknown.value.next_step)
    assert len(bench.tasks()) == 2


def test_the_task_of_another_lost_create_with_the_same_prompt_is_not_taken(bench: Bench) -> None:
    bench.fault("create-accept-reset")
    # It knows the provider's clock from before the other create, whose task can be its own then.
    never_sent = bench.clip(take=2)
    with pytest.raises(SubmissionUnknown):
        bench.buy(bench.clip(bench.context(deadline_s=0.1, reconcile_grace_s=60.0), take=1))
    leave_unknown(never_sent)

    with pytest.raises(SubmissionUnknown, match="another unknown submission has the same prompt"):
        bench.buy(never_sent)

    assert last_attempt(never_sent).receipt is None
    assert len(bench.tasks()) == 1


def test_a_task_that_another_clip_claims_before_its_finder_does_is_not_taken_for_ours(bench: Bench) -> None:
    others = bench.buy(bench.clip(take=2))
    clip = bench.clip(take=1)
    leave_unknown(clip)
    # What a worker leaves behind that found the task and died before it claimed it.
    found = others.model_copy(update={"key": clip.key, "attempt": 1})
    clip.context.store.create(
        f"{clip.evidence.folder}/attempt-1/found-{found.task_id}.json", found.to_bytes()
    )

    receipt = bench.buy(clip)

    assert [task["task_id"] for task in bench.tasks()] == [others.task_id, receipt.task_id]
    assert last_attempt(clip).number == 2


def test_a_task_of_another_length_with_the_same_prompt_is_left_to_a_person(bench: Bench) -> None:
    picture: dict[str, Any] = {"reference_image": str(KEEPER), "size": "1280*720"}
    clip = bench.clip(model="wan2.6-i2v-flash", duration=2, **picture)
    leave_unknown(clip)
    other = bench.clip(model="wan2.6-i2v-flash", duration=4, **picture)
    task_id = other.client().create(other.wire_body()).task_id

    with pytest.raises(SubmissionUnknown, match="another length") as unknown:
        bench.buy(clip)

    assert unknown.value.task_ids == (task_id,)
    assert last_attempt(clip).receipt is None


def test_a_verdict_does_not_wait_for_the_pace_at_which_tasks_are_asked_for(bench: Bench) -> None:
    clip = bench.clip(bench.context(reconcile_grace_s=1.0, poll_min_s=60.0, poll_max_s=60.0))
    leave_unknown(clip)
    began_s = time.monotonic()

    receipt = bench.buy(clip)

    assert time.monotonic() - began_s < 4.0, "four looks a grace, and not one in four of them"
    assert [task["task_id"] for task in bench.tasks()] == [receipt.task_id]


@pytest.mark.parametrize(
    ("younger_s", "ours"),
    [
        pytest.param(100, True, id="clocks differ by less than two minutes: it can be ours"),
        pytest.param(140, False, id="it was there before ours was sent"),
    ],
)
def test_clocks_may_differ_by_two_minutes_and_no_more(bench: Bench, younger_s: float, ours: bool) -> None:
    clip = bench.clip()
    task_id = clip.client().create(clip.wire_body()).task_id
    [row] = [row for row in clip.client().list_tasks().rows if row.task_id == task_id]
    leave_unknown(clip, written_at=row.created_at + timedelta(seconds=younger_s), clock_offset_s=0.0)

    receipt = bench.buy(clip)

    assert (receipt.task_id == task_id) is ours
    assert len(bench.tasks()) == (1 if ours else 2)


def test_buy_again_pays_once_more_and_only_where_nothing_could_be_found(bench: Bench) -> None:
    lose_two_takes(bench)

    receipt = bench.buy(bench.clip(permission=Permission(buy_again=True), take=1))

    assert len(bench.tasks()) == 3
    assert receipt.task_id == bench.tasks()[-1]["task_id"]


def test_buy_again_finds_a_lost_purchase_instead_of_paying_twice(bench: Bench) -> None:
    bench.fault("create-accept-reset")
    with pytest.raises(SubmissionUnknown):
        # Nothing can be concluded within this deadline.
        bench.buy(bench.clip(bench.context(deadline_s=0.1, reconcile_grace_s=60.0)))

    receipt = bench.buy(bench.clip(permission=Permission(buy_again=True)))

    assert [task["task_id"] for task in bench.tasks()] == [receipt.task_id]


def test_a_word_to_buy_again_is_not_repeated_by_a_run_that_is_started_over(bench: Bench) -> None:
    clip = bench.clip(bench.context(run_id="run-1"), Permission(buy_again=True))
    leave_unknown(clip, attempt=1)

    again = bench.clip(bench.context(run_id="run-1"), Permission(buy_again=True))
    other = bench.clip(bench.context(run_id="run-2"), Permission(buy_again=True))

    assert not again.permission.may_replace(1)
    assert other.permission.may_replace(1)


def test_a_word_to_buy_again_is_not_repeated_by_a_later_child_of_the_run_that_has_it(bench: Bench) -> None:
    def child(run_id: str) -> Clip:
        return bench.clip(bench.context(run_id=run_id), Permission(buy_again=True, given_to="board"))

    clip = bench.clip()
    leave_unknown(clip, attempt=1)
    bench.clip(bench.context(run_id="board"), Permission(buy_again=True))
    first = child("child-1")
    leave_unknown(clip, attempt=2)
    second = child("child-2")

    assert first.permission.may_replace(1)
    assert not second.permission.may_replace(2)


def test_an_intent_whose_create_was_never_sent_is_bought_once(bench: Bench) -> None:
    clip = bench.clip()
    leave_unknown(clip)

    receipt = bench.buy(clip)

    assert [task["task_id"] for task in bench.tasks()] == [receipt.task_id]
    assert last_attempt(clip).number == 2


def test_another_key_proves_nothing_about_a_lost_create(bench: Bench) -> None:
    clip = bench.clip()
    leave_unknown(clip, key_fingerprint="0123456789ab")

    with pytest.raises(SubmissionUnknown, match="another key") as unknown:
        bench.buy(clip)

    assert "with that key" in str(unknown.value.next_step)
    assert bench.tasks() == []


def test_a_list_of_one_day_proves_nothing_about_an_older_create(bench: Bench) -> None:
    clip = bench.clip()
    leave_unknown(clip, clock_offset_s=-86_400.0)

    with pytest.raises(SubmissionUnknown, match="more than a day"):
        bench.buy(clip)

    assert bench.tasks() == []


def test_a_list_of_one_day_proves_nothing_about_an_older_create_whose_clock_was_not_known(
    bench: Bench,
) -> None:
    clip = bench.clip()
    long_ago = clip.context.provider_now() - timedelta(hours=30)
    leave_unknown(clip, written_at=long_ago, clock_offset_s=None)

    with pytest.raises(SubmissionUnknown, match="more than a day"):
        bench.buy(clip)

    assert bench.tasks() == []


@pytest.mark.parametrize(
    "generation_s",
    [pytest.param(40.0, id="it ends within the grace"), pytest.param(800.0, id="it ends after the grace")],
)
def test_a_task_is_found_whose_provider_seems_to_be_hours_ahead(bench: Bench, generation_s: float) -> None:
    bench.emulator.turn(generation_s=generation_s)
    context = bench.context()
    # A gateway in between answers with its own Date; the times in the list are the provider's.
    context.note_clock((context.clock_offset_s or 0.0) + 3 * 3600)
    bench.fault("create-accept-reset")

    receipt = bench.buy(bench.clip(context))

    assert [task["task_id"] for task in bench.tasks()] == [receipt.task_id]


def test_a_list_of_one_day_proves_nothing_about_a_create_that_is_older_by_our_clock_alone(
    bench: Bench,
) -> None:
    clip = bench.clip()
    # The provider seemed to be hours ahead when it was sent, and does not any more.
    ahead_s = (clip.context.clock_offset_s or 0.0) + 25 * 3600
    leave_unknown(clip, written_at=datetime.now(UTC) - timedelta(hours=25), clock_offset_s=ahead_s)

    with pytest.raises(SubmissionUnknown, match="more than a day"):
        bench.buy(clip)

    assert bench.tasks() == []


def test_no_verdict_is_given_by_clocks_that_nobody_compared(bench: Bench) -> None:
    clip = bench.clip()
    # The clock of who wrote it may have been days ahead, and its task is no longer listed.
    leave_unknown(clip, clock_offset_s=None)

    with pytest.raises(SubmissionUnknown, match="no clock that was compared"):
        bench.buy(clip)

    assert bench.tasks() == []


@pytest.mark.parametrize("permission", [Permission(may_buy=False), Permission(buy_again=True)], ids=str)
def test_a_clock_that_nobody_compared_gives_nothing_up_that_is_listed(
    bench: Bench, permission: Permission
) -> None:
    bench.fault("create-accept-reset")
    with pytest.raises(SubmissionUnknown):
        bench.buy(bench.clip(bench.context(deadline_s=0.1)))
    clip = bench.clip(permission=Permission(may_buy=False))
    intent = last_attempt(clip).intent
    wrong = {"written_at": intent.written_at - timedelta(hours=25), "clock_offset_s": None}
    path = f"{clip.evidence.folder}/attempt-1/intent.json"
    clip.context.store.replace(path, intent.model_copy(update=wrong).to_bytes())

    report = asyncio.run(harvest_store(bench.context(), PLAIN_STEPS)) if not permission.may_buy else None
    bench.make(bench.clip(permission=permission))

    assert report is None or report.delivered == [clip.key]
    assert len(bench.tasks()) == 1


def test_a_list_that_cannot_be_read_leaves_the_question_open(bench: Bench) -> None:
    clip = bench.clip()
    leave_unknown(clip)
    bench.fault("list-503", times=None)

    with pytest.raises(Unreachable):
        bench.buy(clip)

    assert last_attempt(clip).unknown
    bench.emulator.clear_faults()
    assert bench.buy(bench.clip()).task_id == bench.tasks()[0]["task_id"]


def test_others_who_work_on_the_account_all_the_time_do_not_hold_up_the_verdict(bench: Bench) -> None:
    clip = bench.clip()
    leave_unknown(clip)
    stranger = bench.context()
    body = {**bench.clip(take=2).wire_body()}
    body["input"] = {**body["input"], "prompt": "somebody else's prompt"}

    async def work_on() -> None:
        client = stranger.client(clip.endpoint)
        while True:
            await asyncio.to_thread(client.create, body)
            await asyncio.sleep(0.05)

    async def both() -> Any:
        others = asyncio.create_task(work_on())
        async with clip.held():
            found = await submit_clip(clip)
        others.cancel()
        return found

    assert asyncio.run(both()) is None
    assert last_outcome(clip).code == "Unreachable"


def test_harvest_settles_a_lost_create_and_buys_nothing(bench: Bench) -> None:
    clip = bench.clip()
    leave_unknown(clip)

    assert bench.submit(bench.clip(permission=replace(Permission(), may_buy=False))) is None
    assert last_outcome(clip).status == "failed"
    assert bench.tasks() == []


def test_nothing_is_concluded_about_a_create_whose_writer_may_live_and_has_no_lease_any_more(
    bench: Bench,
) -> None:
    clip = bench.clip(bench.context(reconcile_grace_s=0.5, deadline_s=60.0))
    writer = Worker(clip.context.store, 4.0)
    writer.start()
    leave_unknown(clip, owner=writer.id, lease=3)
    began_s = time.monotonic()

    receipt = bench.buy(clip)

    writer.stop()
    assert time.monotonic() - began_s >= 4.5, "its right to send, and the time that a create may take"
    assert [task["task_id"] for task in bench.tasks()] == [receipt.task_id]


def test_a_worker_that_was_taken_over_concludes_nothing(bench: Bench) -> None:
    clip = bench.clip()
    leave_unknown(clip)
    other = Lease(clip.context.store, clip.key, Worker(clip.context.store, 60))

    async def reconcile_too_late() -> None:
        async with clip.held():
            attempt = (await clip.state()).attempts[0]
            other.take(other.look())
            await reconcile(clip, attempt)

    with pytest.raises(TakenOver, match=other.worker.id):
        asyncio.run(reconcile_too_late())

    other.worker.stop()
    assert last_attempt(clip).unknown


async def _no_turn(model: str) -> None:
    raise Throttled(f"nothing is bought with {model} now", retry_after_s=None)


def test_an_unknown_purchase_is_settled_also_while_nothing_may_be_bought(bench: Bench) -> None:
    clip = bench.clip(bench.context(reconcile_grace_s=30.0, deadline_s=0.2))
    bench.fault("create-accept-reset", times=1)
    with pytest.raises(SubmissionUnknown):
        bench.buy(clip)

    receipt = bench.buy(bench.clip(bench.context(create_turn=_no_turn)))

    assert receipt.task_id == bench.tasks()[0]["task_id"]


def test_after_a_verdict_all_clips_there_ever_were_are_not_walked_over_again(bench: Bench) -> None:
    bench.fault("create-accept-reset")

    bench.buy()

    assert bench.context().store.exists("store.json")


class _Hiding(AccountLists):
    """Lists whose order hides every task from who reads only what is new."""

    def tasks(self, *asked: Any, glance: bool = False, **named: Any) -> list[TaskRow]:
        return [] if glance else super().tasks(*asked, **named)


def test_a_verdict_is_not_given_on_a_glance(bench: Bench) -> None:
    bench.fault("create-accept-reset")
    context = bench.context()
    context.account_lists = _Hiding()

    receipt = bench.buy(bench.clip(context))

    assert receipt.adopted
    assert [task["task_id"] for task in bench.tasks()] == [receipt.task_id]
