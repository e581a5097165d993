"""What the parameters of the flows that make many clips are in a form, as `parameters` has it for one clip."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import WithJsonSchema

from footage.catalogue import CATALOGUE
from footage.storyboard import FORMATS
from footage.storyboard.board import MAX_CAP
from tasks.clip_runs import MOST_LINES, MOST_SHOTS
from tasks.parameters import number, one_of

BoardPath = Annotated[str, WithJsonSchema({"type": "string", "minLength": 1, "title": "path"})]
BoardData = Annotated[
    dict[str, Any], WithJsonSchema({"type": "object", "additionalProperties": True, "title": "data"})
]
BoardFormat = Annotated[str, one_of(*FORMATS)]
ShotsPerRun = Annotated[int, number("integer", 1, MOST_SHOTS)]
LinesPerRun = Annotated[int, number("integer", 1, MOST_LINES)]
# Each is a request, which the core reads; the form has an editor for it.
Requests = Annotated[
    list[Any], WithJsonSchema({"type": "array", "items": {"type": "object", "additionalProperties": True}})
]
LinesFile = Annotated[str, WithJsonSchema({"type": "string", "minLength": 1})]
Cap = Annotated[float, number("number", 0, MAX_CAP)]

_TAKE = {"anyOf": [{"type": "integer", "minimum": 1}, {"type": "string", "minLength": 1}]}
_SAID = {"shot": {"type": "string"}, "take": _TAKE, "note": {"type": "string"}, "by": {"type": "string"}}


def _objects(required: list[str], **fields: Any) -> WithJsonSchema:
    item = {
        "type": "object",
        "properties": _SAID | fields,
        "required": required,
        "additionalProperties": False,
    }
    return WithJsonSchema({"type": "array", "items": item})


Verdicts = Annotated[
    list[dict[str, Any]],
    _objects(
        ["shot", "take", "verdict"],
        verdict={"type": "string", "enum": ["keep", "pick", "retake", "reject", "note"]},
        frame={"type": "integer", "minimum": 0},
        last_frame={"type": "integer", "minimum": 0},
        place={"type": "array", "items": {"type": "number"}},
    ),
]
Retakes = Annotated[
    list[dict[str, Any]],
    _objects(
        ["shot", "take", "note"],
        prompt={"type": "string"},
        seed={"type": "integer", "minimum": 0, "maximum": CATALOGUE.seed_max},
    ),
]
