"""The money of a run: what may be spent, what is promised, what was billed.

Pure bookkeeping, without clock, store or lock. Whoever buys calls `reserve` before and `settle` or `release`
after; a shot that waits for its clip stays reserved, so that no other can take its money.

Seconds are the cap that lasts: a price list ages, a second does not.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Literal

from pydantic import ValidationError

from footage.catalogue import CURRENCIES
from footage.errors import InvalidRequest, OverBudget, Problem
from footage.order import Quote
from footage.privacy.display import shown
from footage.request import Cost
from footage.storyboard.board import MAX_CAP, Budget
from footage.values.money import amount_text, by_currency, exact_money, money, money_left, total

EntryState = Literal["reserved", "settled", "released"]


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
    """What the ledger knows of one shot: seconds and money of the price list, promised or billed."""

    state: EntryState
    seconds: Decimal
    amount: Decimal
    currency: str
    # False: the provider did not say what it billed, so the quote stands.
    billed: bool = False
    # Bought by an earlier run: stored already, or finished by this one.
    earlier: bool = False


@dataclass(frozen=True)
class Statement:
    """The ledger for people, in one currency: totals and what is left under each cap (None: no cap)."""

    currency: str
    reserved_seconds: Decimal
    reserved: Decimal
    bought_seconds: Decimal
    bought: Decimal
    paid_before_seconds: Decimal
    paid_before: Decimal
    left_seconds: Decimal | None
    left: Decimal | None
    # Several for a shot that was tried again after something was billed.
    entries: Mapping[str, tuple[Entry, ...]]

    @property
    def together(self) -> Decimal:
        """What the clips cost, whoever bought them."""
        return self.bought + self.paid_before

    @property
    def over(self) -> bool:
        """Whether the provider billed more than was promised, so that a cap is passed after the fact."""
        return any(left is not None and left < 0 for left in (self.left_seconds, self.left))

    def in_words(self) -> str:
        """What this run bought and what was paid before, and what is promised besides: perhaps bought, not finished."""
        words = [f"{money(self.bought, self.currency)} bought in this run"]
        if self.paid_before:
            words += [
                f"{money(self.paid_before, self.currency)} paid before",
                f"{money(self.together, self.currency)} together",
            ]
        if self.reserved:
            words.append(f"{money(self.reserved, self.currency)} promised for unfinished clips")
        return ", ".join(words)

    def to_json(self) -> dict[str, str]:
        """The amounts, exact, for machines."""
        return {
            "currency": self.currency,
            "bought": amount_text(self.bought),
            "paid_before": amount_text(self.paid_before),
            "together": amount_text(self.together),
            "promised": amount_text(self.reserved),
        }


class Ledger:
    """Promises and bills of one run, held under the caps of its board."""

    def __init__(
        self, budget: Budget, noun: str = "Shot", whole: str = "board", *, paid_before: Collection[str] = ()
    ) -> None:
        """`noun` and `whole` are what people call one clip and all of them.

        `paid_before` has those that were paid when the run began: its caps and its approval were about the others, so
        these are never bought.

        Raises InvalidRequest when the budget's currency is not one that prices are known in.
        """
        check_currency(budget.currency)
        self.noun, self.whole = noun, whole
        self._paid_before = frozenset(paid_before)
        self._budget = budget
        self._entries: dict[str, list[Entry]] = {}

    def reserve(self, shot_id: str, quote: Quote) -> None:
        """Promise a shot's price before it is bought. An open promise is kept as it is.

        Raises:
            OverBudget: With this shot a cap would be passed, or it was paid when the run began. Nothing was promised; a
                smaller shot may fit.
        """
        if self._promise(shot_id) is not None:
            return
        if shot_id in self._paid_before:
            raise OverBudget(
                f"{self.noun} {shot_id} was paid when this run began, and came to nothing since. Neither the caps of "
                "this run nor a person's approval were about it. It was not bought again.",
                next_step=f"start a new run of the {self.whole}, which counts it in; finished clips are kept",
                shot_id=shot_id,
            )
        promise = Entry("reserved", Decimal(quote.seconds), quote.amount, quote.currency)
        self._check(shot_id, promise)
        self._entries.setdefault(shot_id, []).append(promise)

    def settle(self, shot_id: str, billed: Cost | None = None, *, ours: bool = False) -> None:
        """Record what a shot was billed; without a bill its promise stands. Never refused: it is owed.

        A shot that was never promised (stored already, or bought earlier and joined now) may be settled too; that
        takes nothing from this run's caps, unless it is `ours`: bought for this run where the ledger was not asked.
        """
        promise = self._promise(shot_id)
        if billed is not None:
            earlier = promise is None and not ours
            entry = Entry(
                "settled", billed.billed_seconds, billed.amount, billed.currency, billed=True, earlier=earlier
            )
            self._replace(shot_id, promise, entry)
        elif promise is not None:
            self._replace(shot_id, promise, replace(promise, state="settled"))
        else:
            raise ValueError(f"shot {shot_id} has neither a promise nor a bill")

    def release(self, shot_id: str) -> None:
        """Give a promise back, because nothing was bought or nothing is billed. A bill is never given back."""
        promise = self._promise(shot_id)
        if promise is not None:
            self._replace(shot_id, promise, replace(promise, state="released"))

    def has_promised(self, shot_id: str) -> bool:
        """Whether money is promised for a shot and not settled yet."""
        return self._promise(shot_id) is not None

    def statement(self) -> Statement:
        """Where the run stands now."""
        reserved, used = self._in("reserved"), self._used()
        bought = [entry for entry in self._in("settled") if not entry.earlier]
        before = [entry for entry in self._in("settled") if entry.earlier]
        cap_seconds, cap = self._budget.max_seconds, self._budget.max_cost
        return Statement(
            currency=self._budget.currency,
            reserved_seconds=_seconds(reserved),
            reserved=self._money(reserved),
            bought_seconds=_seconds(bought),
            bought=self._money(bought),
            paid_before_seconds=_seconds(before),
            paid_before=self._money(before),
            left_seconds=None if cap_seconds is None else cap_seconds - _seconds(used),
            left=None if cap is None else cap - self._money(used),
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

    def _in(self, *states: EntryState) -> list[Entry]:
        return [entry for entries in self._entries.values() for entry in entries if entry.state in states]

    def _used(self) -> list[Entry]:
        """What counts against the caps: promised now, or bought by this run."""
        return [entry for entry in self._in("reserved", "settled") if not entry.earlier]

    def _money(self, entries: Iterable[Entry]) -> Decimal:
        return total(by_currency((entry.amount, entry.currency) for entry in entries), self._budget.currency)

    def _check(self, shot_id: str, shot: Entry) -> None:
        used, budget = self._used(), self._budget
        passed: list[str] = []
        if budget.max_seconds is not None and _seconds([*used, shot]) > budget.max_seconds:
            left_seconds = max(budget.max_seconds - _seconds(used), Decimal(0))
            passed.append(
                f"it takes {shot.seconds} s and {plain(left_seconds)} of {plain(budget.max_seconds)} s are left"
            )
        # The whole is converted and compared, as it was for the price that people saw before.
        if budget.max_cost is not None and self._money([*used, shot]) > budget.max_cost:
            cost = money(self._money([shot]), budget.currency)
            left = money_left(budget.max_cost - self._money(used), budget.currency)
            cap = exact_money(budget.max_cost, budget.currency)
            passed.append(f"it costs {cost} and {left} of {cap} are left")
        if passed:
            raise OverBudget(
                f"{self.noun} {shot_id} does not fit the budget: {'; '.join(passed)}. It was not bought.",
                next_step=f"raise the budget and run the {self.whole} again; finished clips are kept",
                shot_id=shot_id,
            )


def _seconds(entries: Iterable[Entry]) -> Decimal:
    return sum((entry.seconds for entry in entries), Decimal(0))


def plain(seconds: Decimal) -> str:
    """Seconds without zeros that say nothing: 10.0 is 10."""
    return f"{seconds.normalize():f}"
