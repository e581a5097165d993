"""One switch for a whole store: while it is thrown, nothing is bought by anybody."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from footage.concurrency.boot_clock import boot_clock_s
from footage.errors import AlreadyThere, BuyingStopped, FootageError, NotThere, StorageProblem
from footage.errors.actions import NextStep, ResumeBuying
from footage.evidence.reader import RecordReader
from footage.evidence.records import Moment, Record

if TYPE_CHECKING:
    from footage.storage import Store

PATH = "buying-stopped.json"
# A create leaves within this time after the switch was looked at, so that it acts within two seconds.
SEEN_FOR_S = 1.5


_LONGEST = 500
_MEND = NextStep.of(ResumeBuying(), " takes it away; nothing is bought in this store until then")


class StopOrder(Record):
    """Who stopped buying, when, and why."""

    stopped_at: Moment
    by: Annotated[str, Field(max_length=_LONGEST)]
    why: Annotated[str, Field(max_length=_LONGEST)] | None = None

    def in_words(self) -> str:
        """For a person."""
        reason = f" ({self.why})" if self.why else ""
        return f"{self.by} stopped all buying at {self.stopped_at:%Y-%m-%d %H:%M:%S} UTC{reason}"


def stop_buying(store: Store, by: str, why: str | None = None) -> StopOrder:
    """Throw the switch; the first order stays where it is thrown already.

    Raises:
        StorageProblem: The store cannot be written.
    """
    # Cut rather than refused: whoever stops buying is in a hurry.
    order = StopOrder(stopped_at=datetime.now(UTC), by=_kept(by), why=None if why is None else _kept(why))
    try:
        store.create(PATH, order.to_bytes())
    except AlreadyThere:
        with contextlib.suppress(StorageProblem):
            return stopped(store) or order
    return order


def _kept(text: str) -> str:
    """As much of a text as an order takes: whatever somebody types, buying is stopped."""
    return text.encode(errors="replace").decode()[:_LONGEST]


def resume_buying(store: Store) -> StopOrder | None:
    """Put the switch back; what it said, None where it was not thrown or cannot be read.

    Raises:
        StorageProblem: The order cannot be deleted; buying is still stopped.
    """
    order = None
    with contextlib.suppress(StorageProblem):
        order = stopped(store)
    store.delete(PATH)
    return order


def stopped(store: Store) -> StopOrder | None:
    """The order that stops buying in this store, or None.

    Raises:
        BadRecord: It cannot be read.
        StorageProblem: The store cannot be read.
    """
    try:
        return RecordReader(store, _MEND).record(PATH, StopOrder)
    except NotThere:
        return None


class SendingGate:
    """Asked when a create is about to leave: until a moment of `boot_clock_s`, and only while buying is not stopped."""

    def __init__(self, store: Store, *, until_s: float) -> None:
        self._store = store
        self._until_s = until_s
        # Why nothing may be sent: buying is stopped, or the store does not tell.
        self.refusal: FootageError | None = None

    def may_send(self) -> bool:
        """Whether the create may leave now."""
        looked_s = boot_clock_s()
        try:
            require_buying(self._store)
        except FootageError as error:
            self.refusal = error
            return False
        now_s = boot_clock_s()
        if now_s - looked_s >= SEEN_FOR_S:
            self.refusal = StorageProblem(
                f"The store took {now_s - looked_s:.1f} s to tell whether buying is stopped, and what it said may no "
                "longer be so. Nothing was sent.",
                next_step="use a store that answers within a second, then run the same again",
            )
            return False
        return now_s < self._until_s


def require_buying(store: Store) -> None:
    """Go on only where buying is not stopped.

    Raises:
        BuyingStopped: Somebody stopped it; nothing was sent.
        StorageProblem: The store does not tell.
    """
    if (order := stopped(store)) is not None:
        raise BuyingStopped(
            f"{order.in_words()}. Nothing was bought.",
            next_step=NextStep.of(
                ResumeBuying(), " takes that back; what was bought before is finished all the same"
            ),
        )
