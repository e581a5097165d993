"""What a purchase writes into the ledger, what stops it, and what becomes of a promise that led to nothing."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from bench import MODEL, Bench, last_attempt, last_outcome

from footage.clip import Clip
from footage.errors import (
    BadRecord,
    BuyingStopped,
    GenerationFailed,
    InvalidRequest,
    OverBudget,
    Refused,
    StorageProblem,
)
from footage.evidence.records import Intent, Outcome, SpendingLine
from footage.evidence.state import Attempt, Permission
from footage.spending.caps import clip_cap
from footage.spending.settle import owed
from footage.spending.stop_switch import SEEN_FOR_S, resume_buying, stop_buying, stopped
from footage.spending.summary import spending_report
from footage.steps.check import enter, prepare
from footage.steps.open_clips import open_keys, unmark
from footage.steps.store_status import clip_status, store_status
from footage.values.money import Amount


@pytest.fixture(autouse=True)
def _not_before_midnight(bench: Bench) -> None:
    """The provider's quick clock is hours away from the next day, so that a test is over on the day it began."""
    now = bench.context().provider_now()
    if now.hour >= 18:
        midnight = now.replace(hour=0, minute=0, second=0) + timedelta(days=1)
        bench.emulator.advance((midnight - now).total_seconds() + 60)


def spent(bench: Bench) -> Decimal:
    """What the ledger has of today and of the days that the provider's quick clock has come to, in CNY."""
    today = datetime.now(UTC).date()
    lines = bench.context().spending.lines(today, today + timedelta(days=60))
    return sum((line.amount + (found.delta if found else 0) for line, found in lines), Decimal(0))


def test_a_bought_clip_is_in_the_ledger_once(bench: Bench) -> None:
    clip = bench.clip()

    bench.make(clip)
    bench.make(bench.clip())

    assert spent(bench) == clip.order.quote.amount
    line = last_attempt(clip).intent.spending
    assert line is not None
    assert (line.number, line.seconds) == (1, 5)


def test_a_clip_that_costs_more_than_it_may_is_not_bought(bench: Bench) -> None:
    price = bench.clip().order.quote.amount
    cent = Decimal("0.01")

    with pytest.raises(OverBudget, match="max_cost"):
        bench.make(bench.clip(permission=Permission(max_cost=Amount(price - cent, "CNY"))))
    assert bench.tasks() == []
    assert spent(bench) == 0

    bench.make(bench.clip(permission=Permission(max_cost=Amount(price, "CNY"))))
    assert len(bench.tasks()) == 1


