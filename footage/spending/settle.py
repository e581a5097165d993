"""What the attempts of a clip cost, once it is over: the ledger is set right where a promise was too high or low."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING

from footage.errors import BadRecord, NotThere

if TYPE_CHECKING:
    from footage.evidence.clip_evidence import ClipEvidence
    from footage.evidence.records import Promise, SpendingLine
    from footage.evidence.state import Attempt, ClipState
    from footage.spending.ledger import SpendingLedger
    from footage.spending.ledger_lines import Why


def settle_clip(ledger: SpendingLedger, evidence: ClipEvidence, state: ClipState, now: datetime) -> None:
    """Correct what was promised for each attempt, and give back what no attempt was opened with.

    Must be done before the clip's open marker goes, which names that promise.

    Raises:
        BadRecord, StorageProblem: The ledger cannot be read or written; the marker must stay.
    """
    for attempt in state.attempts:
        line = attempt.intent.spending
        if line is None:
            continue
        seconds, why = owed(attempt, line)
        # After a settlement an earlier correction may have to be taken back.
        if (seconds != line.seconds or attempt.settlements) and ledger.has(
            line, evidence.key, attempt.number
        ):
            ledger.correct(line, seconds, why, now)
    promise = _promise_in(evidence)
    if promise is None or any(_is_of(attempt, promise) for attempt in state.attempts):
        return
    if ledger.holds(promise):
        ledger.correct(promise.line, Decimal(0), "unsent", now)


def _promise_in(evidence: ClipEvidence) -> Promise | None:
    if evidence.promise is not None:
        return evidence.promise
    try:
        return evidence.open_marker().promise
    except (NotThere, BadRecord):
        # What a marker says is needed for nothing else.
        return None


def _is_of(attempt: Attempt, promise: Promise) -> bool:
    line = attempt.intent.spending
    return line is not None and (line.month, line.number) == (promise.line.month, promise.line.number)


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
