"""Amounts of money: what people read, what JSON has, and sums that do not drift."""

from __future__ import annotations

from decimal import Decimal

import pytest

from footage.catalogue import CATALOGUE
from footage.values.money import amount_text, exact_money, money, money_left, rate_in_words, total


@pytest.mark.parametrize(
    ("amount", "read"),
    [
        ("0", "0.00 CNY"),
        ("0.7", "0.70 CNY"),
        ("0.45", "0.45 CNY"),
        ("0.146785", "0.1468 CNY"),
        ("0.145", "0.145 CNY"),
        ("0.99999", "1.00 CNY"),
        ("1.14", "1.14 CNY"),
        ("1.140001", "1.15 CNY"),
        ("1234.5", "1,234.50 CNY"),
        ("0E-6", "0.00 CNY"),
        ("1E+1", "10.00 CNY"),
    ],
)
def test_a_price_has_two_digits_at_least_and_is_never_less_than_it_is(amount: str, read: str):
    assert money(Decimal(amount), "CNY") == read


@pytest.mark.parametrize(
    ("left", "read"), [("0.999999", "0.9999 USD"), ("2.019", "2.01 USD"), ("-1", "0.00 USD")]
)
def test_what_is_left_is_never_more_than_it_is(left: str, read: str):
    assert money_left(Decimal(left), "USD") == read


def test_a_cap_and_a_price_per_second_keep_all_their_digits():
    assert exact_money(Decimal("1.1438"), "USD") == "1.1438 USD"
    assert exact_money(Decimal("0.146785"), "CNY") == "0.146785 CNY"
    assert exact_money(Decimal("5"), "CNY") == "5.00 CNY"


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        ("8.4", "8.40"),
        ("0.73392500", "0.733925"),
        ("1234567.5", "1234567.50"),
        (Decimal(1) / 3, "0.3333333334"),
    ],
)
def test_json_has_plain_decimals_and_a_converted_one_rounded_up_once(amount: str, text: str):
    assert amount_text(Decimal(amount)) == text


def test_a_sum_is_converted_as_a_whole_and_says_at_which_rate():
    ratio = CATALOGUE.cny_per_usd

    assert total({"CNY": 7 * ratio, "USD": Decimal("0.01")}, "USD") == Decimal("7.01")
    assert total({"USD": Decimal(2)}, "CNY") == 2 * ratio
    assert rate_in_words({"CNY": Decimal("8.4")}, "USD") == f"8.40 CNY at {ratio} CNY per USD"
    assert rate_in_words({"CNY": Decimal("8.4")}, "CNY") == ""
