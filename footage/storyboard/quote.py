"""What a whole board costs, and whether its budget allows that."""

from __future__ import annotations

import datetime
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from decimal import Decimal

from footage.errors import OverBudget
from footage.order import Quote
from footage.storyboard.board import Budget
from footage.storyboard.budget import check_currency, convert, money, plain, sum_of


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


def quote_of(quotes: Mapping[str, Quote], paid: Collection[str] = ()) -> BoardQuote:
    """The sum of quotes by shot id (at least one), without the shots that are paid already."""
    due = {shot_id: quote for shot_id, quote in quotes.items() if shot_id not in paid}
    amounts: dict[str, Decimal] = {}
    for quote in due.values():
        amounts[quote.currency] = amounts.get(quote.currency, Decimal(0)) + quote.amount
    return BoardQuote(
        seconds=sum(quote.seconds for quote in due.values()),
        clips=len(due),
        amounts=amounts,
        read_on=min(quote.read_on for quote in quotes.values()),
        sources=tuple(dict.fromkeys(quote.source for quote in quotes.values())),
        unknown=tuple(shot_id for shot_id, quote in due.items() if not quote.known),
    )


def in_words(whole: BoardQuote, due: BoardQuote, budget: Budget) -> str:
    """What is to be bought, what of the board is paid already, and the caps, each with its currency."""
    amount = money(due.amount_in(budget.currency), budget.currency)
    clips = "1 clip" if due.clips == 1 else f"{due.clips} clips"
    words = f"To buy: {clips}, {due.seconds} s, {amount} by prices of {due.read_on}"
    if paid := whole.clips - due.clips:
        words += f" ({paid} of {whole.clips} clips are paid already)"
    caps: list[str] = []
    if budget.max_seconds is not None:
        caps.append(f"at most {plain(budget.max_seconds)} s")
    if budget.max_cost is not None:
        caps.append(f"at most {money(budget.max_cost, budget.currency)}")
    if budget.approve_above is not None:
        caps.append(f"above {money(budget.approve_above, budget.currency)} a person is asked")
    return f"{words}. Caps: {', '.join(caps) or 'none'}."


def check_budget(quote: BoardQuote, budget: Budget) -> None:
    """Refuse a board that cannot fit its budget, before the first shot is bought.

    Args:
        quote: What is to be bought.
        budget: The caps.

    Raises:
        OverBudget: Seconds or money pass a cap.
        InvalidRequest: No price is known in the budget's currency.
    """
    amount = quote.amount_in(budget.currency)
    passed: list[str] = []
    if budget.max_seconds is not None and quote.seconds > budget.max_seconds:
        passed.append(f"{quote.seconds} s of video, the cap is {plain(budget.max_seconds)} s")
    if budget.max_cost is not None and amount > budget.max_cost:
        cap = money(budget.max_cost, budget.currency)
        passed.append(f"{money(amount, budget.currency)} by prices of {quote.read_on}, the cap is {cap}")
    if passed:
        raise OverBudget(
            f"The board asks for {'; and for '.join(passed)}. Nothing was bought.",
            next_step="raise max_seconds or max_cost, of this run or in the board's budget, or take shots out",
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
