"""What a clip will cost: price per second of the price list times the seconds asked for."""

from __future__ import annotations

import math
from decimal import Decimal

from footage.catalogue import CATALOGUE, ModelCard, Price, offered_models, tier_of
from footage.order.document import Quote
from footage.values.money import total

_MICRO = Decimal("0.000001")


# Reserved where the model chooses the length; what goes in counts within it.
SMART_S = 30


def quote(
    card: ModelCard, region: str, size: str, *, audio: bool, seconds: int, input_s: float = 0.0
) -> Quote:
    """The price of one clip; where no page has it, at the highest known rate, so that no budget is passed.

    `seconds` is the length asked for, -1 for the longest that the model may choose; `input_s` is how long the clips
    are that go in, of which the model bills some.
    """
    input_seconds = min(math.ceil(input_s - 0.001), card.input_billed_max_s)
    seconds = SMART_S if seconds == -1 else seconds + input_seconds
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
        amount_usd=_in_usd(price, amount, seconds).quantize(_MICRO),
        known=note is None,
        source=price.source,
        read_on=price.read_on,
        note=note,
        input_seconds=input_seconds,
    )


def _in_usd(price: Price, amount: Decimal, seconds: int) -> Decimal:
    if price.currency == "USD":
        return amount
    printed = price.usd_per_second
    return amount / CATALOGUE.cny_per_usd if printed is None else printed * seconds


def _highest(card: ModelCard, tier: str, *, audio: bool) -> tuple[Price, str]:
    own = [p for p in card.prices if p.tier == tier and (p.audio is None or p.audio == audio)]
    if own:
        return max(own, key=_in_cny), "this model elsewhere"
    every = [price for other in offered_models().values() for price in other.prices]
    return max(every, key=_in_cny), "any model"


def _in_cny(price: Price) -> Decimal:
    return total({price.currency: price.per_second}, "CNY")
