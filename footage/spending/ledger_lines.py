"""What the ledger consists of: a line for each create, corrections of lines, and the sums that both make."""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import Field

from footage.evidence.records import Key, Moment, Money, Name, Number, Record

FOLDER = "spending"
CORRECTIONS = f"{FOLDER}/corrections"
# Workers whose clocks disagree by less than a day add to the same sums.
DAYS_KEPT = 3

CORRECTION = re.compile(
    r"(?P<line>\d{7,9})_(?P<count>[1-9]\d{0,3})_(?P<model>[A-Za-z0-9._-]{1,100})_(?P<currency>[A-Z]{3})_"
    r"(?P<delta>-?\d{1,9}(?:\.\d{1,12})?)_(?P<why>unsent|refused|failed|canceled|billed)\.json"
)

# Never sent; never accepted; the task cost nothing (failed, canceled); billed for other seconds.
Why = Literal["unsent", "refused", "failed", "canceled", "billed"]

# Amounts by model and currency; no sum is more than all lines of a month at their dearest.
Sum = Annotated[Decimal, Field(ge=0, le=10**15, allow_inf_nan=False)]
Sums = dict[str, dict[str, Sum]]


class LedgerLine(Record):
    """One create that is about to be sent: what it may cost, and everything that was promised before it."""

    number: Annotated[int, Field(ge=1, le=999_999_999)]
    written_at: Moment
    # In the operator's zone, at the time of the create.
    day: date
    key: Key
    attempt: Number
    owner: Name
    model: Name
    region: Name
    # Its name; of the default account the fingerprint of the API key.
    account: Name
    workspace: Name | None = None
    # Title of the storyboard that ordered it.
    board: Name | None = None
    seconds: Annotated[Decimal, Field(ge=0, le=100_000, allow_inf_nan=False)]
    price_per_second: Money
    amount: Money
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")]
    # So that two workers never write the same bytes, which a store takes for one write that was repeated.
    token: Name
    # Sums with this line, before corrections: of its month, and of the newest days that have lines.
    month_sums: Sums
    day_sums: dict[str, Sums]
    day_creates: dict[str, Annotated[int, Field(ge=0, le=999_999_999)]]


class Correction(Record):
    """What a line cost in truth, once that is known."""

    line: Annotated[int, Field(ge=1, le=999_999_999)]
    key: Key
    attempt: Number
    amount: Money
    why: Why
    decided_at: Moment


@dataclass(frozen=True)
class Purchase:
    """One create that a worker wants to send."""

    key: str
    attempt: int
    owner: str
    model: str
    region: str
    account: str
    workspace: str | None
    board: str | None
    seconds: int
    price_per_second: Decimal
    amount: Decimal
    currency: str


@dataclass(frozen=True)
class Spent:
    """What is spent or promised, by model and currency, of one day and of its month."""

    day: date
    of_day: Sums
    of_month: Sums
    # How many creates the day had, and how many of them cost nothing, or something else, by the reason.
    creates: int = 0
    corrected: Mapping[Why, int] = field(default_factory=dict[Why, int])


@dataclass(frozen=True)
class CorrectionName:
    """What the name of a correction says: the `count`th about its line, and by how much the line was wrong."""

    day: str
    line: int
    count: int
    model: str
    currency: str
    delta: Decimal
    why: Why

    @property
    def name(self) -> str:
        return f"{self.line:07}_{self.count}_{self.model}_{self.currency}_{self.delta:f}_{self.why}.json"

    @property
    def path(self) -> str:
        return f"{CORRECTIONS}/{self.day}/{self.name}"


def next_line(last: LedgerLine | None, purchase: Purchase, day: date, now: datetime) -> LedgerLine:
    """The line that follows `last` for this purchase; raises ValidationError where numbers or sums are at their end."""
    month_sums = copied(last.month_sums) if last else {}
    day_sums = {kept: copied(sums) for kept, sums in last.day_sums.items()} if last else {}
    day_creates = dict(last.day_creates) if last else {}
    day_creates[str(day)] = day_creates.get(str(day), 0) + 1
    for sums in (month_sums, day_sums.setdefault(str(day), {})):
        add(sums, purchase.model, purchase.currency, purchase.amount)
    return LedgerLine(
        number=last.number + 1 if last else 1,
        written_at=now,
        day=day,
        key=purchase.key,
        attempt=purchase.attempt,
        owner=purchase.owner,
        model=purchase.model,
        region=purchase.region,
        account=purchase.account,
        workspace=purchase.workspace,
        board=purchase.board,
        seconds=Decimal(purchase.seconds),
        price_per_second=purchase.price_per_second,
        amount=purchase.amount,
        currency=purchase.currency,
        token=secrets.token_hex(8),
        month_sums=month_sums,
        day_sums={kept: day_sums[kept] for kept in sorted(day_sums)[-DAYS_KEPT:]},
        day_creates={kept: day_creates[kept] for kept in sorted(day_creates)[-DAYS_KEPT:]},
    )


def copied(sums: Sums) -> Sums:
    """The same sums, to be added to."""
    return {model: dict(amounts) for model, amounts in sums.items()}


def add(sums: Sums, model: str, currency: str, amount: Decimal) -> None:
    """Add an amount to the sum of its model and currency."""
    amounts = sums.setdefault(model, {})
    amounts[currency] = amounts.get(currency, Decimal(0)) + amount
