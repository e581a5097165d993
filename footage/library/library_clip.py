"""One clip of a store as it is listed: what was asked, where it stands and what it costs, from its evidence alone."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal, get_args

from pydantic import TypeAdapter

from footage.errors import FootageError
from footage.evidence.clip_evidence import ClipEvidence
from footage.evidence.stored_order import stored_order
from footage.privacy.redact import redact
from footage.steps.store_status import state_in_words

if TYPE_CHECKING:
    from footage.evidence.delivered_records import ResultRecord
    from footage.evidence.state import ClipState
    from footage.order import Order
    from footage.storage import Store

logger = logging.getLogger(__name__)

# open: bought, or perhaps, and not finished. ordered: never bought. unreadable: its evidence does not fit.
LibraryState = Literal["open", "finished", "failed", "canceled", "lost", "ordered", "unreadable"]
LIBRARY_STATES: tuple[LibraryState, ...] = get_args(LibraryState)


def state_named(name: str) -> LibraryState | None:
    """The state of that name; None where there is none."""
    states: dict[str, LibraryState] = {state: state for state in LIBRARY_STATES}
    return states.get(name)


@dataclass(frozen=True)
class BoardTake:
    """Where a clip stands in a board; the names of board and shot are those of their folders."""

    board: str
    shot: str
    take: int


@dataclass(frozen=True)
class LibraryClip:
    """One clip of a store; what is not known of it is None or empty."""

    key: str
    state: LibraryState
    # The same in words for a person.
    detail: str
    prompt: str = ""
    model: str = ""
    # When it was finished, else when it was last bought.
    at: datetime | None = None
    size: str = ""
    duration_s: float | None = None
    # Of a finished clip what it cost, else what it was quoted at; of what failed or was canceled nothing.
    amount: Decimal | None = None
    currency: str = ""
    emulated: bool = False
    # Where its files are, below the store.
    video: str | None = None
    poster: str | None = None
    boards: tuple[BoardTake, ...] = ()

    def on(self, boards: tuple[BoardTake, ...]) -> LibraryClip:
        """The same clip with the places where it stands."""
        return replace(self, boards=boards)

    def to_json(self) -> dict[str, Any]:
        """As JSON values; times in UTC, money as text."""
        return _CLIP.dump_python(self, mode="json")

    def to_bytes(self) -> bytes:
        """As JSON, without the boards."""
        return _CLIP.dump_json(self.on(()))

    @classmethod
    def from_bytes(cls, data: bytes) -> LibraryClip:
        """What `to_bytes` wrote.

        Raises:
            ValueError: It did not write that.
        """
        return _CLIP.validate_json(data)


_CLIP = TypeAdapter(LibraryClip)


def read_clip(store: Store, key: str) -> LibraryClip:
    """What the evidence says of one clip; one whose evidence does not fit is told as unreadable."""
    evidence = ClipEvidence(store, key)
    try:
        result = evidence.result()
        if result is not None:
            return _finished(result, _order(evidence))
        return _unfinished(evidence.state(), _order(evidence))
    except FootageError as error:
        return LibraryClip(key, "unreadable", error.message)


def _order(evidence: ClipEvidence) -> Order | None:
    try:
        return stored_order(evidence)
    except FootageError as error:
        # Such as one that a later release wrote: the clip is there all the same.
        logger.info("The order of clip %s is not known: %s", evidence.key[:12], error.message)
        return None


def _finished(result: ResultRecord, order: Order | None) -> LibraryClip:
    clip, cost = result.clip, result.clip.cost
    return LibraryClip(
        key=result.key,
        state="finished",
        detail="finished",
        prompt=_prompt(order),
        model=clip.model,
        at=_moment(result.sealed_at),
        size=clip.size,
        duration_s=clip.duration,
        amount=None if cost is None else cost.amount,
        currency="" if cost is None else cost.currency,
        emulated=bool(result.emulated),
        video=result.files.clip,
        poster=result.files.poster,
    )


def _unfinished(state: ClipState, order: Order | None) -> LibraryClip:
    last = state.last
    now = _state(state)
    # The provider bills what succeeds.
    quote = None if order is None or now in ("failed", "canceled") else order.quote
    return LibraryClip(
        key=state.key,
        state=now,
        detail=state_in_words(state),
        prompt=_prompt(order),
        model=order.model if order is not None else "",
        at=last.intent.written_at if last is not None else None,
        size="" if order is None else f"{order.expected.width}*{order.expected.height}",
        duration_s=None if order is None else float(order.expected.duration_s),
        amount=None if quote is None else quote.amount,
        currency="" if quote is None else quote.currency,
        emulated=bool(last is not None and last.intent.emulated),
    )


def _state(state: ClipState) -> LibraryState:
    last = state.last
    if last is None:
        return "ordered"
    if state.unfinished or last.ended is None:
        return "open"
    match last.ended.status:
        case "canceled":
            return "canceled"
        case "lost":
            return "lost"
        case _:
            return "failed"


def _prompt(order: Order | None) -> str:
    return "" if order is None else redact(order.request.prompt)


def _moment(written: str | None) -> datetime | None:
    try:
        moment = datetime.fromisoformat(written or "")
    except ValueError:
        return None
    return moment if moment.tzinfo is not None else None
