"""The money of a run: what may be spent, what is promised, what was billed.

Pure bookkeeping, without clock, store or lock. Whoever buys calls `reserve` before and `settle` or `release`
after; a shot that waits for its clip stays reserved, so that no other can take its money.

Seconds are the cap that lasts: a price list ages, a second does not.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from pydantic import ValidationError

from footage.catalogue import CATALOGUE
from footage.errors import InvalidRequest, OverBudget, Problem
from footage.order import Quote
from footage.printable import shown
from footage.request import Cost
from footage.storyboard.board import MAX_CAP, Budget

# The price list is printed in CNY, and its own page converts to USD (catalogue). There is no third currency.
CURRENCIES: tuple[str, ...] = ("CNY", "USD")

State = Literal["reserved", "settled", "released"]


def convert(amount: Decimal, currency: str, wanted: str) -> Decimal:
    """An amount in the other currency of the price list, by the list's own ratio; exact where they are equal.

    Raises:
        InvalidRequest: One of the two is no currency of the price list.
    """
    check_currency(currency)
    check_currency(wanted)
    if currency == wanted:
        return amount
    ratio = CATALOGUE.cny_per_usd
    return amount / ratio if wanted == "USD" else amount * ratio


def check_currency(currency: str) -> None:
    """Raises InvalidRequest when no price is known in this currency, so that no cap in it could be kept."""
    if currency not in CURRENCIES:
        message = "The price list has no amounts in this currency, so the cap could not be kept."
        raise InvalidRequest(
            problems=(Problem("budget.currency", shown(currency), message, ", ".join(CURRENCIES)),)
        )


def capped(budget: Budget, caps: Mapping[str, object]) -> Budget:
    """The budget with the caps of one run above the board's own; None leaves the board's.

    Raises:
        InvalidRequest: A cap is no number of 0 or more; all of them at once.
    """
    given = {name: value for name, value in caps.items() if value is not None}
    try:
        return Budget.model_validate({**budget.model_dump(), **given})
    except ValidationError as error:
        raise InvalidRequest(
            problems=tuple(
                Problem(str(found["loc"][0]), str(found["input"]), "This is no cap.", f"0 to {MAX_CAP:,}")
                for found in error.errors()
            )
        ) from None


@dataclass(frozen=True)
class Entry:
    """What the ledger knows of one shot: seconds and money, promised or billed."""

    state: State
    seconds: Decimal
    amount: Decimal
    # False: the provider did not say what it billed, so the quote stands.
    billed: bool = False
    # Bought by an earlier run and finished by this one: told as spent, but no purchase of this run.
    earlier: bool = False


@dataclass(frozen=True)
class Statement:
    """The ledger for people, in one currency: totals and what is left under each cap (None: no cap)."""

    currency: str
    reserved_seconds: Decimal
    reserved: Decimal
    settled_seconds: Decimal
    settled: Decimal
    left_seconds: Decimal | None
    left: Decimal | None
    # Several for a shot that was tried again after something was billed.
    entries: Mapping[str, tuple[Entry, ...]]

    @property
    def over(self) -> bool:
        """Whether the provider billed more than was promised, so that a cap is passed after the fact."""
        return any(left is not None and left < 0 for left in (self.left_seconds, self.left))

    def in_words(self) -> str:
        """What was spent, and what is promised besides: bought, or perhaps bought, and not finished."""
        spent = f"{money(self.settled, self.currency)} spent"
        if not self.reserved:
            return spent
        return f"{spent}, {money(self.reserved, self.currency)} promised for unfinished shots"


class Ledger:
    """Promises and bills of one run, held under the caps of its board."""

    def __init__(self, budget: Budget) -> None:
        """Raises InvalidRequest when the budget's currency is not one that prices are known in."""
        check_currency(budget.currency)
        self._budget = budget
        self._entries: dict[str, list[Entry]] = {}

    def reserve(self, shot_id: str, quote: Quote) -> None:
        """Promise a shot's price before it is bought. An open promise is kept as it is.

        Raises:
            OverBudget: With this shot a cap would be passed. Nothing was promised; a smaller shot may fit.
        """
        if self._promise(shot_id) is not None:
            return
        seconds, amount = Decimal(quote.seconds), convert(quote.amount, quote.currency, self._budget.currency)
        self._check(shot_id, seconds, amount)
        self._entries.setdefault(shot_id, []).append(Entry("reserved", seconds, amount))

    def settle(self, shot_id: str, billed: Cost | None = None, *, ours: bool = False) -> None:
        """Record what a shot was billed; without a bill its promise stands. Never refused: it is owed.

        A shot that was never promised (bought earlier, joined now) may be settled too; that takes nothing from
        this run's caps, unless it is `ours`: bought for this run where the ledger was not asked. A clip that
        came from the store cost this run nothing and is not settled at all.
        """
        promise = self._promise(shot_id)
        if billed is not None:
            amount = convert(billed.amount, billed.currency, self._budget.currency)
            entry = Entry(
                "settled", billed.billed_seconds, amount, billed=True, earlier=promise is None and not ours
            )
            self._replace(shot_id, promise, entry)
        elif promise is not None:
            self._replace(shot_id, promise, Entry("settled", promise.seconds, promise.amount))
        else:
            raise ValueError(f"shot {shot_id} has neither a promise nor a bill")

    def release(self, shot_id: str) -> None:
        """Give a promise back, because nothing was bought or nothing is billed. A bill is never given back."""
        promise = self._promise(shot_id)
        if promise is not None:
            self._replace(shot_id, promise, Entry("released", promise.seconds, promise.amount))

    def statement(self) -> Statement:
        """Where the run stands now."""
        reserved, settled = self._sum("reserved"), self._sum("settled")
        earlier = self._sum("settled", earlier=True)
        used_seconds, used = (
            promised + billed - before
            for promised, billed, before in zip(reserved, settled, earlier, strict=True)
        )
        cap_seconds, cap = self._budget.max_seconds, self._budget.max_cost
        return Statement(
            currency=self._budget.currency,
            reserved_seconds=reserved[0],
            reserved=reserved[1],
            settled_seconds=settled[0],
            settled=settled[1],
            left_seconds=None if cap_seconds is None else cap_seconds - used_seconds,
            left=None if cap is None else cap - used,
            entries={shot_id: tuple(entries) for shot_id, entries in self._entries.items()},
        )

    def _promise(self, shot_id: str) -> Entry | None:
        """The open promise of a shot; it is always the newest entry."""
        last = self._entries.get(shot_id, [])[-1:]
        return last[0] if last and last[0].state == "reserved" else None

    def _replace(self, shot_id: str, promise: Entry | None, entry: Entry) -> None:
        entries = self._entries.setdefault(shot_id, [])
        if promise is not None:
            entries.pop()
        entries.append(entry)

    def _sum(self, state: State, *, earlier: bool = False) -> tuple[Decimal, Decimal]:
        """Seconds and money of the entries in a state; of those alone that an earlier run bought, if asked."""
        entries = [
            entry
            for every in self._entries.values()
            for entry in every
            if entry.state == state and (entry.earlier or not earlier)
        ]
        return sum_of(entry.seconds for entry in entries), sum_of(entry.amount for entry in entries)

    def _check(self, shot_id: str, seconds: Decimal, amount: Decimal) -> None:
        now = self.statement()
        passed: list[str] = []
        if now.left_seconds is not None and seconds > now.left_seconds:
            cap, left_seconds = self._budget.max_seconds or Decimal(0), max(now.left_seconds, Decimal(0))
            passed.append(f"it takes {seconds} s and {plain(left_seconds)} of {plain(cap)} s are left")
        if now.left is not None and amount > now.left:
            currency = self._budget.currency
            cost, left = money(amount, currency), money(max(now.left, Decimal(0)), currency)
            passed.append(f"it costs {cost} and {left} are left")
        if passed:
            raise OverBudget(
                f"Shot {shot_id} does not fit the budget: {'; '.join(passed)}. It was not bought.",
                next_step="raise the budget and run the board again; finished shots are kept",
                shot_id=shot_id,
            )


def sum_of(amounts: Iterable[Decimal]) -> Decimal:
    """Exact sum, 0 for none."""
    return sum(amounts, Decimal(0))


def plain(seconds: Decimal) -> str:
    """Seconds without zeros that say nothing: 10.0 is 10."""
    return f"{seconds.normalize():f}"


def money(amount: Decimal, currency: str) -> str:
    """An amount for people: two digits, four where they would hide a part of a small one."""
    short = amount.quantize(Decimal("0.01"))
    if amount < 1 and short != amount:
        short = amount.quantize(Decimal("0.0001"))
    return f"{short:,} {currency}"
