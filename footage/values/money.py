"""Amounts of money: summed exactly, converted once, and written for people in one way.

A price that people read is never less than the price itself: it is rounded up, once, after everything was summed.
So a cap of just what was printed is always kept, and one of a cent less never is.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import NamedTuple

from footage.catalogue import CATALOGUE, CURRENCIES

_AMOUNT = re.compile(r"(?P<amount>\d{1,9}(?:\.\d{1,6})?)\s*(?P<currency>[A-Za-z]{3})")
_CENT = Decimal("0.01")
_SMALL = Decimal("0.0001")
# Finer than any price times any number of seconds.
_FINEST = Decimal("1e-10")


class Amount(NamedTuple):
    """An amount of money in one of CURRENCIES."""

    amount: Decimal
    currency: str

    @classmethod
    def parse(cls, text: str) -> Amount:
        """Read "100 CNY".

        Raises:
            ValueError: It has no number, no currency, or one that no price is known in.
        """
        match = _AMOUNT.fullmatch(text.strip())
        if match is None or match["currency"].upper() not in CURRENCIES:
            raise ValueError("is no amount with its currency")
        return cls(Decimal(match["amount"]), match["currency"].upper())


def by_currency(amounts: Iterable[tuple[Decimal, str]]) -> dict[str, Decimal]:
    """Exact sums, one per currency, in the order in which the currencies came."""
    sums: dict[str, Decimal] = {}
    for amount, currency in amounts:
        sums[currency] = sums.get(currency, Decimal(0)) + amount
    return sums


def total(amounts: Mapping[str, Decimal], currency: str) -> Decimal:
    """Sums of several currencies in one of CURRENCIES, by the price list's own ratio.

    Each sum is converted as a whole, because a quotient has no exact end: the sum of many would drift.
    """
    return sum((_converted(amount, given, currency) for given, amount in amounts.items()), Decimal(0))


def _converted(amount: Decimal, currency: str, wanted: str) -> Decimal:
    if currency == wanted:
        return amount
    ratio = CATALOGUE.cny_per_usd
    return amount / ratio if wanted == "USD" else amount * ratio


def money(amount: Decimal, currency: str) -> str:
    """A price for people: rounded up to the cent, and to four digits where that would hide a part of a small one."""
    return f"{_written(_rounded(amount, ROUND_CEILING))} {currency}"


def each_money(amounts: Mapping[str, Decimal]) -> str:
    """Sums of several currencies for people, none of them converted; "nothing" where there is none."""
    return " and ".join(money(amount, currency) for currency, amount in amounts.items()) or "nothing"


def money_left(amount: Decimal, currency: str) -> str:
    """What is left of a cap, for people: rounded down, 0 where it is passed."""
    return f"{_written(_rounded(max(amount, Decimal(0)), ROUND_FLOOR))} {currency}"


def exact_money(amount: Decimal, currency: str) -> str:
    """What somebody set or a page prints (a cap, a price per second), with all its digits and two at least."""
    return f"{_written(amount)} {currency}"


def amount_text(amount: Decimal) -> str:
    """An amount for JSON: all its digits, and where a conversion left it without an end, rounded up to ten."""
    return _written(amount.quantize(_FINEST, ROUND_CEILING), comma="")


def rate_in_words(amounts: Mapping[str, Decimal], currency: str) -> str:
    """The amounts before they were converted, and at which rate; empty where none had to be."""
    others = [money(amount, given) for given, amount in amounts.items() if given != currency and amount]
    return f"{' and '.join(others)} at {CATALOGUE.cny_per_usd} CNY per USD" if others else ""


def _rounded(amount: Decimal, rounding: str) -> Decimal:
    short = amount.quantize(_CENT, rounding)
    return amount.quantize(_SMALL, rounding) if amount < 1 and short != amount else short


def _written(amount: Decimal, comma: str = ",") -> str:
    whole, _, digits = f"{amount:,f}".partition(".")
    return f"{whole.replace(',', comma)}.{digits.rstrip('0'):0<2}"
