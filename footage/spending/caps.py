"""Caps over everything that a store spends in a day or a month: `WAN_VIDEO_MAX_COST_PER_…`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal

from footage.errors import InvalidRequest, OverBudget, Problem
from footage.errors.actions import NextStep, Spending
from footage.values.money import Amount, amount_text, exact_money, money, money_left, rate_in_words, total

if TYPE_CHECKING:
    from footage.settings import Settings
    from footage.spending.ledger_lines import Purchase, Spent, Sums


@dataclass(frozen=True)
class Cap:
    """The most that may be spent in a day or a month, on one model or on all (None)."""

    variable: str
    span: Literal["day", "month"]
    most: Amount
    model: str | None = None

    def used(self, spent: Spent) -> dict[str, Decimal]:
        """What counts against it, by currency."""
        sums: Sums = spent.of_day if self.span == "day" else spent.of_month
        used: dict[str, Decimal] = {}
        for model, amounts in sums.items():
            for currency, amount in amounts.items() if self.model in (None, model) else ():
                used[currency] = used.get(currency, Decimal(0)) + amount
        return used

    def left(self, spent: Spent) -> Decimal:
        """What is left of it, in its currency; below 0 where more was billed than promised."""
        return self.most.amount - total(self.used(spent), self.most.currency)

    def left_in_words(self, spent: Spent) -> str:
        """What is left of it, for a person."""
        left, most = money_left(self.left(spent), self.most.currency), exact_money(*self.most)
        whose = f" for {self.model}" if self.model else ""
        return f"{left} of {most} left this {self.span}{whose}"

    def to_json(self, spent: Spent) -> dict[str, Any]:
        """What is allowed and left, exact."""
        return {
            "variable": self.variable,
            "span": self.span,
            "model": self.model,
            "most": amount_text(self.most.amount),
            "left": amount_text(self.left(spent)),
            "currency": self.most.currency,
        }


def clip_cap(text: str | None, field: str = "max_cost") -> Amount | None:
    """The most that one clip may cost, from text such as "0.70 CNY"; None where nobody says. `field` is who says it.

    Raises:
        InvalidRequest: It is no amount, or has no currency.
    """
    if text is None:
        return None
    try:
        return Amount.parse(text)
    except ValueError as error:
        allowed = "an amount and its currency, CNY or USD, such as 0.70 CNY"
        raise InvalidRequest(problems=(Problem(field, text, str(error), allowed),)) from None


def is_within(most: Amount | None, price: Amount) -> bool:
    """Whether a price is no more than that; None: nobody said how much it may be."""
    return most is None or total({price.currency: price.amount}, most.currency) <= most.amount


def require_within(most: Amount | None, price: Amount, key: str) -> None:
    """Whether a clip of this price may be bought at all.

    Raises:
        OverBudget: It costs more.
    """
    if most is None or is_within(most, price):
        return
    rate = rate_in_words({price.currency: price.amount}, most.currency)
    raise OverBudget(
        f"Clip {key[:12]} costs {money(*price)}{f' ({rate})' if rate else ''}, and at most "
        f"{exact_money(most.amount, most.currency)} may be spent on it (max_cost). It was not bought.",
        next_step="ask for fewer seconds, a smaller size or another model (wan-video models), or raise max_cost",
        key=key,
    )


class Caps:
    """All caps of one store; empty where the operator set none."""

    def __init__(self, settings: Settings) -> None:
        self.day_zone = settings.day_zone
        self._caps = tuple(_caps_in(settings))

    def __iter__(self) -> Iterator[Cap]:
        return iter(self._caps)

    def __bool__(self) -> bool:
        return bool(self._caps)

    def check(self, purchase: Purchase, spent: Spent) -> None:
        """Whether a purchase may be made; `spent` is with it.

        Raises:
            OverBudget: A cap would be passed; names each.
        """
        passed = [cap for cap in self._caps if cap.model in (None, purchase.model) and cap.left(spent) < 0]
        if not passed:
            return
        raise OverBudget(
            f"It costs {money(purchase.amount, purchase.currency)}, and "
            f"{'; '.join(self._left_in_words(cap, purchase, spent) for cap in passed)}. It was not bought.",
            next_step=NextStep.of(
                f"raise {' and '.join(cap.variable for cap in passed)}, or run it again in the next "
                f"{passed[-1].span}; ",
                Spending(),
                " lists what was spent",
            ),
            key=purchase.key,
        )

    def _left_in_words(self, cap: Cap, purchase: Purchase, spent: Spent) -> str:
        before = cap.left(spent) + total({purchase.currency: purchase.amount}, cap.most.currency)
        when = f"{spent.day} ({self.day_zone})" if cap.span == "day" else f"{spent.day:%B %Y}"
        whose = f" for {cap.model}" if cap.model else ""
        rate = rate_in_words(cap.used(spent), cap.most.currency)
        return (
            f"{money_left(before, cap.most.currency)} of {exact_money(cap.most.amount, cap.most.currency)} are left "
            f"for {when}{whose} ({cap.variable}{f'; {rate}' if rate else ''})"
        )


def _caps_in(settings: Settings) -> Iterator[Cap]:
    if settings.max_cost_per_day is not None:
        yield Cap("WAN_VIDEO_MAX_COST_PER_DAY", "day", settings.max_cost_per_day)
    for model, most in settings.max_cost_per_day_by_model.items():
        yield Cap("WAN_VIDEO_MAX_COST_PER_DAY_BY_MODEL", "day", most, model)
    if settings.max_cost_per_month is not None:
        yield Cap("WAN_VIDEO_MAX_COST_PER_MONTH", "month", settings.max_cost_per_month)
    for model, most in settings.max_cost_per_month_by_model.items():
        yield Cap("WAN_VIDEO_MAX_COST_PER_MONTH_BY_MODEL", "month", most, model)
