"""What was spent, for people and machines: each line of the ledger, or sums by day, model, board, account, region."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal

from footage.values.money import amount_text, by_currency, each_money

if TYPE_CHECKING:
    from footage.spending.ledger import SpendingLedger
    from footage.spending.ledger_lines import LedgerLine, Why

By = Literal["day", "model", "board", "account", "region", "line"]
# What became of a line: not known yet, paid (or perhaps paid, where a create was lost), or why nothing is.
LineState = Literal["promised", "bought", "unsent", "refused", "failed", "canceled"]


@dataclass(frozen=True)
class SpendingEntry:
    """One create, and what it costs as far as is known."""

    line: LedgerLine
    state: LineState
    amount: Decimal

    def to_json(self) -> dict[str, Any]:
        """Everything that names it, and its amount, exact."""
        line = self.line
        return {
            "day": str(line.day),
            "at": line.written_at.isoformat(timespec="seconds"),
            "key": line.key,
            "attempt": line.attempt,
            "model": line.model,
            "region": line.region,
            "account": line.account,
            "workspace": line.workspace,
            "board": line.board,
            "seconds": str(line.seconds),
            "state": self.state,
            "amount": amount_text(self.amount),
            "currency": line.currency,
        }


@dataclass
class SpendingGroup:
    """What all creates have in common that are summed here, and their sums."""

    name: str
    currency: str
    creates: int = 0
    # Sent, and cost nothing.
    unbilled: int = 0
    bought: Decimal = Decimal(0)
    promised: Decimal = Decimal(0)

    def to_json(self, by: str) -> dict[str, Any]:
        """The sums, exact."""
        return {
            by: self.name,
            "creates": self.creates,
            "unbilled": self.unbilled,
            "bought": amount_text(self.bought),
            "promised": amount_text(self.promised),
            "currency": self.currency,
        }


@dataclass
class SpendingReport:
    """The ledger of some days."""

    first: date
    last: date
    entries: list[SpendingEntry] = field(default_factory=list[SpendingEntry])

    def groups(self, by: By) -> list[SpendingGroup]:
        """The sums of what has the same day, model, board, account or region; one for each currency of it."""
        groups: dict[tuple[str, str], SpendingGroup] = {}
        for entry in self.entries:
            name = str(getattr(entry.line, by) or "(none)")
            group = groups.setdefault((name, entry.line.currency), SpendingGroup(name, entry.line.currency))
            if entry.state == "unsent":
                continue
            group.creates += 1
            match entry.state:
                case "promised":
                    group.promised += entry.amount
                case "bought":
                    group.bought += entry.amount
                case _:
                    group.unbilled += 1
        return sorted(groups.values(), key=lambda group: (group.name, group.currency))

    def in_words(self) -> str:
        """The sums of all, for a person."""
        bought = by_currency((e.amount, e.line.currency) for e in self.entries if e.state == "bought")
        promised = by_currency((e.amount, e.line.currency) for e in self.entries if e.state == "promised")
        words = [f"{each_money(bought)} bought"]
        if promised:
            words.append(f"{each_money(promised)} promised for clips that are not finished")
        return ", ".join(words)

    def rows(self, by: By) -> list[dict[str, Any]]:
        """As plain data: a line of the ledger each, or a sum each."""
        if by == "line":
            return [entry.to_json() for entry in self.entries]
        return [group.to_json(by) for group in self.groups(by)]


def spending_report(
    ledger: SpendingLedger, open_keys: Collection[str], first: date, last: date
) -> SpendingReport:
    """Read the ledger of these days; `open_keys` are the clips of the store that are not finished.

    Raises:
        BadRecord: A line or correction does not fit.
        StorageProblem: The ledger cannot be read.
    """
    lines = list(ledger.lines(first, last))
    newest = _newest_attempts(line for line, _ in lines)
    report = SpendingReport(first, last)
    for line, found in lines:
        is_open = line.key in open_keys and newest[line.key] == line.attempt
        state = _state(found.why if found else None, is_open=is_open)
        report.entries.append(SpendingEntry(line, state, line.amount + (found.delta if found else 0)))
    return report


def _newest_attempts(lines: Iterable[LedgerLine]) -> dict[str, int]:
    newest: dict[str, int] = {}
    for line in lines:
        newest[line.key] = max(line.attempt, newest.get(line.key, 0))
    return newest


def _state(why: Why | None, *, is_open: bool) -> LineState:
    if why is not None and why != "billed":
        return why
    return "promised" if is_open else "bought"
