"""Cancelling a run: all of its clips, those that are open first, and nothing that another run asked for."""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from typing import Any

import pytest
from bench import Bench, last_attempt, last_receipt, queued
from countedstore import CountedStore
from meetingstore import MeetingStore
from waiting import until

from footage.errors import Canceled, FootageError, StorageProblem
from footage.evidence.state import Permission
from footage.steps.cancel import Cancellation, cancel_clip, cancel_run
from footage.steps.check import reopen


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


def test_a_key_that_does_not_see_the_task_is_named_where_it_should_cancel_it(bench: Bench) -> None:
    bench.emulator.turn(start_delay_s=5000.0, accounts=["sk-another"])
    clip = bench.clip()
    bench.buy(clip)

    done = cancel_clip(bench.context(key="sk-another"), clip.key, by="test")

    bought_with = last_receipt(clip).key_fingerprint
    assert done.became == "noted"
    assert f"which was bought with key {bought_with}…" in done.message
    assert last_attempt(clip).outcome is None
