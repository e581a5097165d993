"""Making a board's shots against the emulator, without Prefect: order, budget and failures."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from decimal import Decimal
from io import BytesIO

import pytest
from boards import board, chained, no_links
from filmboards import accepted, follow_plainly, plain_crew
from PIL import Image
from plainsteps import PLAIN_STEPS

from footage.clip import Clip, follow
from footage.context import Context, open_context
from footage.emulator import Emulator
from footage.evidence.clip_evidence import ClipEvidence
from footage.evidence.records import Intent
from footage.evidence.state import Permission, Step
from footage.request import VideoResponse
from footage.settings import Settings
from footage.steps.check import reopen
from footage.steps.last_frame import last_frame_path
from footage.storyboard import Budget, Ledger, ShotOutcome, plan_board
from footage.storyboard.budget import Statement
from footage.storyboard.crew import MakeClip, patience_s
from footage.storyboard.plan import BoardPlan
from footage.storyboard.production import produce
from footage.storyboard.to_buy import still_to_buy


async def _make(
    context: Context, plan: BoardPlan, budget: Budget, make: MakeClip = follow_plainly
) -> tuple[dict[str, ShotOutcome], Ledger]:
    ledger = Ledger(budget)
    return await produce(context, plan, ledger, plain_crew(context, make)), ledger


async def test_a_cap_that_is_reached_holds_the_rest_and_finishes_what_was_bought(
    context: Context, emulator: Emulator
) -> None:
    plan = plan_board(board(*({"id": f"s{n}", "take": n} for n in range(1, 6))), no_links)
    before = accepted(emulator)

    # Each shot has 5 s, so that the third one would pass the cap.
    outcomes, ledger = await _make(context, plan, Budget(max_seconds=Decimal(12), currency="CNY"))

    states = [outcome.state for outcome in outcomes.values()]
    assert sorted(states) == ["delivered", "delivered", "held", "held", "held"]
    assert accepted(emulator) - before == 2
    assert ledger.statement().bought_seconds == 10
    assert ledger.statement().reserved_seconds == 0


async def test_a_failed_shot_gives_its_promise_back(context: Context) -> None:
    plan = plan_board(board({"id": "bad", "prompt": "No [[emulator: fail=DataInspectionFailed]]"}), no_links)

    outcomes, ledger = await _make(context, plan, Budget(currency="CNY"))

    assert outcomes["bad"].state == "failed"
    assert "--retry-failed" in (outcomes["bad"].command or "")
    assert (ledger.statement().bought, ledger.statement().reserved) == (0, 0)


async def test_an_unexpected_error_stops_its_own_shot_and_keeps_the_money_of_what_was_bought(
    context: Context, caplog: pytest.LogCaptureFixture
) -> None:
    async def make(clip: Clip) -> VideoResponse | None:
        if clip.name == "good":
            return await follow_plainly(clip)
        if clip.name == "bought":
            async with clip.held():
                await PLAIN_STEPS[Step.SUBMIT](clip)
        raise LookupError("nobody expected this of https://h/a?Signature=canary")

    shots = (
        {"id": "not-bought", "take": 2},
        {"id": "bought", "take": 3},
        {"id": "good", "take": 4},
        chained("after", "shot:not-bought"),
    )
    outcomes, ledger = await _make(context, plan_board(board(*shots), no_links), Budget(currency="CNY"), make)

    assert {shot_id: outcome.state for shot_id, outcome in outcomes.items()} == {
        "not-bought": "unfinished",
        "bought": "unfinished",
        "good": "delivered",
        "after": "skipped",
    }
    assert "LookupError: nobody expected this" in (outcomes["bought"].reason or "")
    assert "canary" not in (outcomes["bought"].reason or "")
    assert (ledger.statement().reserved_seconds, ledger.statement().bought_seconds) == (5, 5)
    assert "Traceback" in caplog.text


async def test_two_shots_that_ask_for_the_same_are_bought_once(context: Context, emulator: Emulator) -> None:
    plan = plan_board(board({"id": "a"}, {"id": "b"}), no_links)
    before = accepted(emulator)

    outcomes, ledger = await _make(context, plan, Budget(currency="CNY"))

    assert outcomes["a"].response == outcomes["b"].response
    assert accepted(emulator) - before == 1
    assert ledger.statement().bought_seconds == 5


async def test_what_is_stored_already_costs_this_run_nothing(context: Context, emulator: Emulator) -> None:
    plan = plan_board(board({"id": "a"}), no_links)
    await _make(context, plan, Budget(currency="CNY"))
    before = accepted(emulator)

    outcomes, ledger = await _make(context, plan, Budget(max_seconds=Decimal(0), currency="CNY"))

    assert outcomes["a"].state == "delivered"
    assert accepted(emulator) == before
    assert ledger.statement().bought == 0
    assert ledger.statement().paid_before == plan.quote.amount_in("CNY")


def test_of_two_runs_at_once_each_counts_what_it_bought_itself(context: Context, emulator: Emulator) -> None:
    plan = plan_board(board(*({"id": f"s{n}", "take": 60 + n} for n in range(3))), no_links)
    before = accepted(emulator)

    def run(context: Context) -> Statement:
        ledger = Ledger(Budget(currency="CNY"))
        asyncio.run(produce(context, plan, ledger, plain_crew(context, here=True)))
        return ledger.statement()

    other = open_context(context.settings, find_api_key=lambda: context.api_key)
    with other, ThreadPoolExecutor(2) as runs:
        told = list(runs.map(run, (context, other)))

    assert accepted(emulator) - before == 3
    price = plan.quote.amount_in("CNY")
    assert sum(one.bought for one in told) == price
    assert [one.together for one in told] == [price, price]
    assert all(one.reserved == 0 for one in told)


async def test_what_an_earlier_run_bought_takes_nothing_from_the_caps_of_this_one(context: Context) -> None:
    plan = plan_board(board({"id": "bought", "take": 9}, {"id": "new", "take": 10}), no_links)

    async def buy_one(clip: Clip) -> VideoResponse | None:
        if clip.name == "bought":
            async with clip.held():
                await PLAIN_STEPS[Step.SUBMIT](clip)
        return None

    await _make(context, plan, Budget(currency="CNY"), buy_one)
    assert still_to_buy(context, plan).seconds == 5

    outcomes, ledger = await _make(context, plan, Budget(max_seconds=Decimal(5), currency="CNY"))

    assert {outcome.state for outcome in outcomes.values()} == {"delivered"}
    told = ledger.statement()
    assert (told.bought_seconds, told.paid_before_seconds, told.left_seconds) == (5, 5, 0)


async def test_a_failure_that_an_earlier_run_left_is_bought_anew_under_the_caps_of_this_one(
    context: Context, emulator: Emulator
) -> None:
    plan = plan_board(board({"id": "failing", "prompt": "No [[emulator: fail=InternalError]]"}), no_links)

    async def buy(clip: Clip) -> VideoResponse | None:
        async with clip.held():
            await PLAIN_STEPS[Step.SUBMIT](clip)
        return None

    await _make(context, plan, Budget(currency="CNY"), buy)
    before = accepted(emulator)
    outcomes, ledger = await _make(context, plan, Budget(max_seconds=Decimal(4), currency="CNY"))

    assert outcomes["failing"].state == "held"
    assert accepted(emulator) == before
    assert ledger.statement().left_seconds == 4


async def test_what_was_paid_when_the_run_began_is_brought_back_and_not_bought_anew(
    context: Context, emulator: Emulator
) -> None:
    plan = plan_board(board({"id": "damaged", "take": 41}), no_links)
    (made,) = (await _make(context, plan, Budget(currency="CNY")))[0].values()
    assert made.response is not None
    context.store.delete(f"videos/{made.response.key}.mp4")
    before = accepted(emulator)

    ledger = Ledger(Budget(max_cost=Decimal(100), currency="CNY"), paid_before={"damaged"})
    outcomes = await produce(context, plan, ledger, plain_crew(context))

    assert outcomes["damaged"].state == "delivered"
    assert (ledger.statement().bought, accepted(emulator)) == (0, before)


async def test_what_another_process_buys_anew_for_this_run_is_held_against_its_caps(context: Context) -> None:
    plan = plan_board(
        board({"id": "again", "take": 31, "prompt": "No [[emulator: fail=InternalError times=1]]"}), no_links
    )

    async def only_buy(clip: Clip) -> VideoResponse | None:
        async with clip.held():
            await PLAIN_STEPS[Step.SUBMIT](clip)
        return None

    async def buy_elsewhere(clip: Clip) -> VideoResponse | None:
        clip.before_buying = None
        return await follow(clip, PLAIN_STEPS)

    await _make(context, plan, Budget(currency="CNY"), only_buy)
    outcomes, ledger = await _make(
        context, plan, Budget(max_seconds=Decimal(8), currency="CNY"), buy_elsewhere
    )

    assert outcomes["again"].state == "delivered"
    assert ledger.statement().left_seconds == 3


async def test_a_clip_that_another_run_bought_and_whose_price_nobody_knows_is_delivered(
    context: Context, emulator: Emulator
) -> None:
    emulator.turn(t2v_flash=True)
    plan = plan_board(board({"id": "a", "model": "wan2.2-t2v-flash", "size": "832*480"}), no_links)

    async def wait_for_another(clip: Clip) -> VideoResponse | None:
        with open_context(context.settings, find_api_key=lambda: context.api_key) as other:
            return await follow(reopen(other, clip.key, Permission()), PLAIN_STEPS)

    ledger = Ledger(Budget(currency="CNY"))
    outcomes = await produce(context, plan, ledger, plain_crew(context, wait_for_another, here=True))

    assert outcomes["a"].state == "delivered"
    assert (ledger.statement().bought, ledger.statement().reserved) == (0, 0)


async def test_a_chained_shot_that_is_paid_is_not_bought_again_when_its_frame_is_decoded_anew(
    context: Context, emulator: Emulator
) -> None:
    plan = plan_board(board({"id": "a"}, chained("b", "shot:a", duration=2)), no_links)
    first, _ = await _make(context, plan, Budget(currency="CNY"))
    before = accepted(emulator)
    source, clip = first["a"].response, first["b"].response
    assert source is not None
    assert clip is not None
    path = last_frame_path(source.key)
    with Image.open(BytesIO(context.store.read(path))) as frame:
        # As another version of the library writes it.
        frame.save(anew := BytesIO(), "PNG", compress_level=0)
    context.store.replace(path, anew.getvalue())

    again, ledger = await _make(context, plan, Budget(currency="CNY"))

    assert accepted(emulator) == before
    assert again["b"].response == clip.model_copy(update={"cached": True})
    assert ledger.statement().bought == 0


async def test_a_record_that_does_not_fit_holds_up_no_other_shot(
    context: Context, emulator: Emulator
) -> None:
    shots = ({"id": "a", "take": 51}, chained("b", "shot:a", duration=2), {"id": "c", "take": 52})
    plan = plan_board(board(*shots), no_links)
    first, _ = await _make(context, plan, Budget(currency="CNY"))
    before = accepted(emulator)
    damaged = first["b"].response
    assert damaged is not None
    context.store.replace(f"evidence/{damaged.key}/result.json", b"{")

    assert still_to_buy(context, plan).clips == 0
    outcomes, _ = await _make(context, plan, Budget(currency="CNY"))

    assert {shot_id: outcome.state for shot_id, outcome in outcomes.items()} == {
        "a": "delivered",
        "b": "unfinished",
        "c": "delivered",
    }
    assert f"evidence/{damaged.key}/result.json does not fit" in (outcomes["b"].reason or "")
    assert accepted(emulator) == before


def test_a_purchase_that_nobody_knows_of_is_priced_again_only_where_it_may_be_bought_again(
    context: Context,
) -> None:
    plan = plan_board(board({"id": "unknown", "take": 21}), no_links)
    prepared = plan.shots[0].prepared
    assert prepared is not None
    order = prepared.order
    ClipEvidence(context.store, order.key).write_intent(
        Intent(
            key=order.key,
            attempt=1,
            owner="a worker that is gone",
            lease=1,
            model=plan.shots[0].request.model,
            region=order.region,
            endpoint=context.settings.http_base_url or "",
            key_fingerprint="0" * 12,
            written_at=datetime.now(UTC),
        )
    )

    assert still_to_buy(context, plan).clips == 0
    assert still_to_buy(context, plan, buy_again=True).clips == 1


@pytest.mark.slow
async def test_a_changed_shot_is_made_again_with_those_that_start_from_it_and_no_others(
    context: Context, emulator: Emulator
) -> None:
    chained = {
        "model": "wan2.6-i2v-flash",
        "size": "1280*720",
        "duration": 2,
        "start_from": "prev_last_frame",
    }
    tail = ({"id": "a2", "prompt": "a goes on", **chained}, {"id": "b", "prompt": "Another place"})
    first = plan_board(board({"id": "a1"}, *tail), no_links)
    await _make(context, first, Budget(currency="CNY"))
    before = accepted(emulator)
    assert still_to_buy(context, first).clips == 0

    changed = plan_board(board({"id": "a1", "prompt": "A stormy harbour"}, *tail), no_links)
    assert still_to_buy(context, changed).clips == 2
    outcomes, _ = await _make(context, changed, Budget(currency="CNY"))

    assert {outcome.state for outcome in outcomes.values()} == {"delivered"}
    assert accepted(emulator) - before == 2


def test_a_shot_may_wait_for_its_turn_behind_all_others_of_its_model() -> None:
    settings = Settings(deadline_s=100)
    few = plan_board(board({"id": "s1"}), no_links)
    many = plan_board(board(*({"id": f"s{n}", "take": n} for n in range(1, 101))), no_links)

    # 100 shots in 2 slots are 50 turns of 190 s.
    assert patience_s(many.clips_by_model, settings) > 50 * 190
    assert patience_s(few.clips_by_model, settings) < 1000
    # The account's limit shrank to one.
    (model,) = many.clips_by_model
    assert patience_s(many.clips_by_model, settings, {model: 1}) > 100 * 190
