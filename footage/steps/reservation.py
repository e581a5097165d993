"""Promise the price of a create in the ledger of the store before it is sent, under the operator's caps."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from footage.errors import NotThere, OverBudget
from footage.spending.ledger import Purchase
from footage.spending.settle import settle

if TYPE_CHECKING:
    from footage.clip import Clip
    from footage.context import Context
    from footage.evidence.clip_evidence import ClipEvidence
    from footage.evidence.records import SpendingLine

# By how much the clocks of two workers may differ.
CLOCKS_DIFFER = timedelta(minutes=10)


def reserve(clip: Clip, number: int) -> SpendingLine:
    """Promise the price of attempt `number`, which is marked as open before.

    Raises:
        OverBudget: A cap of the day or the month would be passed; nothing was promised.
        BadRecord, StorageProblem: The ledger cannot be read or written; nothing is sent.
    """
    context, order = clip.context, clip.order
    if number > 1:
        # What the attempts before cost nothing for is free for this one.
        settle(context.spending, clip.evidence.state(), context.provider_now())
    fresh = clip.evidence.mark_open(number)
    if not fresh and number == clip.permission.attempts_before + 1:
        # A worker may have died between its promise and its attempt.
        since = clip.evidence.opened_at() - CLOCKS_DIFFER
        if (promised := context.spending.find(clip.key, number, since)) is not None:
            return promised
    try:
        return context.spending.reserve(
            Purchase(
                key=clip.key,
                attempt=number,
                owner=context.worker.id,
                model=order.model,
                region=order.region,
                account=context.api_key.fingerprint,
                workspace=context.workspace,
                board=clip.board,
                seconds=order.quote.seconds,
                price_per_second=order.quote.price_per_second,
                amount=order.quote.amount,
                currency=order.quote.currency,
            ),
            context.provider_now(),
            context.caps.check if context.caps else None,
        )
    except OverBudget:
        if fresh:
            clip.evidence.unmark_open()
        raise


def give_back(clip: Clip, spending: SpendingLine) -> None:
    """Take a promise back that no attempt was opened with."""
    clip.context.spending.correct(spending, Decimal(0), "refused", clip.context.provider_now())


def give_back_unopened(context: Context, evidence: ClipEvidence, number: int) -> None:
    """Take back what a worker promised for attempt `number` that died before it opened it, if there is such a promise.

    Raises:
        BadRecord, StorageProblem: The ledger or the clip's marker cannot be read.
    """
    try:
        since = evidence.opened_at() - CLOCKS_DIFFER
    except NotThere:
        return
    promised = context.spending.find(evidence.key, number, since)
    if promised is not None:
        context.spending.correct(promised, Decimal(0), "refused", context.provider_now())
