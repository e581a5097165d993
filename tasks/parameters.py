"""What the parameters of the flows are in a form: the lists that it offers, and the bounds of its numbers.

Only a form is bound by them, so that a Prefect server refuses what is wrong before there is a run. To Python they are
plain text and numbers: what can be made is decided by the core, whose refusal names everything at once.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field, WithJsonSchema

from footage.catalogue import CATALOGUE, CURRENCIES, REGION_NAMES, offered_models, offered_names
from footage.order.rules import FPS_MAX, TAKE_MAX
from footage.order.size_rules import SIZE
from footage.order.text import COLOR


def one_of(*values: str) -> WithJsonSchema:
    """One of these words."""
    return WithJsonSchema({"type": "string", "enum": [*values]})


def number(kind: str, minimum: float, maximum: float, **more: Any) -> WithJsonSchema:
    """A number of this kind ("number" or "integer") within these bounds."""
    return WithJsonSchema({"type": kind, "minimum": minimum, "maximum": maximum, **more})


_SIZES = [size for sizes in CATALOGUE.tiers.values() for size in sizes]
_LENGTHS = [
    length
    for card in offered_models().values()
    for lengths in (card.durations, *card.durations_in.values())
    for length in lengths
]

Prompt = Annotated[str, WithJsonSchema({"type": "string", "minLength": 1})]
Model = Annotated[str, one_of(*offered_names())]
# A model that is in no table of sizes may make others. The form shows a tab for each, called by its title.
Size = Annotated[
    str,
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string", "enum": _SIZES, "title": "choose"},
                {"type": "string", "pattern": f"^{SIZE.pattern}$", "title": "type another"},
            ]
        }
    ),
]
Region = Annotated[str, one_of(*REGION_NAMES)]
# A switch looks the same where it is off and where nobody touched it, and Prefect's older form sends the latter as
# false. So there is a list besides; its words are what pydantic reads as true and false.
YesOrNo = Annotated[
    bool,
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string", "enum": ["yes", "no"], "title": "choose"},
                {"type": "boolean", "title": "switch"},
            ]
        }
    ),
]
if any(card.smart_duration for card in offered_models().values()):
    _LENGTHS.append(-1)
Duration = Annotated[float, number("number", min(_LENGTHS), max(_LENGTHS), multipleOf=1)]
Rate = Annotated[float, number("number", 1, FPS_MAX)]
Seed = Annotated[int, number("integer", 0, CATALOGUE.seed_max)]
Take = Annotated[int, number("integer", 1, TAKE_MAX)]
Color = Annotated[str, WithJsonSchema({"type": "string", "pattern": f"^{COLOR.pattern}$"})]

ClipKey = Annotated[str, WithJsonSchema({"type": "string", "minLength": 6, "maxLength": 64})]
# The form has an editor for JSON, which looks whether it is some.
JsonText = Annotated[str, WithJsonSchema({"type": "string", "format": "json-string"})]
# As WAN_VIDEO_MAX_COST_PER_DAY.
ClipCap = Annotated[str, WithJsonSchema({"type": "string", "pattern": r"^\d{1,9}(\.\d{1,6})? *(CNY|USD)$"})]
# A text where this process keeps them in memory, because they open something.
References = Annotated[
    list[Any] | str,
    WithJsonSchema({"type": "array", "items": {"type": "object", "additionalProperties": True}}),
]
Seconds = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Currency = Annotated[str, one_of(*CURRENCIES)]
