"""The ledger of a store: exact sums however many add to it, and what corrects them."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import boto3
import pytest
from countedstore import CountedStore
from moto.server import ThreadedMotoServer
from purchases import MODEL, purchase
from storecontract import s3_options

from footage.errors import InvalidRequest, NotThere, OverBudget
from footage.evidence.reader import RecordReader
from footage.evidence.records import Promise
from footage.settings import load_settings
from footage.spending.caps import Caps
from footage.spending.ledger import LINES_A_FOLDER, SpendingLedger
from footage.spending.ledger_lines import LedgerLine, Purchase, Why
from footage.spending.summary import spending_report
from footage.storage import Store, open_store

NOON = datetime(2026, 11, 28, 12, tzinfo=UTC)
TODAY = NOON.date()
OTHER = "wan2.6-i2v"


@pytest.fixture(scope="module")
def s3_endpoint() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    host, port = server.get_host_and_port()
    try:
        yield f"http://{host}:{port}"
    finally:
        server.stop()


@pytest.fixture(params=["disk", "s3"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, dict[str, object]]:
    """Where a store is, and its options."""
    if request.param == "disk":
        return str(tmp_path / "store"), {}
    endpoint: str = request.getfixturevalue("s3_endpoint")
    options = s3_options(endpoint)
    bucket = f"ledger-{abs(hash(tmp_path)):x}"
    boto3.client(
        "s3",
        endpoint_url=endpoint,
        aws_access_key_id=options["key"],
        aws_secret_access_key=options["secret"],
        region_name="us-east-1",
    ).create_bucket(Bucket=bucket)
    return f"s3://{bucket}/store", options


def caps(**settings: str) -> Caps:
    return Caps(load_settings(**settings))


def of_day(ledger: SpendingLedger, now: datetime = NOON) -> dict[str, dict[str, Decimal]]:
    return ledger.spent(now).of_day


@pytest.mark.slow
def test_twenty_workers_promise_no_more_than_the_cap_allows(place: tuple[str, dict[str, object]]) -> None:
    url, options = place
    limit = caps(max_cost_per_day="7.00 CNY")
    ledgers = [SpendingLedger(open_store(url, options)) for _ in range(20)]

    def buy(number: int) -> bool:
        try:
            ledgers[number].reserve(purchase(number), NOON, limit.check)
        except OverBudget:
            return False
        return True

    with ThreadPoolExecutor(len(ledgers)) as threads:
        bought = list(threads.map(buy, range(len(ledgers))))

    assert bought.count(True) == 10
    assert of_day(SpendingLedger(open_store(url, options))) == {MODEL: {"CNY": Decimal("7.00")}}


def test_a_new_process_finds_the_sums_without_reading_every_line(store: Store) -> None:
    SpendingLedger(store).reserve(purchase(1), NOON)
    first = RecordReader(store).record("spending/2026-11/0000/0000001.json", LedgerLine)
    for number in (LINES_A_FOLDER - 1, LINES_A_FOLDER):
        folder = f"spending/2026-11/{number // LINES_A_FOLDER:04}"
        store.create(f"{folder}/{number:07}.json", first.model_copy(update={"number": number}).to_bytes())
    counted: Any = CountedStore(store)

    line = SpendingLedger(counted).reserve(purchase(2), NOON)

    assert line.number == LINES_A_FOLDER + 1
    assert len(counted.asked) == 4, counted.asked


@pytest.mark.parametrize(
    ("setting", "named"),
    [
        ({"max_cost_per_day": "1.39 CNY"}, r"2026-11-28 \(.+\) \(WAN_VIDEO_MAX_COST_PER_DAY\)"),
        ({"max_cost_per_month": "1.39 CNY"}, "November 2026"),
        ({"max_cost_per_day_by_model": f'{{"{MODEL}": "1.39 CNY"}}'}, f"for {MODEL}"),
        ({"max_cost_per_month_by_model": f'{{"{MODEL}": "1.39 CNY"}}'}, f"for {MODEL}"),
        ({"max_cost_per_day": "0.19 USD"}, "CNY per USD"),
    ],
)
def test_each_cap_says_what_is_left_of_it(store: Store, setting: dict[str, str], named: str) -> None:
    ledger, limit = SpendingLedger(store), caps(**setting)
    ledger.reserve(purchase(1), NOON, limit.check)

    with pytest.raises(OverBudget, match=named):
        ledger.reserve(purchase(2), NOON, limit.check)

    assert of_day(ledger) == {MODEL: {"CNY": Decimal("0.70")}}


def test_a_cap_of_one_model_leaves_the_others_alone(store: Store) -> None:
    ledger, limit = SpendingLedger(store), caps(max_cost_per_day_by_model=f'{{"{MODEL}": "0.70 CNY"}}')
    ledger.reserve(purchase(1), NOON, limit.check)

    ledger.reserve(purchase(2, OTHER), NOON, limit.check)

    assert of_day(ledger) == {MODEL: {"CNY": Decimal("0.70")}, OTHER: {"CNY": Decimal("0.70")}}


def test_a_day_begins_where_the_operator_lives(store: Store) -> None:
    shanghai = SpendingLedger(store, ZoneInfo("Asia/Shanghai"))
    late = datetime(2026, 11, 28, 17, tzinfo=UTC)

    shanghai.reserve(purchase(1), NOON, caps(max_cost_per_day="0.70 CNY").check)
    shanghai.reserve(purchase(2), late, caps(max_cost_per_day="0.70 CNY").check)

    assert shanghai.day_of(late) == date(2026, 11, 29)
    assert of_day(shanghai, late) == {MODEL: {"CNY": Decimal("0.70")}}
    assert shanghai.spent(late).of_month == {MODEL: {"CNY": Decimal("1.40")}}


def test_a_month_begins_with_nothing_spent(store: Store) -> None:
    ledger, limit = SpendingLedger(store), caps(max_cost_per_month="0.70 CNY")
    ledger.reserve(purchase(1), NOON, limit.check)

    ledger.reserve(purchase(2), NOON + timedelta(days=3), limit.check)

    assert ledger.spent(NOON).of_month == {MODEL: {"CNY": Decimal("0.70")}}


def test_what_cost_nothing_makes_room_for_another(store: Store) -> None:
    ledger, limit = SpendingLedger(store), caps(max_cost_per_day="0.70 CNY")
    line = ledger.reserve(purchase(1), NOON, limit.check)

    ledger.correct(line, Decimal(0), "refused", NOON)
    ledger.reserve(purchase(2), NOON, limit.check)

    spent = ledger.spent(NOON)
    assert spent.of_day == {MODEL: {"CNY": Decimal("0.70")}}
    assert (spent.creates, dict(spent.corrected)) == (2, {"refused": 1})


def test_however_many_days_of_a_month_had_corrections_they_are_listed_with_one_request(store: Store) -> None:
    ledger, limit = SpendingLedger(store), caps(max_cost_per_month="9 CNY")
    days = [NOON - timedelta(days=age) for age in (40, 3, 2, 1, 0)]
    for number, now in enumerate(days):
        ledger.correct(ledger.reserve(purchase(number), now), Decimal(4), "billed", now)
    counted: Any = CountedStore(store)

    SpendingLedger(counted).reserve(purchase(9), NOON, limit.check)

    assert sum("corrections" in path for _, path in counted.asked) == 1
    assert ledger.spent(NOON).of_month == {MODEL: {"CNY": Decimal("2.94")}}


@pytest.mark.parametrize(
    ("theirs", "seconds", "why", "days_later"),
    [
        pytest.param(purchase(2, OTHER), "0", "failed", 0, id="the first of its model"),
        pytest.param(purchase(2, price="9"), "0", "refused", 1, id="a dear one, the first of its day"),
        pytest.param(purchase(2, price="9"), "0.1", "billed", 1, id="billed for less"),
    ],
)
def test_what_another_worker_bought_for_nothing_stops_nobody(
    store: Store, theirs: Purchase, seconds: str, why: Why, days_later: int
) -> None:
    ours, others, limit = SpendingLedger(store), SpendingLedger(store), caps(max_cost_per_month="99 CNY")
    ours.reserve(purchase(1), NOON, limit.check)
    now = NOON + timedelta(days=days_later)
    others.correct(others.reserve(theirs, now, limit.check), Decimal(seconds), why, now)

    line = ours.reserve(purchase(3), now, limit.check)

    assert line.number == 3
    assert ours.spent(now) == others.spent(now)


def test_the_last_word_about_a_line_counts_and_saying_it_twice_changes_nothing(store: Store) -> None:
    ledger = SpendingLedger(store)
    line = ledger.reserve(purchase(1), NOON)

    ledger.correct(line, Decimal(0), "failed", NOON)
    ledger.correct(line, Decimal(0), "failed", NOON)
    assert of_day(ledger) == {MODEL: {"CNY": Decimal("0.00")}}
    ledger.correct(line, Decimal(6), "billed", NOON)
    SpendingLedger(store).correct(line, Decimal(6), "billed", NOON)

    assert of_day(ledger) == {MODEL: {"CNY": Decimal("0.84")}}
    assert len(store.list("spending/corrections")) == 2


def test_the_creates_of_a_day_that_cost_nothing_are_counted_by_their_reason(store: Store) -> None:
    ledger, tomorrow = SpendingLedger(store), NOON + timedelta(days=1)
    reasons: list[tuple[Why, datetime]] = [("refused", NOON), ("refused", NOON), ("failed", tomorrow)]
    for number, (why, now) in enumerate(reasons):
        line = ledger.reserve(purchase(number), now)
        ledger.correct(line, Decimal(0), why, now)

    assert ledger.spent(NOON).corrected["refused"] == 2
    assert ledger.spent(tomorrow).corrected["failed"] == 1
    assert of_day(ledger) == {MODEL: {"CNY": Decimal("0.00")}}


def test_a_billed_excess_counts_against_the_cap(store: Store) -> None:
    ledger, limit = SpendingLedger(store), caps(max_cost_per_day="1.40 CNY")
    line = ledger.reserve(purchase(1), NOON, limit.check)
    ledger.correct(line, Decimal(6), "billed", NOON)

    with pytest.raises(OverBudget):
        ledger.reserve(purchase(2), NOON, limit.check)


def test_a_promise_is_announced_before_it_is_made_and_told_from_another_at_its_place(store: Store) -> None:
    ledger, announced = SpendingLedger(store), list[Promise]()
    ledger.reserve(purchase(1), NOON)

    def announce(promise: Promise) -> None:
        announced.append(promise)
        assert not ledger.holds(promise)
        if len(announced) == 1:
            # Somebody else is quicker.
            SpendingLedger(store).reserve(purchase(2), NOON)

    line = ledger.reserve(purchase(3), NOON, announce=announce)

    assert [promise.line.number for promise in announced] == [2, 3]
    assert line == announced[1].line
    assert [ledger.holds(promise) for promise in announced] == [False, True]


def test_what_stops_an_announcement_stops_the_promise(store: Store) -> None:
    ledger = SpendingLedger(store)

    def announce(promise: Promise) -> None:
        raise NotThere(str(promise.attempt))

    with pytest.raises(NotThere):
        ledger.reserve(purchase(1), NOON, announce=announce)

    assert of_day(ledger) == {}


@pytest.mark.parametrize("seconds", ["5.041666666666667", "0.000000000000001", "4.99999999999999999"])
def test_odd_seconds_of_the_provider_leave_a_ledger_that_is_read(store: Store, seconds: str) -> None:
    ledger = SpendingLedger(store)
    line = ledger.reserve(purchase(1), NOON)

    ledger.correct(line, Decimal(seconds), "billed", NOON)

    billed = of_day(SpendingLedger(store))[MODEL]["CNY"]
    assert Decimal(0) <= billed - Decimal("0.14") * Decimal(seconds) < Decimal("1e-9")


@pytest.mark.parametrize("model", ["lab_wan_v3", "w" * 100])
def test_whatever_an_operator_calls_a_model_its_promises_can_be_taken_back(store: Store, model: str) -> None:
    ledger = SpendingLedger(store)
    line = ledger.reserve(purchase(1, model), NOON)

    ledger.correct(line, Decimal(0), "refused", NOON)

    assert of_day(SpendingLedger(store)) == {model: {"CNY": Decimal(0)}}


def test_the_newest_lines_are_those_from_the_day_on(store: Store) -> None:
    ledger = SpendingLedger(store)
    for number in range(3):
        ledger.reserve(purchase(number), NOON + timedelta(days=number))

    assert [line.number for line in ledger.newest_lines(TODAY + timedelta(days=1))] == [3, 2]


def test_sums_by_whatever_an_operator_asks(store: Store) -> None:
    ledger = SpendingLedger(store)
    ledger.reserve(purchase(1), NOON)
    ledger.reserve(purchase(2, OTHER, board="Harbour"), NOON + timedelta(days=1))
    for number in (3, 4):
        refused = ledger.reserve(purchase(number), NOON)
        ledger.correct(refused, Decimal(0), "refused", NOON)

    report = spending_report(ledger, {f"{2:064x}"}, date(2026, 11, 1), date(2026, 11, 30))

    assert report.rows("model") == [
        {
            "model": MODEL,
            "creates": 3,
            "unbilled": 2,
            "bought": "0.70",
            "promised": "0.00",
            "currency": "CNY",
        },
        {
            "model": OTHER,
            "creates": 1,
            "unbilled": 0,
            "bought": "0.00",
            "promised": "0.70",
            "currency": "CNY",
        },
    ]
    assert [row["board"] for row in report.rows("board")] == ["Harbour", "Lighthouse"]
    assert [row["day"] for row in report.rows("day")] == ["2026-11-28", "2026-11-29"]
    assert [(row["account"], row["region"], row["state"]) for row in report.rows("line")] == [
        ("abc123", "cn-beijing", "bought"),
        ("abc123", "cn-beijing", "promised"),
        ("abc123", "cn-beijing", "refused"),
        ("abc123", "cn-beijing", "refused"),
    ]
    assert report.rows("line")[0] == {
        "day": "2026-11-28", "at": "2026-11-28T12:00:00+00:00", "key": f"{1:064x}", "attempt": 1,
        "model": MODEL, "region": "cn-beijing", "account": "abc123", "workspace": None, "board": "Lighthouse",
        "seconds": "5", "state": "bought", "amount": "0.70", "currency": "CNY",
    }  # fmt: skip
    assert report.in_words() == "0.70 CNY bought, 0.70 CNY promised for clips that are not finished"


def test_what_was_bought_for_no_board_is_a_group_of_its_own(store: Store) -> None:
    ledger = SpendingLedger(store)
    ledger.reserve(purchase(1, board=""), NOON)

    report = spending_report(ledger, {f"{1:064x}"}, date(2026, 11, 1), date(2026, 11, 30))

    assert [row["board"] for row in report.rows("board")] == ["(none)"]


@pytest.mark.parametrize(
    ("setting", "value", "said"),
    [
        ("WAN_VIDEO_MAX_COST_PER_DAY", "100", "is no amount with its currency"),
        ("WAN_VIDEO_MAX_COST_PER_DAY", "100 EUR", "is no amount with its currency"),
        ("WAN_VIDEO_MAX_COST_PER_MONTH", "-1 CNY", "is no amount with its currency"),
        ("WAN_VIDEO_MAX_COST_PER_DAY_BY_MODEL", '{"wan2.6": "1 CNY"}', "none of the models that are offered"),
        ("WAN_VIDEO_MAX_COST_PER_DAY_BY_MODEL", "[]", "is no JSON object"),
        ("WAN_VIDEO_MAX_COST_PER_MONTH_BY_MODEL", f'{{"{MODEL}": "1"}}', "is no amount with its currency"),
        ("WAN_VIDEO_DAY_ZONE", "Mars/Olympus", "is no time zone"),
        ("WAN_VIDEO_MAX_COST_DAY", "100 CNY", "there is no such setting"),
        ("WAN_VIDEO_MAXCOST_PER_DAY", "100 CNY", "there is no such setting"),
        ("WAN_VIDEO_DAILY_BUDGET", "100 CNY", "there is no such setting"),
    ],
)
def test_a_cap_that_could_not_be_kept_is_refused(
    monkeypatch: pytest.MonkeyPatch, setting: str, value: str, said: str
) -> None:
    monkeypatch.setenv(setting, value)

    with pytest.raises(InvalidRequest, match=said) as error:
        load_settings()

    assert setting in str(error.value)
