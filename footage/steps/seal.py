"""Seal a delivered clip: the response, what was paid, and the hashes of everything that proves it."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from decimal import Decimal
from importlib.metadata import version
from typing import TYPE_CHECKING

from footage.errors import NotFinished
from footage.evidence.delivered_records import ClipRecord, CostRecord, ResultRecord
from footage.request import Cost, VideoResponse
from footage.steps.reservation import quoted_price
from footage.values.money import amount_text, money

if TYPE_CHECKING:
    from footage.clip import Clip
    from footage.evidence.records import Outcome, QuotedPrice
    from footage.order import Quote


def seal_clip(clip: Clip) -> VideoResponse:
    """Write `result.json`; whoever comes later gets this very response.

    Raises:
        NotFinished: There is nothing delivered to seal.
        StorageProblem: It could not be written; sealing again is harmless.
    """
    state = clip.evidence.state()
    last = state.last
    if state.delivered is None or last is None or last.receipt is None or last.ended is None:
        raise NotFinished(f"Clip {clip.key[:12]} is not delivered yet.", key=clip.key)
    cost = cost_of(clip.order.quote, last.intent.price, last.ended)
    paid = f"{money(cost.amount, cost.currency)} for {cost.billed_seconds} s" if cost else "price unknown"
    clip.say.info("clip %s is finished: %s", clip.key[:12], paid)
    clip.log.flush()
    delivered = state.delivered
    facts = delivered.facts
    result = ResultRecord(
        key=clip.key,
        sealed_at=datetime.now(UTC).isoformat(),
        sealed_by=f"wan-video {version('wan-video')}",
        endpoint=last.receipt.endpoint,
        emulated=last.intent.emulated,
        attempt=last.number,
        clip=ClipRecord(
            duration=facts.duration_s,
            fps=round(facts.fps, 3),
            seed=clip.order.seed,
            key=clip.key,
            model=clip.order.model,
            region=last.receipt.region,
            task_id=last.receipt.task_id,
            size=f"{facts.width}*{facts.height}",
            size_bytes=delivered.size_bytes,
            sha256=delivered.sha256,
            cost=CostRecord.model_validate(cost.model_dump()) if cost else None,
            warnings=[*clip.order.warnings, *delivered.warnings],
        ),
        files=delivered.files,
        probe=facts,
        # Path, hash and facts of the provider's own file, where the clip was converted from it.
        original=delivered.original,
        evidence_sha256=clip.evidence.manifest(seen_within_s=math.inf),
        marks=delivered.marks,
    )
    return clip.response_from(clip.evidence.write_result(result), cached=False)


def cost_of(quote: Quote, price: QuotedPrice | None, outcome: Outcome) -> Cost | None:
    """What the clip costs: billed seconds times the `price` of its create; None where no price is known.

    Intents of older evidence have no price; that of `quote` stands in.
    """
    price = price or quoted_price(quote)
    if not price.known:
        return None
    seconds = Decimal(quote.seconds) if outcome.billed_seconds is None else outcome.billed_seconds
    if seconds == (whole := seconds.to_integral_value()):
        # "2.0" of the provider is 2.
        seconds = whole
    return Cost(
        amount=Decimal(amount_text(price.per_second * seconds)),
        currency=price.currency,
        billed_seconds=seconds,
        source=price.source,
        read_on=price.read_on,
    )
