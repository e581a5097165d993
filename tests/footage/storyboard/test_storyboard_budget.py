"""The ledger: promises before, bills after, and a cap that holds in between."""

from __future__ import annotations

import datetime
from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from footage.catalogue import CATALOGUE, CURRENCIES
from footage.errors import InvalidRequest, OverBudget
from footage.order import Quote
from footage.request import Cost
from footage.storyboard import Budget, Ledger, check_budget
from footage.storyboard.board_quote import quote_of

READ_ON = datetime.date(2026, 10, 11)
# As price lists print them, per second.
PRICES = st.decimals("0.01", "2", places=6) | st.decimals("0.01", "2", places=2)


def quote(seconds: int, amount: str) -> Quote:
    price = Decimal(amount)
    return Quote(seconds, price / seconds, "CNY", price, price / 7, True, "page", READ_ON)


def bill(seconds: str, amount: str) -> Cost:
    return Cost(
        amount=Decimal(amount),
        currency="CNY",
        billed_seconds=Decimal(seconds),
        source="page",
        read_on=READ_ON,
    )


def ledger(max_seconds: int | None = None, max_cost: str | None = None, currency: str = "CNY") -> Ledger:
    cap = None if max_cost is None else Decimal(max_cost)
    seconds = None if max_seconds is None else Decimal(max_seconds)
    return Ledger(Budget(max_seconds=seconds, max_cost=cap, currency=currency))


def test_a_promise_holds_its_money_until_it_is_settled_or_released():
    book = ledger(max_cost="3.00")
    book.reserve("a", quote(5, "1.20"))
    book.reserve("b", quote(5, "1.20"))

    with pytest.raises(OverBudget, match=r"it costs 1\.20 CNY and 0\.60 CNY of 3\.00 CNY are left"):
        book.reserve("c", quote(5, "1.20"))

    book.release("a")
    book.reserve("c", quote(5, "1.20"))
    assert book.statement().left == Decimal("0.60")


def test_what_is_promised_is_told_beside_what_was_bought():
    book = ledger()
    book.reserve("a", quote(5, "1.20"))
    book.reserve("b", quote(5, "1.20"))
    book.settle("a")

    assert (
        book.statement().in_words() == "1.20 CNY bought in this run, 1.20 CNY promised for unfinished clips"
    )
    book.release("b")
    assert book.statement().in_words() == "1.20 CNY bought in this run"


def test_what_an_earlier_run_paid_is_told_and_takes_nothing_from_the_caps():
    book = ledger(max_cost="1.20")
    book.settle("stored", bill("5", "1.20"))
    book.settle("joined", bill("5", "0.60"))
    book.reserve("new", quote(5, "1.20"))
    book.settle("new")

    now = book.statement()
    assert now.in_words() == "1.20 CNY bought in this run, 1.80 CNY paid before, 3.00 CNY together"
    assert now.to_json() == {
        "currency": "CNY", "bought": "1.20", "paid_before": "1.80", "together": "3.00", "promised": "0.00",
    }  # fmt: skip


def test_a_smaller_bill_than_promised_frees_the_difference():
    book = ledger(max_seconds=10, max_cost="2.00")
    book.reserve("a", quote(10, "2.00"))

    book.settle("a", bill("5", "1.00"))

    now = book.statement()
    assert (now.bought, now.bought_seconds, now.reserved) == (Decimal("1.00"), Decimal(5), Decimal(0))
    assert (now.left, now.left_seconds) == (Decimal("1.00"), Decimal(5))
    assert now.entries["a"][0].billed
    book.reserve("b", quote(5, "1.00"))


def test_a_larger_bill_than_promised_is_booked_and_shown_and_stops_what_follows():
    book = ledger(max_cost="1.00")
    book.reserve("a", quote(5, "1.00"))

    book.settle("a", bill("5", "1.50"))

    assert book.statement().over
    with pytest.raises(OverBudget, match=r"0\.00 CNY of 1\.00 CNY are left"):
        book.reserve("b", quote(1, "0.01"))


def test_a_bill_of_just_what_was_left_is_not_over():
    book = ledger(max_cost="1.50")
    book.reserve("a", quote(5, "1.00"))

    book.settle("a", bill("5", "1.50"))

    assert book.statement().left == 0
    assert not book.statement().over


