"""What a whole board costs, and whether its budget allows that."""

from __future__ import annotations

import datetime
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from decimal import Decimal

from footage.errors import OverBudget
from footage.order import Quote
from footage.storyboard.board import Budget
from footage.storyboard.budget import check_currency, plain
from footage.values.counted import counted
from footage.values.money import by_currency, exact_money, money, rate_in_words, total


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
    # Ids of what was left out, because it is paid.
    paid: frozenset[str] = frozenset()

    def amount_in(self, currency: str) -> Decimal:
        """The whole amount in CNY or USD, by the price list's own ratio.

        Raises:
            InvalidRequest: No price is known in that currency.
        """
        check_currency(currency)
        return total(self.amounts, currency)

    def price_in(self, currency: str) -> str:
        """The same for people, with the amounts before the conversion, its rate, and the day of the prices.

        Raises:
            InvalidRequest: No price is known in that currency.
        """
        price = money(self.amount_in(currency), currency)
        rate = rate_in_words(self.amounts, currency)
        return f"{price}{f' ({rate})' if rate else ''} by prices of {self.read_on}"


def quote_of(quotes: Mapping[str, Quote], paid: Collection[str] = ()) -> BoardQuote:
    """The sum of quotes by shot id (at least one), without the shots that are paid already."""
    due = {shot_id: quote for shot_id, quote in quotes.items() if shot_id not in paid}
    return BoardQuote(
        seconds=sum(quote.seconds for quote in due.values()),
        clips=len(due),
        amounts=by_currency((quote.amount, quote.currency) for quote in due.values()),
        read_on=min(quote.read_on for quote in quotes.values()),
        sources=tuple(dict.fromkeys(quote.source for quote in quotes.values())),
        unknown=tuple(shot_id for shot_id, quote in due.items() if not quote.known),
        paid=frozenset(quotes.keys() - due.keys()),
    )


def in_words(whole: BoardQuote, due: BoardQuote, budget: Budget) -> str:
    """What is to be bought, what of the board is paid already, and the caps, each with its currency."""
    clips = counted(due.clips, "clip")
    words = f"To buy: {clips}, {due.seconds} s, {due.price_in(budget.currency)}"
    if paid := whole.clips - due.clips:
        words += f" ({paid} of {whole.clips} clips are paid already)"
    caps: list[str] = []
    if budget.max_seconds is not None:
        caps.append(f"at most {plain(budget.max_seconds)} s")
    if budget.max_cost is not None:
        caps.append(f"at most {exact_money(budget.max_cost, budget.currency)}")
    if budget.approve_above is not None:
        caps.append(f"above {exact_money(budget.approve_above, budget.currency)} a person is asked")
    return f"{words}. Caps: {', '.join(caps) or 'none'}."


def check_budget(quote: BoardQuote, budget: Budget, whole: str = "board") -> None:
    """Refuse a board or a batch that cannot fit its budget, before the first clip is bought.

    Args:
        quote: What is to be bought.
        budget: The caps.
        whole: What people call all of it.

    Raises:
        OverBudget: Seconds or money pass a cap.
        InvalidRequest: No price is known in the budget's currency.
    """
    amount = quote.amount_in(budget.currency)
    passed: list[str] = []
    if budget.max_seconds is not None and quote.seconds > budget.max_seconds:
        passed.append(f"{quote.seconds} s of video, the cap is {plain(budget.max_seconds)} s")
    if budget.max_cost is not None and amount > budget.max_cost:
        cap = exact_money(budget.max_cost, budget.currency)
        passed.append(f"{quote.price_in(budget.currency)}, the cap is {cap}")
    if passed:
        raise OverBudget(
            f"The {whole} asks for {'; and for '.join(passed)}. Nothing was bought.",
            next_step=f"raise max_seconds or max_cost, of this run or in the {whole}'s budget, or take clips out",
        )


def approval_reason(quote: BoardQuote, budget: Budget) -> str | None:
    """Why a person has to agree before anything is bought; None when nobody has to."""
    if budget.approve_above is None:
        return None
    amount = quote.amount_in(budget.currency)
    if amount <= budget.approve_above:
        return None
    limit = exact_money(budget.approve_above, budget.currency)
    unsure = (
        f" The price of {counted(len(quote.unknown), 'clip')} is not known and taken at the highest."
        if quote.unknown
        else ""
    )
    clips, cost = counted(quote.clips, "clip"), "costs" if quote.clips == 1 else "cost"
    return (
        f"{clips}, {quote.seconds} s, {cost} {quote.price_in(budget.currency)}; "
        f"above {limit} a person has to agree.{unsure}"
    )
