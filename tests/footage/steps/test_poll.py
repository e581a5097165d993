"""Waiting: how often is asked, what an end means, and that nothing but an end ends it."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import itertools
import json
import statistics
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from bench import Bench
from purchases import submit_and_leave
from waiting import until

from footage.clip import Clip
from footage.errors import Canceled, GenerationFailed, StillRunning, Unreachable
from footage.evidence.records import CancelWish, Receipt
from footage.pacing.interval import FEW
from footage.provider.results import TaskAnswer, TaskStatus, Usage
from footage.push.wake_ups import wake, wake_to_cancel
from footage.steps.booking import outcome_of
from footage.steps.poll import MAX_SILENCE, Progress, poll_clip
from footage.steps.submit import submit_clip
from footage.steps.task_life import surely_forgotten

NOW = datetime(2026, 11, 1, tzinfo=UTC)


def answer(
    status: str, code: str | None = None, message: str | None = None, seconds: int | None = None
) -> Any:
    usage = Usage(Decimal(seconds), None, None, None, None, None, {"duration": seconds}) if seconds else None
    return TaskAnswer("t1", TaskStatus(status), None, usage, code, message, "a cat", None, None, {})


RECEIPT = Receipt(
    key="ab" * 32,
    attempt=2,
    task_id="t1",
    request_id=None,
    model="wan2.2-t2v-plus",
    region="ap-southeast-1",
    endpoint="https://x/api/v1",
    key_fingerprint="f",
    submitted_at=NOW,
    expires_at=NOW,
)


@pytest.mark.parametrize(
    ("told", "status", "billed", "may_retry"),
    [
        pytest.param(answer("SUCCEEDED", seconds=5), "succeeded", True, False, id="made and billed"),
        pytest.param(answer("SUCCEEDED"), "succeeded", True, False, id="made, without usage"),
        pytest.param(answer("CANCELED"), "canceled", False, False, id="cancelled ones never ran"),
        pytest.param(answer("FAILED", "InternalError"), "failed", False, True, id="the provider's own fault"),
        pytest.param(
            answer("FAILED", "InternalError.Algo"), "failed", False, True, id="an unknown ending of it"
        ),
        pytest.param(
            answer("FAILED", "DataInspectionFailed"), "failed", False, False, id="it would fail again"
        ),
        pytest.param(answer("FAILED", "InvalidParameter"), "failed", False, False, id="the request is wrong"),
        pytest.param(answer("FAILED"), "failed", False, True, id="nobody says why: one more costs nothing"),
    ],
)
def test_what_an_end_means(told: Any, status: str, billed: bool, may_retry: bool) -> None:
    outcome = outcome_of(told, RECEIPT)

    assert (outcome.status, outcome.billed, outcome.may_retry) == (status, billed, may_retry)
    assert (outcome.key, outcome.attempt) == (RECEIPT.key, 2)
    assert outcome.billed_seconds == (told.usage.billed_seconds if told.usage else None)


@pytest.mark.parametrize("fault", ["query-reset", "query-truncated", "query-429"])
def test_a_question_without_an_answer_ends_nothing(bench: Bench, fault: str) -> None:
    bench.fault(fault, times=2)
    clip = bench.clip()

    response = bench.make(clip)

    lines = [json.loads(line) for line in read(clip, "polls.jsonl").splitlines()]
    assert response.task_id == bench.tasks()[0]["task_id"]
    assert sum("error" in line for line in lines) + _repeated_errors(lines) == 2
    assert any(line.get("answer", {}).get("output", {}).get("task_status") == "SUCCEEDED" for line in lines)


def _repeated_errors(lines: list[dict[str, Any]]) -> int:
    pairs = itertools.pairwise(lines)
    return sum(after["unchanged"] for before, after in pairs if "error" in before and "unchanged" in after)


def read(clip: Any, name: str) -> str:
    return clip.context.store.read(f"evidence/{clip.key}/attempt-1/{name}").decode()


def test_an_answer_that_says_the_same_again_is_counted_and_not_written_again(bench: Bench) -> None:
    bench.emulator.turn(generation_s=400.0)
    clip = bench.clip(bench.context(poll_min_s=0.005, poll_max_s=0.005))

    bench.make(clip)

    lines = [json.loads(line) for line in read(clip, "polls.jsonl").splitlines()]
    statuses = [line["answer"]["output"]["task_status"] for line in lines if "answer" in line]
    again = [line for line in lines if "unchanged" in line]
    assert statuses.count("RUNNING") == 1
    assert again
    assert all(line["first_at"] <= line["last_at"] and line["unchanged"] > 0 for line in again)


def test_what_is_kept_of_the_answers_opens_no_result(bench: Bench) -> None:
    clip = bench.clip()
    bench.make(clip)

    kept = read(clip, "polls.jsonl")

    url = clip.client().fetch(bench.tasks()[0]["task_id"]).video_url or ""
    assert url.partition("?")[0] in kept
    assert url.partition("Signature=")[2] not in kept


def test_a_long_silence_ends_the_run_and_not_the_clip(bench: Bench) -> None:
    bench.fault("query-503", times=None)
    with pytest.raises(Unreachable) as silence:
        bench.make()
    bench.emulator.clear_faults()

    assert "stays booked" in silence.value.message
    assert f"wan-video generate --key {silence.value.key}" in str(silence.value.next_step)
    assert bench.make().task_id == bench.tasks()[0]["task_id"]
    assert len(bench.tasks()) == 1


def test_a_clip_that_is_refused_for_a_long_time_goes_on_waiting(bench: Bench) -> None:
    bench.fault("query-429", times=MAX_SILENCE + 2)
    clip = bench.clip()

    assert bench.make(clip).task_id == bench.tasks()[0]["task_id"]

    lines = [json.loads(line) for line in read(clip, "polls.jsonl").splitlines()]
    assert sum("error" in line for line in lines) + _repeated_errors(lines) == MAX_SILENCE + 2


def test_a_clip_that_is_refused_until_its_deadline_stays_booked(bench: Bench) -> None:
    bench.fault("query-429", times=None)

    with pytest.raises(StillRunning, match="stays booked"):
        bench.make(bench.clip(bench.context(deadline_s=1.5)))


def _patient(bench: Bench, deadline_s: float) -> Clip:
    """A clip of which one question may take 20 seconds."""
    return bench.clip(bench.context(lease_s=60.0, deadline_s=deadline_s))


# After the answers to the first question, which has a limit of its own: one of the task, or two lists.
@pytest.mark.parametrize(("fault", "answers", "clips"), [("query-hang", 1, 1), ("list-hang", 2, FEW + 1)])
def test_a_deadline_passes_while_an_answer_does_not_come(
    bench: Bench, fault: str, answers: int, clips: int
) -> None:
    bench.emulator.turn(generation_s=1e6)
    clip = _patient(bench, deadline_s=3.0)
    bench.buy(clip)
    bench.fault(fault, times=None, after=answers)
    began_s = time.monotonic()

    with _many_wait(clip, clips), pytest.raises(StillRunning):
        asyncio.run(poll_clip(clip))

    assert time.monotonic() - began_s < 10


@contextlib.contextmanager
def _many_wait(clip: Clip, clips: int = FEW + 1) -> Iterator[None]:
    with contextlib.ExitStack() as waiting:
        for _ in range(clips - 1):
            waiting.enter_context(clip.context.task_list.waiting(clip.client()))
        yield


def test_a_wish_to_cancel_is_heeded_while_an_answer_does_not_come(bench: Bench) -> None:
    bench.emulator.turn(generation_s=1e6)
    clip = _patient(bench, deadline_s=60.0)
    bench.buy(clip)
    bench.fault("query-hang", times=1)
    before, began_s = _hanging(bench), time.monotonic()

    async def wait_and_cancel() -> None:
        waiting = asyncio.ensure_future(poll_clip(clip))
        await asyncio.to_thread(until, lambda: _hanging(bench) > before, "it waits for an answer")
        # As another process does: the wish, and the note that it is there.
        clip.evidence.write_cancel(CancelWish(key=clip.key, asked_at=datetime.now(UTC), by="somebody"))
        wake_to_cancel(clip.context.store, clip.key)
        with pytest.raises(Canceled):
            await waiting

    asyncio.run(wait_and_cancel())

    assert time.monotonic() - began_s < 15


def test_a_wish_to_cancel_is_heeded_while_the_questions_of_many_clips_hang(alone: Bench) -> None:
    alone.emulator.turn(generation_s=1e6)
    # Each run asks for its few clips one by one.
    runs = [alone.context(lease_s=60.0, deadline_s=60.0, create_turn=_at_once) for _ in range(4)]
    clips = [
        alone.clip(context, take=FEW * run + take) for run, context in enumerate(runs) for take in range(1, 9)
    ]

    async def buy_all() -> None:
        await asyncio.gather(*(submit_and_leave(clip) for clip in clips))

    asyncio.run(buy_all())
    alone.fault("query-hang", times=None)
    clip = clips[0]

    async def wait_and_cancel() -> float:
        waiting = [asyncio.ensure_future(poll_clip(one)) for one in clips]
        await asyncio.to_thread(until, lambda: _hanging(alone) >= 16, "they wait for answers")
        began_s = time.monotonic()
        clip.evidence.write_cancel(CancelWish(key=clip.key, asked_at=datetime.now(UTC), by="somebody"))
        wake_to_cancel(clip.context.store, clip.key)
        alone.emulator.clear_faults()
        with pytest.raises(Canceled):
            await waiting[0]
        for one in waiting:
            one.cancel()
        await asyncio.wait(waiting)
        return time.monotonic() - began_s

    assert asyncio.run(wait_and_cancel()) < 10


def test_a_deadline_passes_while_a_cancel_is_not_answered(bench: Bench) -> None:
    bench.emulator.turn(generation_s=1e6)
    clip = _patient(bench, deadline_s=3.0)
    bench.buy(clip)
    bench.fault("cancel-hang", times=None)

    async def wait_and_cancel() -> float:
        waiting = asyncio.ensure_future(poll_clip(clip))
        polls = f"evidence/{clip.key}/attempt-1/polls.jsonl"
        await asyncio.to_thread(until, lambda: clip.context.store.exists(polls), "it was answered")
        began_s = time.monotonic()
        clip.evidence.write_cancel(CancelWish(key=clip.key, asked_at=datetime.now(UTC), by="somebody"))
        with pytest.raises(StillRunning):
            await waiting
        return time.monotonic() - began_s

    assert asyncio.run(wait_and_cancel()) < 10


@pytest.mark.slow
def test_a_note_that_a_clip_ended_is_not_lost_while_an_answer_does_not_come(bench: Bench) -> None:
    # Four seconds of ours, so that the first of two slow answers comes before the end, and the second after it.
    bench.emulator.turn(generation_s=1600.0)
    clip = bench.clip(bench.context(lease_s=60.0, poll_min_s=60.0, poll_max_s=60.0, deadline_s=90.0))
    bench.buy(clip)
    bench.fault("latency", times=2, seconds=2.5)
    wake(clip.context.store, clip.key)
    began_s = time.monotonic()

    assert asyncio.run(poll_clip(clip)).status == "succeeded"

    assert time.monotonic() - began_s < 30


def _hanging(bench: Bench) -> int:
    return bench.emulator.ledger(tasks=False)["faults"].get("query-hang", 0)


def test_a_deadline_ends_the_run_and_not_the_clip(bench: Bench) -> None:
    bench.emulator.turn(generation_s=2000.0)
    with pytest.raises(StillRunning) as still:
        bench.make(bench.clip(bench.context(deadline_s=0.3)))
    bench.emulator.advance(2000)

    assert "stays booked" in still.value.message
    assert bench.make().task_id == bench.tasks()[0]["task_id"]
    assert len(bench.tasks()) == 1


def test_no_pause_goes_on_beyond_the_deadline(bench: Bench) -> None:
    bench.emulator.turn(generation_s=1e6)
    clip = bench.clip(bench.context(deadline_s=1.0, poll_min_s=60.0, poll_max_s=60.0))
    bench.buy(clip)
    began_s = time.monotonic()

    with pytest.raises(StillRunning):
        bench.make(clip)

    assert time.monotonic() - began_s < 30


def test_a_poll_that_is_called_again_counts_on_and_gets_no_new_deadline(bench: Bench) -> None:
    bench.emulator.turn(generation_s=2000.0)
    clip = bench.clip(bench.context(deadline_s=0.4))
    bench.buy(clip)
    seen: list[list[Progress]] = [[], []]

    for part in seen:

        async def note(progress: Progress, part: list[Progress] = part) -> None:
            part.append(progress)

        with pytest.raises(StillRunning):
            asyncio.run(poll_clip(clip, note))

    running = [progress.elapsed_s for part in seen for progress in part if progress.status == "RUNNING"]
    assert running == sorted(running)
    assert len(seen[0]) > len(seen[1]) == 1


async def _at_once(model: str) -> None:
    """No turn is waited for."""


def test_many_clips_that_wait_are_asked_for_with_one_list(bench: Bench) -> None:
    bench.emulator.turn(generation_s=1e6)
    context = bench.context(create_turn=_at_once, deadline_s=3.0)
    clips = [bench.clip(context, take=take) for take in range(1, 21)]

    async def buy_and_wait(clip: Clip) -> None:
        async with clip.held():
            await submit_clip(clip)
        with pytest.raises(StillRunning):
            await poll_clip(clip)

    async def all_of_them() -> None:
        await asyncio.gather(*(buy_and_wait(clip) for clip in clips))

    before = bench.emulator.ledger(tasks=False)
    asyncio.run(all_of_them())
    after = bench.emulator.ledger(tasks=False)

    asked = [json.loads(line) for clip in clips for line in read(clip, "polls.jsonl").splitlines()]
    assert sum("listed" in line for line in asked) >= len(clips)
    # Those that asked before enough of them waited for a list.
    assert after["queries"] - before["queries"] < 3 * len(clips)


@pytest.mark.parametrize("ends", [True, False])
def test_a_list_is_not_the_last_word_before_a_clip_is_given_up(bench: Bench, ends: bool) -> None:
    bench.emulator.turn(generation_s=1e4)
    clip = bench.clip(bench.context(deadline_s=6.0, poll_min_s=60.0, poll_max_s=60.0))
    bench.buy(clip)

    before = bench.emulator.ledger(tasks=False)["lists"]

    async def wait_until_listed() -> str:
        waiting = asyncio.ensure_future(poll_clip(clip))
        await asyncio.to_thread(
            until, lambda: bench.emulator.ledger(tasks=False)["lists"] >= before + 2, "the list is read"
        )
        if ends:
            bench.emulator.advance(2e4)
        return (await waiting).status

    with _many_wait(clip), contextlib.nullcontext() if ends else pytest.raises(StillRunning):
        assert asyncio.run(wait_until_listed()) == "succeeded"

    lines = read(clip, "polls.jsonl").splitlines()
    assert ("listed" in json.loads(lines[0]), "answer" in json.loads(lines[-1])) == (True, True)


def test_a_clip_that_takes_long_is_asked_for_itself_although_it_is_listed(bench: Bench) -> None:
    bench.emulator.turn(generation_s=1e6)
    clip = bench.clip(bench.context(deadline_s=60.0))
    times = {"scheduled_time": "2026-11-01 00:00:00.0", "end_time": "2026-11-01 00:00:00.1"}
    for _ in range(3):
        ended = dataclasses.replace(answer("SUCCEEDED"), answer={"output": times})
        clip.context.durations.learn(clip.order.model, ended)
    bench.buy(clip)
    before = bench.emulator.ledger(tasks=False)["queries"]

    async def asked_for_itself() -> None:
        waiting = asyncio.ensure_future(poll_clip(clip))
        await asyncio.to_thread(
            until, lambda: bench.emulator.ledger(tasks=False)["queries"] > before + 1, "it is asked for twice"
        )
        waiting.cancel()
        await asyncio.wait({waiting})

    with _many_wait(clip):
        asyncio.run(asked_for_itself())

    assert {"listed", "answer"} <= set().union(*map(json.loads, read(clip, "polls.jsonl").splitlines()))


def test_how_long_clips_took_is_what_the_next_one_is_expected_to_take(bench: Bench) -> None:
    bench.emulator.turn(generation_s=400.0)
    context = bench.context(deadline_s=120.0)
    usual_s = bench.clip(context).usual_s
    for take in (1, 2, 3):
        bench.make(bench.clip(context, take=take))

    # A busy machine renders later than it should, and the provider's own times say so.
    took_s = statistics.median(task["ended_s"] - task["scheduled_s"] for task in bench.tasks())
    assert took_s > 2 * usual_s
    assert bench.clip(context, take=4).usual_s == pytest.approx(took_s, abs=0.1)


@pytest.mark.parametrize(
    ("over_for", "clock_offset_s", "forgotten"),
    [
        (timedelta(hours=-1), 0.0, False),
        (timedelta(hours=1), 0.0, True),
        # By a clock of ours that is three hours slow.
        (timedelta(hours=-2), 3 * 3600.0, True),
        # By a clock that may be wrong.
        (timedelta(hours=1), None, False),
        (timedelta(hours=25), None, True),
    ],
)
def test_the_time_of_a_task_is_over_by_the_clock_of_the_provider(
    bench: Bench, over_for: timedelta, clock_offset_s: float | None, forgotten: bool
) -> None:
    context = bench.context(probed=False)
    context.note_clock(clock_offset_s)
    expired_at = datetime.now(UTC) - over_for
    times = {"submitted_at": expired_at - timedelta(days=1), "expires_at": expired_at}

    assert surely_forgotten(context, RECEIPT.model_copy(update=times)) is forgotten


def test_a_failure_by_chance_is_tried_again_and_only_the_good_one_is_billed(bench: Bench) -> None:
    bench.fault("failed-InternalError")

    response = bench.make()

    assert [task["status"] for task in bench.tasks()] == ["FAILED", "SUCCEEDED"]
    assert [task["billed_s"] for task in bench.tasks()] == [0, 5]
    assert response.cost.billed_seconds == 5


def test_a_failure_that_would_repeat_is_told_with_the_providers_reason(bench: Bench) -> None:
    bench.fault("failed-DataInspectionFailed")

    with pytest.raises(GenerationFailed, match="DataInspectionFailed") as failed:
        bench.make()

    assert "--retry-failed" in str(failed.value.next_step)
    assert len(bench.tasks()) == 1
