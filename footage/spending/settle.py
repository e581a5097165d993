"""What the attempts of a clip cost, once it is over: the ledger is set right where a promise was too high or low."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from footage.evidence.records import SpendingLine
    from footage.evidence.state import Attempt, ClipState
    from footage.spending.ledger import SpendingLedger, Why


def settle(ledger: SpendingLedger, state: ClipState, now: datetime) -> None:
    """Correct what was promised for each attempt; must be done before the clip's open marker goes.

    Raises:
        BadRecord, StorageProblem: The ledger cannot be read or written; the marker must stay.
    """
    for attempt in state.attempts:
        line = attempt.intent.spending
        if line is None:
            continue
        seconds, why = owed(attempt, line)
        # After a settlement an earlier correction may have to be taken back.
        if seconds != line.seconds or attempt.settlements:
            ledger.correct(line, seconds, why, now)


def owed(attempt: Attempt, line: SpendingLine) -> tuple[Decimal, Why]:
    """Seconds that have to be paid for an attempt, and why; what nobody can know counts as promised."""
    words = [*([attempt.outcome] if attempt.outcome else []), *attempt.settlements]
    for word in reversed(words):
        if word.billed_seconds is not None and word.billed is not False:
            return word.billed_seconds, "billed"
    last = attempt.ended
    if last is None or last.billed is not False:
        return line.seconds, "billed"
    if last.status == "canceled":
        return Decimal(0), "canceled"
    return Decimal(0), "refused" if attempt.receipt is None else "failed"
