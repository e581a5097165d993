"""The tool that lists the models."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flows.mcp.tool import Answer, Call
from flows.mcp.tool_inputs import ModelsInput
from flows.mcp.tool_outputs import ModelRow, ModelsOutput, Next
from footage.catalogue import offered_models, region

if TYPE_CHECKING:
    from footage.catalogue import ModelCard, Price


async def models(_: Call, given: ModelsInput) -> Answer:
    """Everything known about the models."""
    wanted = region(given.region).id if given.region else None
    rows = [
        _model_row(card, wanted)
        for card in offered_models().values()
        if wanted is None or wanted in card.regions
    ]
    words = "choose by what the clip starts from, length, size and price; then `quote` the request"
    return Answer(ModelsOutput(next=Next(words=words, tool="quote"), models=rows))


def _model_row(card: ModelCard, wanted: str | None) -> ModelRow:
    return ModelRow(
        name=card.name,
        starts_from="image" if card.first_frame == "required" else "text",
        seconds=list(card.durations_of(wanted)),
        sizes=list(card.sizes),
        sound=card.audio,
        prices=[_price_in_words(price) for price in card.prices if wanted in (None, price.region)],
        regions=list(card.regions),
        prompt_chars=card.prompt_max,
        usually_takes_s=card.typical_s,
        source=card.source,
        read_on=str(card.read_on),
    )


def _price_in_words(price: Price) -> str:
    sound = {None: "", True: " with sound", False: " silent"}[price.audio]
    return f"{price.region} {price.tier}{sound}: {price.per_second} {price.currency}"
