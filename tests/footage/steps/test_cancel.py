"""Cancelling: what is true afterwards at the provider, in the evidence and for the run that worked on it."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime
from typing import Any

import pytest
from bench import Bench, last_attempt, last_outcome
from countedstore import CountedStore
from meetingstore import MeetingStore
from plainsteps import PLAIN_STEPS
from waiting import until

from footage.errors import Canceled, FootageError, StorageProblem, SubmissionUnknown
from footage.evidence.state import Permission
from footage.steps.cancel import Cancellation, cancel_clip, cancel_run
from footage.steps.check import reopen
from footage.steps.harvest import harvest_store
from footage.storage import open_store
from footage.values.money import Amount


class Run:
    """A clip on its way in a thread, as in another process."""

    def __init__(self, bench: Bench, clip: Any) -> None:
        self.error: FootageError | None = None
        self.response: Any = None

        def work() -> None:
            try:
                self.response = bench.make(clip)
            except FootageError as error:
                self.error = error

        self._thread = threading.Thread(target=work)
        self._thread.start()

    def wait(self) -> Run:
        self._thread.join(20)
        return self


def queued(bench: Bench) -> None:
    bench.emulator.turn(start_delay_s=1e6)


def running(bench: Bench) -> None:
    bench.emulator.turn(generation_s=5000.0)


def booked(clip: Any) -> Any:
    last = clip.evidence.state().last
    return last and last.receipt


def test_a_queued_clip_is_cancelled_at_the_provider_and_its_run_ends(bench: Bench) -> None:
    queued(bench)
    clip = bench.clip()
    run = Run(bench, clip)
    until(lambda: booked(clip), "it is booked")

    done = cancel_clip(bench.context(), clip.key, by="test")

    run.wait()
    assert (done.became, bench.tasks()[0]["status"]) == ("canceled", "CANCELED")
    assert isinstance(run.error, Canceled)
    assert run.error.became == "canceled"
    assert last_outcome(clip).billed is False


@pytest.mark.parametrize("url", [None, "memory://cancelled"], ids=["folder", "objects"])
def test_whoever_cancels_a_clip_wakes_the_run_that_waits_for_it(bench: Bench, url: str | None) -> None:
    running(bench)
    kept = open_store(url) if url else bench.context().store
    # Without word of it the run would look again after a minute.
    waits = bench.context(wrap=lambda _: kept, poll_min_s=60.0, poll_max_s=60.0, deadline_s=90.0)
    clip = bench.clip(waits)
    began, run = time.monotonic(), Run(bench, clip)
    until(lambda: bench.tasks() and bench.tasks()[0]["status"] == "RUNNING" and booked(clip), "its task runs")

    done = cancel_clip(bench.context(wrap=lambda _: kept), clip.key, by="test")
    run.wait()

    assert (done.became, type(run.error)) == ("abandoned", Canceled)
    assert time.monotonic() - began < 50
    # Asking seldom is for those whose ends are told.
    assert not waits.event_delivery.works(clip.client())


def test_a_running_clip_is_abandoned_and_harvest_delivers_it(bench: Bench) -> None:
    running(bench)
    clip = bench.clip()
    run = Run(bench, clip)
    until(lambda: bench.tasks() and bench.tasks()[0]["status"] == "RUNNING" and booked(clip), "its task runs")

    done = cancel_clip(bench.context(), clip.key, by="test")
    run.wait()
    bench.emulator.advance(6_000)
    report = run_harvest(bench)

    assert done.became == "abandoned"
    assert isinstance(run.error, Canceled)
    assert run.error.became == "abandoned"
    assert report.delivered == [clip.key]
    assert last_attempt(clip).settlements[-1].status == "succeeded"


def run_harvest(bench: Bench) -> Any:
    import asyncio

    return asyncio.run(harvest_store(bench.context(), PLAIN_STEPS))


def test_a_wish_that_came_while_the_purchase_was_unknown_is_carried_out_once_it_is_known(
    bench: Bench,
) -> None:
    queued(bench)
    bench.fault("create-accept-reset")
    with pytest.raises(SubmissionUnknown):
        bench.make(bench.clip(bench.context(deadline_s=0.1)))
    clip = bench.clip(permission=Permission(may_buy=False))
    noted = cancel_clip(bench.context(), clip.key, by="test")
    # Found as the only one of its prompt only when it has ended; until then it is looked for.
    bench.emulator.turn(start_delay_s=0.05)
    bench.emulator.advance(2e6)
    bench.emulator.clear_faults()

    assert noted.became == "noted"
    assert clip.evidence.state().cancel_wanted
    with pytest.raises(FootageError):
        # A day and more has passed: it is said, and nothing is bought.
        bench.make(reopen(bench.context(), clip.key, Permission(may_buy=False)))
    assert len(bench.tasks()) == 1


def test_a_wish_that_came_before_anything_was_bought_keeps_it_from_being_bought(bench: Bench) -> None:
    clip = bench.clip()

    done = cancel_clip(bench.context(), clip.key, by="test")

    with pytest.raises(Canceled):
        bench.make(clip)
    assert done.became == "nothing"
    assert bench.tasks() == []


def test_a_wish_between_two_attempts_stops_the_second(bench: Bench) -> None:
    bench.fault("create-refused-Throttling.RateQuota", times=None)
    clip = bench.clip(bench.context(submit_patience_s=30.0))
    run = Run(bench, clip)
    until(lambda: clip.evidence.state().last, "its attempt is opened")

    cancel_clip(bench.context(), clip.key, by="test")

    assert isinstance(run.wait().error, Canceled)
    assert last_outcome(clip).status == "canceled"
    assert bench.tasks() == []


def test_somebody_who_asks_later_gets_the_clip_after_all(bench: Bench) -> None:
    queued(bench)
    clip = bench.clip()
    run = Run(bench, clip)
    until(lambda: booked(clip), "it is booked")
    cancel_clip(bench.context(), clip.key, by="test")
    run.wait()
    bench.emulator.turn(start_delay_s=0.05)

    response = bench.make(bench.clip())

    assert [task["status"] for task in bench.tasks()] == ["CANCELED", "SUCCEEDED"]
    assert response.task_id == bench.tasks()[1]["task_id"]


def test_a_run_that_is_started_over_after_a_cancel_does_not_override_it(bench: Bench) -> None:
    clip = bench.clip(bench.context(run_id="run-1"))
    cancel_clip(bench.context(), clip.key, by="test")

    with pytest.raises(Canceled):
        bench.make(bench.clip(bench.context(run_id="run-1")))

    assert bench.tasks() == []


def test_a_run_that_another_one_started_does_not_override_a_cancel(bench: Bench) -> None:
    clip = bench.clip(bench.context(run_id="board"))
    cancel_clip(bench.context(), clip.key, by="test")

    with pytest.raises(Canceled):
        bench.make(bench.clip(bench.context(run_id="child"), Permission(given_to="board")))

    assert bench.tasks() == []


@pytest.mark.parametrize(("most", "overrides"), [("0 CNY", False), ("100 CNY", True)])
def test_a_run_that_may_not_pay_for_a_clip_does_not_override_its_cancel(
    bench: Bench, most: str, overrides: bool
) -> None:
    clip = bench.clip()
    cancel_clip(bench.context(), clip.key, by="test")

    bench.clip(bench.context(run_id="other"), Permission(max_cost=Amount.parse(most)))

    assert clip.evidence.state().cancel_wanted is not overrides


def test_a_cancel_that_comes_too_late_delivers_the_clip(bench: Bench) -> None:
    clip = bench.clip()
    response = bench.make(clip)

    done = cancel_clip(bench.context(), clip.key, by="test")

    assert done.became == "finished"
    again = bench.clip().response
    assert again is not None
    assert again.task_id == response.task_id


@pytest.mark.parametrize(
    ("fault", "status", "became"),
    [(None, "SUCCEEDED", "finished"), ("failed-InternalError", "FAILED", "failed")],
)
def test_a_cancel_of_a_task_that_ended_unseen_says_how_it_ended(
    bench: Bench, fault: str | None, status: str, became: str
) -> None:
    if fault:
        bench.fault(fault)
    clip = bench.clip()
    bench.buy(clip)
    bench.emulator.advance(600)
    until(lambda: bench.tasks()[0]["status"] == status, f"its task is {status}")

    done = cancel_clip(bench.context(), clip.key, by="test")

    assert done.became == became


@pytest.mark.parametrize("fault", ["cancel-reset", "cancel-429"])
def test_a_cancel_whose_answer_is_lost_is_asked_again_by_the_run(bench: Bench, fault: str) -> None:
    queued(bench)
    clip = bench.clip()
    run = Run(bench, clip)
    until(lambda: booked(clip), "it is booked")
    bench.fault(fault)

    cancel_clip(bench.context(), clip.key, by="test")

    assert isinstance(run.wait().error, Canceled)
    assert bench.tasks()[0]["status"] == "CANCELED"
    ended = last_outcome(clip)
    assert (ended.status, ended.code, ended.billed) == ("canceled", "CANCELED", False)


def test_cancelling_a_run_cancels_each_of_its_clips_and_no_other(bench: Bench) -> None:
    queued(bench)
    context = bench.context(run_id="run-1", deadline_s=0.05)
    mine = [bench.clip(context, take=take) for take in (1, 2)]
    other = bench.clip(bench.context(run_id="run-2", deadline_s=0.05), take=3)
    for clip in (*mine, other):
        with pytest.raises(FootageError):
            bench.make(clip)

    done = cancel_run(bench.context(), "run-1")

    assert sorted(one.key for one in done) == sorted(clip.key for clip in mine)
    assert {one.became for one in done} == {"canceled"}
    assert sorted(task["status"] for task in bench.tasks()) == ["CANCELED", "CANCELED", "PENDING"]


def test_cancelling_a_run_that_waits_for_what_an_earlier_one_bought_cancels_that(bench: Bench) -> None:
    queued(bench)
    bought = bench.clip(bench.context(run_id="run-1"))
    bench.buy(bought)
    # As finish-video takes it up, and generate-video with the same request.
    reopen(bench.context(run_id="finishes"), bought.key, Permission())

    done = cancel_run(bench.context(), "finishes")

    assert [(one.key, one.became) for one in done] == [(bought.key, "canceled")]
    assert [task["status"] for task in bench.tasks()] == ["CANCELED"]


def test_a_cancel_that_is_done_late_leaves_what_another_run_asked_for_since(bench: Bench) -> None:
    queued(bench)
    left, wanted_again = (bench.clip(bench.context(run_id="run-1"), take=take) for take in (1, 2))
    for clip in (left, wanted_again):
        bench.buy(clip)
    asked_at = datetime.now(UTC)
    reopen(bench.context(run_id="run-2"), wanted_again.key, Permission())

    done = cancel_run(bench.context(), "run-1", asked_at=asked_at)

    assert {one.key: one.became for one in done} == {left.key: "canceled", wanted_again.key: "nothing"}
    assert sorted(task["status"] for task in bench.tasks()) == ["CANCELED", "PENDING"]
    assert not wanted_again.evidence.cancel_wanted()


def test_a_cancel_that_is_done_late_leaves_what_another_run_is_about_to_buy(bench: Bench) -> None:
    clip = bench.clip(bench.context(run_id="run-1"))
    asked_at = datetime.now(UTC)
    # Not marked as open: it waits for its turn.
    wanted_again = bench.clip(bench.context(run_id="run-2"))

    done = cancel_run(bench.context(), "run-1", asked_at=asked_at)

    assert [(one.key, one.became) for one in done] == [(clip.key, "nothing")]
    assert bench.make(wanted_again).task_id == bench.tasks()[0]["task_id"]


def test_a_cancel_that_is_done_late_takes_no_run_that_the_cancelled_one_started_for_another(
    bench: Bench,
) -> None:
    queued(bench)
    clip = bench.clip(bench.context(run_id="board"))
    asked_at = datetime.now(UTC)
    # It began after Cancel was pressed.
    bench.buy(bench.clip(bench.context(run_id="child"), Permission(given_to="board")))

    done = cancel_run(bench.context(), "board", asked_at=asked_at, children={"child"})

    assert [(one.key, one.became) for one in done] == [(clip.key, "canceled")]
    assert [task["status"] for task in bench.tasks()] == ["CANCELED"]


def test_a_cancel_that_is_done_late_lists_no_other_runs_where_all_is_finished(bench: Bench) -> None:
    made = bench.make(bench.clip(bench.context(run_id="run-1")))
    asked_at = datetime.now(UTC)
    counted = CountedStore(bench.context().store)

    done = cancel_run(bench.context(wrap=lambda _: counted), "run-1", asked_at=asked_at)

    assert [(one.key, one.became) for one in done] == [(made.key, "finished")]
    assert ("list_dated", "runs/") not in counted.asked
    assert [path for _, path in counted.asked if path.startswith("evidence/")] == [f"evidence/{made.key}/"]


def test_what_a_run_finished_holds_up_nothing_that_waits_at_the_provider(bench: Bench) -> None:
    context = bench.context(run_id="run-1")
    finished = [bench.make(bench.clip(context, take=take)).key for take in (1, 2, 3)]
    queued(bench)
    waiting = [bench.clip(context, take=take) for take in (4, 5)]
    for clip in waiting:
        bench.buy(clip)
    ordered = bench.clip(context, take=6)

    counted = CountedStore(context.store)
    done = cancel_run(bench.context(wrap=lambda _: counted), "run-1")

    became = {one.key: one.became for one in done}
    assert {became[clip.key] for clip in waiting} == {"canceled"}
    assert {became[key] for key in finished} == {"finished"}
    asked = [path.split("/")[1] for _, path in counted.asked if path.startswith("evidence/")]
    assert max(asked.index(clip.key) for clip in waiting) < min(asked.index(key) for key in finished)
    # One listing is all that each of these is asked for.
    assert [asked.count(key) for key in finished] == [1, 1, 1]
    # The wish is there before a worker that is about to buy looks for one.
    assert became[ordered.key] == "nothing"
    with pytest.raises(Canceled):
        bench.make(ordered)
    assert len(bench.tasks()) == 5


def test_clips_of_a_run_are_cancelled_at_the_same_time(bench: Bench) -> None:
    queued(bench)
    context = bench.context(run_id="run-1")
    clips = [bench.clip(context, take=take) for take in (1, 2)]
    for clip in clips:
        bench.buy(clip)

    def meeting(store: Any) -> MeetingStore:
        return MeetingStore(store, "read", "/receipt.json")

    done = cancel_run(bench.context(wrap=meeting), "run-1")

    assert [one.became for one in done] == ["canceled", "canceled"]


def test_a_run_is_cancelled_also_where_the_open_clips_cannot_be_listed(bench: Bench) -> None:
    queued(bench)
    clip = bench.clip(bench.context(run_id="run-1"))
    bench.buy(clip)

    class Unlisted(CountedStore):
        def list(self, prefix: str = "") -> Any:
            if prefix == "open/":
                raise StorageProblem("The folder open cannot be listed.")
            return self._store.list(prefix)

    done = cancel_run(bench.context(wrap=Unlisted), "run-1")

    assert [one.became for one in done] == ["canceled"]


def test_one_clip_that_cannot_be_cancelled_does_not_spare_the_others(bench: Bench) -> None:
    queued(bench)
    context = bench.context(run_id="run-1", deadline_s=0.05)
    clips = [bench.clip(context, take=take) for take in (1, 2)]
    for clip in clips:
        with pytest.raises(FootageError):
            bench.make(clip)
    first = min(clips, key=lambda clip: clip.key)
    context.store.replace(f"evidence/{first.key}/attempt-1/intent.json", b"{")

    done = cancel_run(bench.context(), "run-1")

    assert [one.became for one in done] == ["noted", "canceled"]


def test_a_run_is_cancelled_also_while_the_provider_refuses_some_questions(bench: Bench) -> None:
    queued(bench)
    clips = bench.buy_takes(bench.context(run_id="run-of-many"), 6)
    bench.fault("cancel-429", times=3)
    bench.fault("query-429", times=2)

    done = cancel_run(bench.context(), "run-of-many")

    # Nobody comes back for what is only noted: it would run by then, and be billed.
    assert [each.became for each in done] == ["canceled"] * len(clips)


@pytest.mark.slow
def test_all_clips_of_a_run_are_cancelled_before_it_is_asked_what_became_of_the_first(bench: Bench) -> None:
    queued(bench)
    # More than are asked for at once.
    clips = bench.buy_takes(bench.context(run_id="run-of-many"), 18)
    bench.fault("query-429", times="always")
    done: list[Cancellation] = []
    canceller = threading.Thread(target=lambda: done.extend(cancel_run(bench.context(), "run-of-many")))

    canceller.start()
    until(lambda: all(task["status"] == "CANCELED" for task in bench.tasks()), "all are cancelled")
    bench.emulator.clear_faults()
    canceller.join(60)

    assert [each.became for each in done] == ["canceled"] * len(clips)


def test_a_cancel_that_is_refused_once_is_asked_again_while_the_task_waits(bench: Bench) -> None:
    bench.emulator.turn(start_delay_s=5000.0)
    clip = bench.clip()
    bench.buy(clip)
    bench.fault("cancel-refused", times=1)

    done = cancel_clip(bench.context(), clip.key, by="test")

    assert done.became == "canceled"


def test_a_task_that_waits_and_is_never_cancelled_is_not_called_abandoned(bench: Bench) -> None:
    bench.emulator.turn(start_delay_s=5000.0)
    clip = bench.clip()
    bench.buy(clip)
    bench.fault("cancel-refused", times=None)

    done = cancel_clip(bench.context(), clip.key, by="test")

    assert done.became == "noted"
    assert last_attempt(clip).outcome is None