@pytest.mark.parametrize("text", ["", "0.70", "0.70 EUR", "-1 CNY", "much"])
def test_a_cap_of_one_clip_that_is_none_is_named_with_what_was_given(text: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        clip_cap(text)

    problem = refused.value.problems[0]
    assert (problem.field, problem.value) == ("max_cost", text)
    assert problem.allowed is not None
    assert "0.70 CNY" in problem.allowed


@pytest.mark.parametrize(
    ("fault", "error", "why"),
    [
        ("create-refused-InvalidParameter", Refused, "refused"),
        ("failed-DataInspectionFailed", GenerationFailed, "failed"),
    ],
)
def test_what_was_not_billed_is_taken_out_again(
    bench: Bench, fault: str, error: type[Exception], why: str
) -> None:
    bench.fault(fault)

    with pytest.raises(error):
        bench.make()

    assert spent(bench) == 0
    status = store_status(bench.context())
    assert (status.spent.creates, dict(status.unbilled)) == (1, {why: 1})


def test_a_second_attempt_needs_no_room_for_a_first_that_cost_nothing(bench: Bench) -> None:
    bench.fault("failed-InternalError", times=1)

    response = bench.make(bench.clip(bench.context(max_cost_per_day="1.00 CNY")))

    assert response.video_url
    assert spent(bench) == response.cost.amount


@pytest.mark.parametrize("anew", [True, False], ids=["begun anew", "gone"])
def test_of_a_ledger_that_was_lost_nothing_is_taken_back(bench: Bench, anew: bool) -> None:
    bench.fault("failed-DataInspectionFailed")
    failing, other = bench.clip(take=1), bench.clip(take=2)
    bench.buy(failing)
    store = failing.context.store
    for path in store.list("spending"):
        store.delete(path)
    if anew:
        # Its line has the number of the one that was lost.
        bench.buy(other)
        assert last_attempt(other).intent.spending == last_attempt(failing).intent.spending

    with pytest.raises(GenerationFailed):
        bench.make(failing)

    assert spent(bench) == (other.order.quote.amount if anew else 0)
    # Nothing of it is left to settle.
    assert failing.key not in open_keys(store)


def test_a_lost_create_stays_promised_until_it_is_settled(bench: Bench) -> None:
    bench.fault("create-accept-hang")
    clip = bench.clip()

    bench.buy(clip)

    assert spent(bench) == clip.order.quote.amount
    assert open_keys(clip.context.store) == {clip.key}


def test_a_cap_holds_over_all_runs_of_a_store(bench: Bench) -> None:
    first = bench.clip(bench.context(max_cost_per_day="1.00 CNY"))
    bench.make(first)
    second = bench.clip(bench.context(max_cost_per_day="1.00 CNY"), seed=2)

    with pytest.raises(OverBudget, match="WAN_VIDEO_MAX_COST_PER_DAY"):
        bench.make(second)

    assert len(bench.tasks()) == 1
    assert second.evidence.state().attempts == ()
    assert open_keys(second.context.store) == set()


def test_while_buying_is_stopped_nothing_is_sent_and_what_was_bought_is_finished(bench: Bench) -> None:
    first = bench.clip()
    bench.buy(first)
    stop_buying(first.context.store, "somebody", "too dear")

    with pytest.raises(BuyingStopped, match=r"somebody stopped all buying .* \(too dear\)"):
        bench.make(bench.clip(seed=2))
    bench.make(bench.clip())

    assert len(bench.tasks()) == 1
    resume_buying(first.context.store)
    assert bench.make(bench.clip(seed=2)).video_url
    assert stopped(first.context.store) is None


def test_a_create_that_waits_for_its_answer_is_not_sent_again_once_buying_is_stopped(bench: Bench) -> None:
    bench.fault("create-refused-Throttling.RateQuota", times=None)
    clip = bench.clip(bench.context(submit_patience_s=30.0))
    failures: list[BaseException] = []

    def buy() -> None:
        try:
            bench.buy(clip)
        except BaseException as error:  # noqa: BLE001 - looked at below
            failures.append(error)

    buying = threading.Thread(target=buy)
    buying.start()
    while not clip.evidence.state().attempts:
        time.sleep(0.01)
    stop_buying(clip.context.store, "somebody")
    buying.join(20)

    assert [type(error) for error in failures] == [BuyingStopped]
    assert last_outcome(clip).may_retry
    assert spent(bench) == 0
    bench.emulator.clear_faults()
    resume_buying(clip.context.store)
    assert bench.buy().task_id


class Killed(BaseException):
    """The process ends here."""


def die_after(bench: Bench, call: str) -> Clip:
    """A clip whose worker died right after this call of the store, in the middle of a purchase."""
    clip = bench.clip(bench.context(wrap=lambda store: Deadly(store, call)), Permission(retry_failed=True))
    with pytest.raises(Killed):
        bench.make(clip)
    return clip


class Deadly:
    """A store whose process dies right after one call has done its work."""

    def __init__(self, store: Any, call: str) -> None:
        self._store = store
        self._call = call

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._store, name)
        if name not in ("create", "replace"):
            return method

        def call(path: str, data: bytes) -> None:
            method(path, data)
            if f"{name} {path}".startswith(self._call):
                raise Killed

        return call


