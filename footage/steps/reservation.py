"""Promise the price of a create in the ledger of the store before it is sent, under the operator's caps."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from footage.errors import OverBudget
from footage.evidence.records import QuotedPrice
from footage.spending.ledger_lines import Purchase
from footage.spending.settle import settle_clip

if TYPE_CHECKING:
    from footage.clip import Clip
    from footage.evidence.records import Promise, SpendingLine
    from footage.order import Quote


def reserve(clip: Clip, number: int) -> SpendingLine:
    """Promise the price of attempt `number`; the clip is marked as open before the promise is in the ledger.

    Raises:
        OverBudget: A cap of the day or the month would be passed; nothing was promised.
        BadRecord, StorageProblem: The ledger cannot be read or written; nothing is sent.
    """
    try:
        return _promised(clip, number, _Announcement(clip, number, marked=False))
    except _Marked:
        pass
    except OverBudget:
        if not clip.evidence.is_marked_open():
            raise
    # Marked for an earlier attempt, or by a worker that died: what was promised then and is not owed is free again.
    context = clip.context
    settle_clip(context.spending, clip.evidence, clip.evidence.state(), context.provider_now())
    return _promised(clip, number, _Announcement(clip, number, marked=True))


class _Marked(Exception):
    """The clip is marked as open already."""


class _Announcement:
    """Puts a promise into the clip's open marker before it is made."""

    def __init__(self, clip: Clip, number: int, *, marked: bool) -> None:
        self._clip = clip
        self._number = number
        self._marked = marked

    def __call__(self, promise: Promise) -> None:
        evidence = self._clip.evidence
        if self._marked:
            evidence.mark_promise(promise)
        elif not evidence.mark_open(self._number, promise):
            raise _Marked
        self._marked = True


def _promised(clip: Clip, number: int, announce: _Announcement) -> SpendingLine:
    context, order = clip.context, clip.order
    return context.spending.reserve(
        Purchase(
            key=clip.key,
            attempt=number,
            owner=context.worker.id,
            model=order.model,
            region=order.region,
            account=clip.account or (clip.api_key or context.api_key).fingerprint,
            workspace=clip.workspace,
            board=clip.board,
            seconds=order.quote.seconds,
            price_per_second=order.quote.price_per_second,
            amount=order.quote.amount,
            currency=order.quote.currency,
        ),
        context.provider_now(),
        context.caps.check if context.caps else None,
        announce,
    )


def give_back(clip: Clip, spending: SpendingLine) -> None:
    """Take a promise of this worker back, because another one opened the attempt."""
    clip.context.spending.correct(spending, Decimal(0), "unsent", clip.context.provider_now())


def quoted_price(quote: Quote) -> QuotedPrice:
    """What an intent keeps of a quote: whoever seals the clip may know another price list."""
    return QuotedPrice(
        per_second=quote.price_per_second,
        currency=quote.currency,
        known=quote.known,
        source=quote.source,
        read_on=quote.read_on,
    )
