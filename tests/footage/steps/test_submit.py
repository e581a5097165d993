"""Buying once: every way in which a create can end, and what the provider's books say afterwards."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from bench import Bench, last_attempt, last_outcome, last_receipt
from waiting import until

from footage.emulator import Emulator
from footage.errors import (
    AccountProblem,
    Canceled,
    FootageError,
    GenerationFailed,
    Refused,
    TakenOver,
    Throttled,
    Unreachable,
)
from footage.evidence.state import Permission
from footage.steps.cancel import cancel_clip
from footage.steps.submit import submit_clip


@pytest.mark.parametrize(
    ("fault", "attempts", "adopted"),
    [
        pytest.param(None, 1, False, id="an answer with a task id"),
        pytest.param("create-refused-Throttling.RateQuota", 1, False, id="429: the same attempt, later"),
        pytest.param("create-accept-reset", 1, True, id="reset after it was taken: found in the list"),
        pytest.param("create-accept-500", 1, True, id="500 although it was taken"),
        pytest.param("create-accept-502-html", 1, True, id="a gateway's page although it was taken"),
        pytest.param("create-accept-hang", 1, True, id="no answer although it was taken"),
        pytest.param("create-accept-empty", 1, True, id="an empty answer"),
        pytest.param("create-reset", 2, False, id="reset before it was taken: bought at the second attempt"),
        pytest.param("create-503", 2, False, id="503 and not taken"),
        pytest.param("create-502-html", 2, False, id="a gateway's page and not taken"),
    ],
)
def test_whatever_happens_to_a_create_one_clip_is_bought(
    bench: Bench, fault: str | None, attempts: int, adopted: bool
) -> None:
    if fault:
        bench.fault(fault)
    clip = bench.clip()

    receipt = bench.buy(clip)

    tasks = bench.tasks()
    assert [task["task_id"] for task in tasks] == [receipt.task_id]
    assert last_attempt(clip).number == attempts
    assert receipt.adopted is adopted


@pytest.mark.parametrize(
    ("fault", "error", "may_retry"),
    [
        pytest.param("create-refused-InvalidParameter", Refused, False, id="the request is wrong"),
        pytest.param("create-refused-openai", Refused, False, id="the same in the other envelope"),
        pytest.param(
            "create-refused-Arrearage", AccountProblem, True, id="no money: right again once it is there"
        ),
        pytest.param("create-refused-InvalidApiKey", AccountProblem, True, id="a wrong key"),
    ],
)
def test_a_refusal_is_final_for_the_run_and_nothing_is_bought(
    bench: Bench, fault: str, error: type[FootageError], may_retry: bool
) -> None:
    bench.fault(fault)
    clip = bench.clip()

    with pytest.raises(error):
        bench.buy(clip)

    outcome = last_outcome(clip)
    assert (outcome.status, outcome.billed, outcome.may_retry) == ("failed", False, may_retry)
    assert outcome.code == (fault.removeprefix("create-refused-") if "openai" not in fault else outcome.code)
    assert bench.tasks() == []


def test_after_a_refusal_the_same_request_waits_for_a_persons_word(bench: Bench) -> None:
    bench.fault("create-refused-InvalidParameter")
    with pytest.raises(Refused):
        bench.buy()

    with pytest.raises(GenerationFailed, match="InvalidParameter"):
        bench.buy()
    receipt = bench.buy(bench.clip(permission=Permission(retry_failed=True)))

    assert [task["task_id"] for task in bench.tasks()] == [receipt.task_id]


def test_once_the_account_is_mended_the_same_request_just_works(bench: Bench) -> None:
    bench.fault("create-refused-Arrearage")
    with pytest.raises(AccountProblem):
        bench.buy()

    assert bench.buy().task_id == bench.tasks()[0]["task_id"]


def test_patience_with_refusals_ends_and_nothing_was_bought(bench: Bench) -> None:
    bench.fault("create-refused-Throttling.RateQuota", times=None)
    clip = bench.clip(bench.context(submit_patience_s=0.5))

    with pytest.raises(Throttled) as refused:
        bench.buy(clip)

    assert last_outcome(clip).may_retry
    assert last_outcome(clip).message == refused.value.message
    assert bench.tasks() == []


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param("query-429", id="it is refused for now"),
        pytest.param("query-502-html", id="a gateway answers in its place"),
        pytest.param("query-reset", id="the connection is reset"),
    ],
)
def test_a_question_before_the_create_that_tells_nothing_ends_no_purchase(bench: Bench, fault: str) -> None:
    bench.fault("failed-InternalError")
    with pytest.raises(GenerationFailed):
        bench.make(bench.clip(bench.context(max_attempts=1)))
    # Whether the earlier attempt failed in truth is asked first.
    bench.fault(fault)

    assert bench.make(bench.clip(permission=Permission(retry_failed=True))).video_url
    assert len(bench.tasks()) == 2


def test_a_cancel_while_a_question_before_the_create_is_asked_again_keeps_the_clip_from_being_bought(
    bench: Bench,
) -> None:
    bench.fault("failed-InternalError")
    with pytest.raises(GenerationFailed):
        bench.make(bench.clip(bench.context(max_attempts=1)))
    clip = bench.clip(bench.context(submit_patience_s=600.0), Permission(retry_failed=True))
    bench.fault("query-502-html", times=None)

    async def cancelled() -> None:
        async def drive() -> None:
            async with clip.held():
                await submit_clip(clip)

        asked = bench.emulator.ledger()["queries"]
        driving = asyncio.create_task(drive())
        await asyncio.to_thread(until, lambda: bench.emulator.ledger()["queries"] > asked, "it is asked")
        await asyncio.to_thread(cancel_clip, bench.context(), clip.key, "test")
        with pytest.raises(Canceled, match="nothing was bought"):
            await asyncio.wait_for(driving, 60)

    asyncio.run(cancelled())

    assert len(bench.tasks()) == 1


def test_patience_is_over_when_the_next_create_would_come_after_it(bench: Bench) -> None:
    # The first pause takes half a second or more.
    bench.fault("create-refused-Throttling.RateQuota")

    with pytest.raises(Throttled):
        bench.buy(bench.clip(bench.context(submit_patience_s=0.4)))


def test_a_run_sends_no_more_creates_than_it_may(bench: Bench) -> None:
    bench.fault("create-reset", times=None)
    clip = bench.clip(bench.context(max_attempts=2))

    with pytest.raises(Unreachable, match="never reached"):
        bench.buy(clip)

    assert len(clip.evidence.state().attempts) == 2
    assert bench.tasks() == []


def test_a_run_that_takes_its_clip_up_again_counts_its_attempts_on(bench: Bench) -> None:
    bench.fault("failed-InternalError", times=None)
    context = bench.context(max_attempts=2)
    for _ in range(3):
        with pytest.raises(GenerationFailed):
            bench.make(bench.clip(context))

    assert len(bench.tasks()) == 2


def test_a_cancel_while_a_clip_waits_for_its_turn_keeps_it_from_being_bought(bench: Bench) -> None:
    async def cancel_meanwhile(model: str) -> None:
        await asyncio.to_thread(cancel_clip, bench.context(), clip.key, "test")

    clip = bench.clip(bench.context(create_turn=cancel_meanwhile))

    with pytest.raises(Canceled, match="nothing was bought"):
        bench.buy(clip)

    assert clip.evidence.state().attempts == ()
    assert bench.tasks() == []


def test_a_cancel_while_a_refused_create_waits_closes_its_attempt(bench: Bench) -> None:
    bench.fault("create-refused-Throttling", times=1)
    turns: list[str] = []

    async def cancel_before_the_second(model: str) -> None:
        turns.append(model)
        if len(turns) == 2:
            await asyncio.to_thread(cancel_clip, bench.context(), clip.key, "test")

    clip = bench.clip(bench.context(create_turn=cancel_before_the_second))

    with pytest.raises(Canceled, match="nothing was bought"):
        bench.buy(clip)

    assert last_outcome(clip).status == "canceled"
    assert bench.tasks() == []


def test_creates_of_one_process_keep_to_the_submit_rate_of_their_model(tmp_path: Path) -> None:
    # With the provider's limits: two creates a second of this model, and a 429 for the third.
    with Emulator(render="tiny", render_workers=1, concurrency=1000) as limited:
        bench = Bench(limited, tmp_path)
        context = bench.context(submit_patience_s=60.0)
        clips = [bench.clip(context, take=take) for take in range(1, 6)]

        async def buy(clip: Any) -> Any:
            async with clip.held():
                return await submit_clip(clip)

        async def all_of_them() -> Any:
            return await asyncio.gather(*(buy(clip) for clip in clips))

        asyncio.run(all_of_them())
        books = limited.ledger()
        bench.close()

    # Sent at once, three of them would be refused.
    assert books["accepted"] == 5
    assert books["creates"] < 5 + 3


class LosesLeases:
    """A store in which somebody deletes all leases as soon as a file of this name is there."""

    def __init__(self, store: Any, name: str) -> None:
        self._store = store
        self._name = name

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def create(self, path: str, data: bytes) -> None:
        self._store.create(path, data)
        if path.endswith(self._name):
            for lease in self._store.list("leases/"):
                self._store.delete(lease)


@pytest.mark.parametrize("moment", ["leases/{key}/1.json", "open/{key}", "attempt-1/intent.json"])
def test_whoever_lost_its_lease_before_the_create_sends_nothing(bench: Bench, moment: str) -> None:
    key = bench.clip().key
    context = bench.context(wrap=lambda store: LosesLeases(store, moment.format(key=key)))

    with pytest.raises(TakenOver, match="its lease is gone"):
        bench.buy(bench.clip(context))

    assert bench.tasks() == []


def test_a_create_whose_wait_is_cancelled_is_written_down_before_the_clip_is_given_back(bench: Bench) -> None:
    clip = bench.clip()
    bench.fault("latency", route="create", seconds=0.4)

    async def cancelled() -> None:
        async def drive() -> None:
            async with clip.held():
                await submit_clip(clip)

        before = bench.emulator.ledger()["creates"]
        task = asyncio.create_task(drive())
        await asyncio.to_thread(until, lambda: bench.emulator.ledger()["creates"] > before, "it is sent")
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(cancelled())

    assert last_receipt(clip).task_id == bench.tasks()[0]["task_id"]


def test_a_permission_that_ran_out_sends_nothing(bench: Bench) -> None:
    clip = bench.clip()
    client = clip.client()

    with pytest.raises(Unreachable, match="may no longer be sent"):
        client.create(clip.wire_body(), may_send=lambda: False)

    assert bench.tasks() == []


def test_each_create_that_is_sent_takes_a_turn_of_its_own(bench: Bench) -> None:
    bench.fault("create-refused-Throttling", times=1)
    turns: list[str] = []

    async def take(model: str) -> None:
        turns.append(model)

    clip = bench.clip(bench.context(create_turn=take))

    bench.buy(clip)

    assert turns == [clip.order.model] * 2