@pytest.mark.parametrize("call", ["create open/", "create spending/2"])
def test_the_promise_of_a_worker_that_died_is_given_back_by_the_next_who_buys(
    bench: Bench, call: str
) -> None:
    clip = die_after(bench, call)

    # With room for one alone.
    bench.make(bench.clip(bench.context(max_cost_per_day="1.00 CNY")))

    assert spent(bench) == clip.order.quote.amount
    assert store_status(bench.context()).creates == 1


def test_the_promise_of_a_worker_that_died_is_given_back_with_its_marker(bench: Bench) -> None:
    clip = die_after(bench, "create spending/2")
    assert spent(bench) == clip.order.quote.amount

    assert unmark(bench.context(), clip.key) == "unmarked"

    assert spent(bench) == 0


def test_the_promise_of_a_second_attempt_is_given_back_by_who_does_not_go_on(bench: Bench) -> None:
    bench.fault("failed-DataInspectionFailed", times=1)
    with pytest.raises(GenerationFailed):
        bench.make()
    clip = die_after(bench, "create spending/2")
    assert spent(bench) == clip.order.quote.amount

    with pytest.raises(GenerationFailed):
        bench.make(bench.clip())

    assert spent(bench) == 0
    assert open_keys(clip.context.store) == set()


def test_who_lost_a_purchase_to_another_worker_gives_its_own_promise_back(bench: Bench) -> None:
    winner = bench.clip()
    quicker = Overtaken(bench.context().store, lambda: bench.make(winner))
    loser = bench.clip(bench.context(wrap=lambda _: quicker, lease_s=30.0))

    # It waits for the other then, and finds the clip finished.
    assert bench.make(loser).video_url

    assert len(bench.tasks()) == 1
    assert quicker.overtaken
    assert spent(bench) == winner.order.quote.amount
    assert store_status(bench.context()).creates == 1


class Overtaken:
    """A store in which somebody else buys the clip right before this worker's first intent is there."""

    def __init__(self, store: Any, buy: Callable[[], object]) -> None:
        self._store = store
        self._buy = buy
        self.overtaken = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def create(self, path: str, data: bytes) -> None:
        if path.endswith("/intent.json") and not self.overtaken:
            self.overtaken = True
            # Our lease is gone, as after a long pause.
            key = path.split("/")[1]
            for name in self._store.list(f"leases/{key}"):
                self._store.delete(name)
            buying = threading.Thread(target=self._buy)
            buying.start()
            buying.join(60)
        self._store.create(path, data)


def test_a_store_that_is_slow_to_tell_of_the_switch_is_named_and_not_the_network(bench: Bench) -> None:
    slow = SlowSwitch(bench.context().store)
    clip = bench.clip(bench.context(wrap=lambda _: slow, lease_s=60.0, submit_patience_s=30.0))

    with pytest.raises(StorageProblem, match="to tell whether buying is stopped"):
        bench.make(clip)

    assert bench.tasks() == []
    assert last_outcome(clip).may_retry


class SlowSwitch:
    """A store that takes longer for the switch than its answer is good for, once a create is to leave."""

    def __init__(self, store: Any) -> None:
        self._store = store
        self._looks = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def read(self, path: str, **more: Any) -> bytes:
        self._looks += path == "buying-stopped.json"
        if path == "buying-stopped.json" and self._looks > 1:
            time.sleep(SEEN_FOR_S + 0.1)
        return self._store.read(path, **more)


def test_a_long_title_of_a_board_is_kept_as_far_as_a_line_has_room(bench: Bench) -> None:
    context = bench.context()
    asked = {"prompt": bench.prompt, "model": MODEL, "size": "832*480", "conform": "never"}
    clip = enter(context, prepare(context, asked), Permission(), board="A " * 400)

    bench.make(clip)

    (entry,) = spending_report(context.spending, (), date(2000, 1, 1), date(2999, 1, 1)).entries
    assert (entry.line.board or "").startswith("A A A")
    assert entry.state == "bought"


