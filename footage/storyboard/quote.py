"""What a whole board costs, and whether its budget allows that."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from footage.errors import OverBudget
from footage.order import Quote
from footage.storyboard.board import Budget
from footage.storyboard.budget import check_currency, convert, money, sum_of


@dataclass(frozen=True)
class BoardQuote:
    """What a whole board costs by the price list; shots that share a clip count once."""

    seconds: int
    clips: int
    # As the price list prints them, one amount per currency.
    amounts: Mapping[str, Decimal]
    # The oldest day on which one of the prices was read.
    read_on: datetime.date
    sources: tuple[str, ...]
    # Shots whose price no page has; they stand in here at the highest known one.
    unknown: tuple[str, ...]

    def amount_in(self, currency: str) -> Decimal:
        """The whole amount in CNY or USD, by the price list's own ratio.

        Raises:
            InvalidRequest: No price is known in that currency.
        """
        check_currency(currency)
        return sum_of(convert(amount, given, currency) for given, amount in self.amounts.items())


def quote_of(quotes: Mapping[str, Quote]) -> BoardQuote:
    """The sum of quotes by shot id; at least one."""
    amounts: dict[str, Decimal] = {}
    for quote in quotes.values():
        amounts[quote.currency] = amounts.get(quote.currency, Decimal(0)) + quote.amount
    return BoardQuote(
        seconds=sum(quote.seconds for quote in quotes.values()),
        clips=len(quotes),
        amounts=amounts,
        read_on=min(quote.read_on for quote in quotes.values()),
        sources=tuple(dict.fromkeys(quote.source for quote in quotes.values())),
        unknown=tuple(shot_id for shot_id, quote in quotes.items() if not quote.known),
    )


def check_budget(quote: BoardQuote, budget: Budget) -> None:
    """Refuse a board that cannot fit its budget, before the first shot is bought.

    Raises:
        OverBudget: Seconds or money of the whole board pass a cap.
        InvalidRequest: No price is known in the budget's currency.
    """
    amount = quote.amount_in(budget.currency)
    passed: list[str] = []
    if budget.max_seconds is not None and quote.seconds > budget.max_seconds:
        passed.append(f"{quote.seconds} s of video, the cap is {budget.max_seconds} s")
    if budget.max_cost is not None and amount > budget.max_cost:
        cap = money(budget.max_cost, budget.currency)
        passed.append(f"{money(amount, budget.currency)} by prices of {quote.read_on}, the cap is {cap}")
    if passed:
        raise OverBudget(
            f"The board asks for {'; and for '.join(passed)}. Nothing was bought.",
            next_step="raise budget.max_seconds or budget.max_cost on the board, or take shots out",
        )


def approval_reason(quote: BoardQuote, budget: Budget) -> str | None:
    """Why a person has to agree before anything is bought; None when nobody has to."""
    if budget.approve_above is None:
        return None
    amount = quote.amount_in(budget.currency)
    if amount <= budget.approve_above:
        return None
    limit = money(budget.approve_above, budget.currency)
    unsure = (
        f" The price of {len(quote.unknown)} shots is not known and taken at the highest."
        if quote.unknown
        else ""
    )
    return (
        f"{quote.clips} clips, {quote.seconds} s, cost {money(amount, budget.currency)} by prices of "
        f"{quote.read_on}; above {limit} a person has to agree.{unsure}"
    )
