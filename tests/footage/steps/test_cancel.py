"""Cancelling: what is true afterwards at the provider, in the evidence and for the run that worked on it."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest
from bench import Bench, last_attempt, last_outcome, queued
from plainsteps import PLAIN_STEPS
from waiting import until

from footage.errors import Canceled, FootageError, SubmissionUnknown
from footage.evidence.state import Permission
from footage.steps.cancel import cancel_clip
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


def test_a_cancel_holds_for_a_run_that_began_before_it_and_comes_to_the_clip_later(bench: Bench) -> None:
    clip = bench.clip()
    began_before = bench.context(run_id="run-1")
    cancel_clip(bench.context(), clip.key, by="test")

    with pytest.raises(Canceled):
        bench.make(bench.clip(began_before))

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