def test_seconds_are_capped_even_where_money_is_not():
    book = ledger(max_seconds=8)
    book.reserve("a", quote(5, "100"))

    with pytest.raises(OverBudget, match="it takes 5 s and 3 of 8 s are left"):
        book.reserve("b", quote(5, "0.01"))


def test_without_a_bill_the_promise_stands():
    book = ledger()
    book.reserve("a", quote(5, "1.20"))

    book.settle("a")

    assert book.statement().bought == Decimal("1.20")
    assert not book.statement().entries["a"][0].billed


def test_a_second_promise_for_the_same_shot_counts_once():
    book = ledger(max_cost="1.20")
    book.reserve("a", quote(5, "1.20"))
    book.reserve("a", quote(5, "1.20"))

    assert book.statement().reserved == Decimal("1.20")


def test_an_attempt_after_a_billed_one_adds_to_it():
    book = ledger(max_cost="2.00")
    book.reserve("a", quote(5, "1.20"))
    book.settle("a", bill("5", "1.20"))

    with pytest.raises(OverBudget):
        book.reserve("a", quote(5, "1.20"))
    book.reserve("a", quote(2, "0.50"))
    book.release("a")

    assert book.statement().bought == Decimal("1.20")
    assert [entry.state for entry in book.statement().entries["a"]] == ["settled", "released"]


def test_what_was_billed_is_never_given_back():
    book = ledger()
    book.reserve("a", quote(5, "1.20"))
    book.settle("a", bill("5", "1.20"))

    book.release("a")

    assert book.statement().bought == Decimal("1.20")


def test_a_clip_that_was_bought_before_can_be_settled_without_a_promise():
    book = ledger()

    book.settle("a", bill("5", "1.20"))

    assert book.statement().paid_before == Decimal("1.20")
    with pytest.raises(ValueError, match="neither a promise nor a bill"):
        book.settle("b")


def test_a_cap_in_dollars_holds_against_prices_in_yuan():
    book = ledger(max_cost="1.00", currency="USD")

    book.reserve("a", quote(5, "7.00"))
    with pytest.raises(OverBudget):
        book.reserve("b", quote(5, "0.50"))


def test_a_currency_that_no_price_has_is_refused_before_buying():
    with pytest.raises(InvalidRequest, match="CNY, USD"):
        ledger(max_cost="5", currency="EUR")


@pytest.mark.parametrize("second", ["0.80", "0.90", "1.00", "1.10", "3.10", "3.40"])
def test_promises_that_add_up_to_the_cap_all_fit_though_none_has_an_end_in_its_currency(second: str):
    # 0.60 CNY is 0.08175… USD: converted one by one, three that make 1 USD together are a little more or less.
    book = ledger(max_cost="1", currency="USD")

    book.reserve("a", quote(1, "0.60"))
    book.reserve("b", quote(1, second))
    book.reserve("c", quote(1, str(CATALOGUE.cny_per_usd - Decimal("0.60") - Decimal(second))))

    assert book.statement().left == 0
    with pytest.raises(OverBudget):
        book.reserve("d", quote(1, "0.000001"))


@given(
    prices=st.lists(
        st.tuples(st.integers(1, 60), PRICES, st.sampled_from(CURRENCIES)), min_size=1, max_size=40
    ),
    currency=st.sampled_from(CURRENCIES),
)
@settings(max_examples=100, derandomize=True, deadline=None)
def test_a_cap_of_the_printed_price_is_kept_and_one_of_a_cent_less_is_not(
    prices: list[tuple[int, Decimal, str]], currency: str
):
    quotes = {
        f"s{number}": replace(quote(seconds, str(price * seconds)), currency=given)
        for number, (seconds, price, given) in enumerate(prices)
    }
    board = quote_of(quotes)
    printed = Decimal(board.price_in(currency).split()[0].replace(",", ""))

    caps = (printed, max(printed - Decimal("0.01"), Decimal(0)))
    enough, short = (Budget(max_cost=cap, currency=currency) for cap in caps)

    check_budget(board, enough)
    book = Ledger(enough)
    for shot_id, price in quotes.items():
        book.reserve(shot_id, price)
    with pytest.raises(OverBudget):
        check_budget(board, short)
