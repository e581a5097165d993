"""Where a clip stands, in the words of the tools: told from its evidence alone."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from typing import TYPE_CHECKING

from flows.mcp.tool_outputs import Billed, ClipRow, Money, Next, State
from footage.evidence.clip_evidence import ClipEvidence
from footage.evidence.state import why_stopped
from footage.privacy.display import one_line
from footage.steps.check import full_key
from footage.steps.store_status import state_in_words
from footage.values.money import amount_text

if TYPE_CHECKING:
    from decimal import Decimal

    from footage.context import Context
    from footage.evidence.state import Attempt, ClipState
    from footage.order import Quote

MOST_REASON_CHARS = 300
_MOST_LISTED = 20
_ENDED: dict[str, State] = {
    "succeeded": "booked",
    "failed": "failed",
    "canceled": "cancelled",
    "lost": "lost",
    "abandoned": "abandoned",
}


def clip_row(context: Context, key: str) -> ClipRow:
    """Where the clip stands whose key begins with `key`.

    Raises:
        InvalidRequest: No clip of this store has a key that begins like this, or several have.
        StorageProblem: Its evidence cannot be read.
    """
    key = full_key(context, key)
    evidence = ClipEvidence(context.store, key)
    state = evidence.state()
    last = state.last
    where = _state(state)
    again = where == "failed" and last is not None and last.ended is not None and last.ended.may_retry
    if again and evidence.is_marked_open():
        # Between a failed attempt and the next one.
        where = "ordered"
    age_s = None if last is None else _age_s(context, last)
    usual_s = None if last is None else context.durations.of(last.intent.model)
    open_s = None if age_s is None or usual_s is None or where != "booked" else max(usual_s - age_s, 0.0)
    receipt = last.receipt if last is not None else None
    return ClipRow(
        key=key,
        state=where,
        billed=_billed(state),
        age_s=None if age_s is None else round(age_s),
        eta_s=None if open_s is None else round(open_s),
        task_id=receipt.task_id if receipt else None,
        expires_at=receipt.expires_at.isoformat(timespec="seconds") if receipt and state.unfinished else None,
        reason=_reason(state, where),
    )


def _state(state: ClipState) -> State:
    last = state.last
    if state.result is not None:
        return "delivered"
    if last is None:
        return "cancelled" if state.cancel_wanted else "ordered"
    if last.unknown:
        return "unknown"
    if state.delivered is not None or last.word is None:
        return "booked"
    return _ENDED[last.word.status]


def _billed(state: ClipState) -> Billed:
    """Whether anything of the clip is billed, or will be once it is rendered."""
    told = {_attempt_billed(attempt) for attempt in state.attempts}
    return "yes" if "yes" in told else "unknown" if "unknown" in told else "no"


def _attempt_billed(attempt: Attempt) -> Billed:
    if attempt.unknown:
        return "unknown"
    match attempt.word.status if attempt.word is not None else None:
        case "failed" | "canceled":
            return "no"
        case "lost":
            return "unknown"
        case _:
            return "yes"


def _age_s(context: Context, last: Attempt) -> float:
    since = last.receipt.submitted_at if last.receipt is not None else last.intent.written_at
    return max((context.provider_now() - since).total_seconds(), 0.0)


def _reason(state: ClipState, where: State) -> str:
    last = state.last
    if where in ("failed", "lost", "cancelled") and last is not None and last.ended is not None:
        return short(why_stopped(last, last.ended).message)
    return state_in_words(state)


def short(text: str, chars: int = MOST_REASON_CHARS) -> str:
    """Text on one line that leaves room for the rest of an answer."""
    text = one_line(text)
    return text if len(text) <= chars else text[: chars - 1] + "…"


def first_of(texts: Iterable[str]) -> list[str]:
    """The first of what may be many texts, each on one line."""
    return [short(text) for text in islice(texts, _MOST_LISTED)]


def next_of(row: ClipRow) -> Next:
    """What to do next about a clip."""
    key = row.key
    match row.state:
        case "delivered":
            return Next(words="fetch it with `result`", tool="result", arguments={"key": key})
        case "booked" | "ordered" if row.task_id or row.state == "booked":
            return Next(
                words="wait for it; do not submit anything else for it", tool="wait", arguments={"key": key}
            )
        case "unknown":
            words = "it may have been bought: `harvest` finds out and buys nothing"
            return Next(words=words, tool="harvest", arguments={})
        case "abandoned":
            return Next(words="it is billed; `harvest` collects it when it is made", tool="harvest")
        case "ordered":
            return Next(words="nothing was bought; `submit` the same request to buy it", tool="submit")
        case _:
            return Next(words="tell the person the reason; nothing more is bought without their word")


def price_of(quote: Quote) -> Money:
    """A quoted price with where it was read."""
    return Money(
        amount=amount_text(quote.amount),
        currency=quote.currency,
        source=quote.source,
        read_on=str(quote.read_on),
    )


def plain_price(amount: Decimal, currency: str) -> Money:
    """An amount that is the sum of several prices, or was billed."""
    return Money(amount=amount_text(amount), currency=currency)
