"""What a clip will cost: price per second of the price list times the seconds asked for."""

from __future__ import annotations

from decimal import Decimal

from footage.catalogue import CATALOGUE, ModelCard, Price, tier_of
from footage.order.document import Quote

_MICRO = Decimal("0.000001")


def quote(card: ModelCard, region: str, size: str, *, audio: bool, seconds: int) -> Quote:
    """The price of one clip; where no page has it, at the highest known rate, so that no budget is passed."""
    tier = tier_of(size) or ""
    price = card.price(region, tier, audio=audio)
    note = None
    if price is None:
        price, whose = _highest(card, tier, audio=audio)
        note = (
            f"No page has the price of {card.name} in {region}; "
            f"this is the highest known rate of {whose}, to be safe."
        )
    amount = price.per_second * seconds
    return Quote(
        seconds=seconds,
        price_per_second=price.per_second,
        currency=price.currency,
        amount=amount,
        amount_usd=(amount / CATALOGUE.cny_per_usd).quantize(_MICRO),
        known=note is None,
        source=price.source,
        read_on=price.read_on,
        note=note,
    )


def _highest(card: ModelCard, tier: str, *, audio: bool) -> tuple[Price, str]:
    own = [p for p in card.prices if p.tier == tier and (p.audio is None or p.audio == audio)]
    if own:
        return max(own, key=lambda price: price.per_second), "this model elsewhere"
    every = [price for other in CATALOGUE.models.values() for price in other.prices]
    return max(every, key=lambda price: price.per_second), "any model"