def test_status_answers_what_an_operator_asks(bench: Bench) -> None:
    clip = bench.clip()
    receipt = bench.buy(clip)

    status = store_status(bench.context(max_cost_per_day="1.00 CNY"))

    told = status.to_json()
    assert (told["waiting"], told["unknown"], told["creates_today"]) == (1, 0, 1)
    assert told["next_to_expire"]["key"] == clip.key
    # The emulator's clock is fast.
    assert 0 <= told["oldest_s"] < 24 * 3600
    price = clip.order.quote.amount
    assert told["spent_today"] == {MODEL: {"CNY": str(price)}}
    assert [cap["left"] for cap in told["caps"]] == [str(1 - price)]
    one = clip_status(bench.context(), clip.key[:8])
    assert (one.state, one.task_id) == ("waiting for the provider", receipt.task_id)
    response = bench.make()
    assert clip_status(bench.context(), clip.key).video_url == response.video_url
    assert store_status(bench.context()).waiting == []


def test_an_order_to_stop_that_cannot_be_read_stops_buying_and_leaves_nothing_unknown(bench: Bench) -> None:
    store = UnreadableFrom(bench.context().store, looks=1)
    clip = bench.clip(bench.context(wrap=lambda _: store))

    with pytest.raises(BadRecord, match="buying-stopped"):
        bench.make(clip)

    assert bench.tasks() == []
    assert last_outcome(clip).may_retry
    # What harvest does.
    assert unmark(bench.context(), clip.key) == "unmarked"
    assert spent(bench) == 0


class UnreadableFrom:
    """A store in which the order to stop cannot be read any more after so many looks."""

    def __init__(self, store: Any, looks: int) -> None:
        self._store = store
        self._looks = looks

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def read(self, path: str, **more: Any) -> bytes:
        if path == "buying-stopped.json":
            self._looks -= 1
            if self._looks < 0:
                return b"[]"
        return self._store.read(path, **more)


def test_a_failed_clip_has_ended_only_when_nobody_is_about_to_try_again(bench: Bench) -> None:
    bench.fault("failed-DataInspectionFailed")
    clip = bench.clip()
    with pytest.raises(GenerationFailed):
        bench.make(clip)
    told = clip_status(bench.context(), clip.key)
    assert (told.ended, told.exit_code) == (True, GenerationFailed.exit_code)

    # Between two attempts its worker has it marked as open.
    clip.evidence.mark_open()

    told = clip_status(bench.context(), clip.key)
    assert (told.ended, told.exit_code) == (False, 5)


@pytest.mark.parametrize(
    ("ended", "seconds", "why"),
    [
        (None, 5, "billed"),
        ({"status": "succeeded", "billed": True, "billed_seconds": 7}, 7, "billed"),
        ({"status": "succeeded", "billed_seconds": 7}, 7, "billed"),
        ({"status": "failed", "billed": False, "billed_seconds": 7}, 0, "refused"),
        ({"status": "canceled", "billed": False}, 0, "canceled"),
    ],
)
def test_what_was_billed_is_owed_and_what_nobody_knows_counts_as_promised(
    ended: dict[str, Any] | None, seconds: int, why: str
) -> None:
    now, key = datetime(2026, 11, 1, tzinfo=UTC), "ab" * 32
    intent = Intent(
        key=key, attempt=1, owner="w", lease=1, model=MODEL, region="cn-beijing", endpoint="https://x/api/v1",
        key_fingerprint="f", written_at=now,
    )  # fmt: skip
    outcome = Outcome(key=key, attempt=1, decided_at=now, **ended) if ended else None
    attempt = Attempt(number=1, intent=intent, receipt=None, outcome=outcome)

    assert owed(attempt, SpendingLine(month="2026-11", number=1, seconds=Decimal(5))) == (seconds, why)
