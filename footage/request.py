"""What is asked for and what is answered: `video.generate`, the same for every model.

The types are loose on purpose: a duration of 99 is a number and passes here. What a model can do is decided by
`footage.order`, which reports everything at once; a type error stops at the first look at a field.
"""

from __future__ import annotations

import base64
import datetime
import difflib
import re
from collections.abc import Mapping
from decimal import Decimal
from itertools import islice
from typing import Annotated, Any, Literal, cast

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StrictBool,
    ValidationError,
    WithJsonSchema,
    field_serializer,
)
from pydantic_core import ErrorDetails

from footage.catalogue import MODEL_NAMES, REGION_NAMES
from footage.errors import InvalidRequest, Problem
from footage.privacy.display import shown
from footage.values.field_types import HALF_CHARACTER, Number, Rate, Seconds, Text, Whole

# A request has about twenty fields. Somebody who sends thousands gets so many named, and the number of the rest.
_MAX_NAMED = 20
_NAME_CHARS = 100
# A flag or a cell of a table is read as the number in it beforehand; only JSON and YAML have quotes.
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]{0,19})(?:\.[0-9]{1,20})?")


class VideoRequest(BaseModel):
    """One clip, described the same way for every model."""

    # hide_input_in_errors: a value may be an image of 20 MB or, pasted into the wrong field, a key.
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True, title="Video request")

    prompt: Text = Field(
        description="What the clip shows. At most 800 characters for the 2.1 and 2.2 models, 1500 for the "
        "2.6 models; a longer prompt is refused, because the provider would cut it off and bill the clip.",
        examples=["A paper boat sails down a rainy street, low camera, soft light"],
    )
    negative_prompt: Text | None = Field(
        default=None, description="What the clip must not show. At most 500 characters."
    )
    duration: Seconds = Field(
        default=5,
        description="Length in seconds, whole ones: 5 for the 2.1 and 2.2 models, 2 to 15 for wan2.6-i2v-flash "
        "and wan2.6-i2v, fewer choices for the others. Billed by the second.",
    )
    fps: Rate = Field(
        default=30,
        validate_default=True,
        description="Frames per second, 1 to 60. The models deliver 30; another rate is made here, after "
        "delivery. 23.976, 29.97 and 59.94 are the film rates 24000/1001, 30000/1001 and 60000/1001.",
        examples=[24, 23.976],
    )
    size: Text = Field(
        default="1280*720",
        description="Width and height in pixels, written with an asterisk. Decides the price tier. "
        "wan2.2-t2v-plus has no 720P: ask it for 832*480 or 1920*1080, for example.",
        examples=["1280*720", "720*1280", "1920*1080"],
    )
    seed: Whole | None = Field(
        default=None,
        description="0 to 2147483647. Not given: chosen here from the rest of the request, so that the same "
        "request is the same clip.",
    )
    reference_image: Annotated[
        Text | bytes | None, WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "null"}]})
    ] = Field(
        default=None,
        description="The first frame, needed by the i2v models and by no other: an http(s) URL, a file path, "
        "file:// or a data: URI (from Python also bytes). JPEG, PNG, BMP or WEBP, 240 to 8000 pixels a side, "
        "at most 20 MB.",
    )
    motion_strength: Number | None = Field(
        default=None,
        description="How strongly things move. No Wan model has such a setting: it is reported as dropped; "
        "say it in the prompt instead.",
    )
    model: Text = Field(
        default="wan2.6-i2v-flash",
        description="One of the seven models, by exact name.",
        json_schema_extra={"enum": [*MODEL_NAMES]},
    )
    region: Text | None = Field(
        default=None,
        description="Where the clip is made, such as ap-southeast-1. Not given: the region that belongs to "
        "the key, else the first region of the model.",
        examples=[*REGION_NAMES],
    )
    prompt_extend: StrictBool | None = Field(
        default=None,
        description="Whether the provider rewrites the prompt with a language model first. Not given: yes, "
        "which is the provider's own default.",
    )
    shot_type: Literal["single", "multi"] | None = Field(
        default=None,
        description="One shot or several within the clip. Only for the 2.6 models, and only with "
        "prompt_extend.",
    )
    audio: StrictBool | None = Field(
        default=None,
        description="Whether the clip has sound. Only wan2.6-i2v-flash can be asked; it has sound unless "
        "this is false, and costs half without.",
    )
    audio_url: Text | None = Field(
        default=None,
        description="Sound to use, as an http(s) URL of a WAV or MP3 of 3 to 30 seconds and at most 15 MB. "
        "Only for the 2.6 models.",
    )
    watermark: StrictBool = Field(
        default=False, description="Whether the provider marks the picture as made by AI."
    )
    take: Whole = Field(
        default=1,
        description="Which take of the same request. A new number is a new clip, bought again; the same "
        "number is the clip that is already there.",
    )
    strict: StrictBool = Field(
        default=False, description="Whether a field that the model cannot honour refuses the request."
    )
    conform: Literal["auto", "never"] = Field(
        default="auto",
        description="auto: a clip that arrives with another rate or size is converted here and the original "
        "is kept; never: it stays as delivered.",
    )
    fit: Literal["crop", "pad", "keep"] = Field(
        default="crop",
        description="How the reference image meets the shape of `size`: crop cuts its edges, pad adds bars, "
        "keep leaves its shape, and the clip follows it.",
    )
    pad_color: Text = Field(
        default="#000000",
        description="Colour of added bars and of what is transparent in the reference image, as #RRGGBB.",
    )

    @field_serializer("reference_image", when_used="json")
    def _image_as_text(self, value: str | bytes | None) -> str | None:
        # The type inside is found from the bytes, so none is claimed.
        if isinstance(value, bytes):
            return "data:application/octet-stream;base64," + base64.b64encode(value).decode("ascii")
        return value


NUMBER_FIELDS = ("duration", "fps", "seed", "motion_strength", "take")


class Cost(BaseModel):
    """What the clip costs by the price list; the provider's bill is the authority."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    amount: Decimal = Field(description="Price of the clip; text in JSON, because it is money.")
    currency: str = Field(description="ISO 4217 code.")
    billed_seconds: Decimal = Field(description="Seconds that the provider says it bills.")
    source: str = Field(description="Where the price per second was read.")
    read_on: datetime.date = Field(description="When it was read.")


class VideoResponse(BaseModel):
    """The finished clip; duration, rate and size are measured on the file, not repeated from the request."""

    model_config = ConfigDict(frozen=True, extra="forbid", title="Video response")

    video_url: str = Field(description="Where the clip is.")
    duration: float = Field(description="Length in seconds, measured.")
    fps: float = Field(description="Frames per second, measured.")
    seed: int = Field(description="The seed that was sent.")
    key: str = Field(description="Name of the clip: the same request has the same key.")
    model: str = Field(description="The model that made it.")
    region: str = Field(description="Where it was made.")
    task_id: str = Field(description="The provider's task.")
    size: str = Field(description="Width*height in pixels, measured.")
    size_bytes: int = Field(description="Length of the file in bytes.")
    sha256: str = Field(description="SHA-256 of the file, 64 hexadecimal digits.")
    original_url: str | None = Field(
        default=None, description="The clip as the provider delivered it, where it was converted here."
    )
    thumbnail_url: str | None = Field(default=None, description="Poster frame, JPEG.")
    contact_sheet_url: str | None = Field(default=None, description="Frames over the whole clip, JPEG.")
    cost: Cost | None = Field(default=None, description="Price of this clip; null where no price is known.")
    cached: bool = Field(description="Whether the clip was there already and nothing was bought.")
    warnings: list[str] = Field(
        default_factory=list[str], description="What the reader of this answer should know."
    )
    evidence_url: str = Field(description="Folder with everything that proves how the clip was made.")


# What people and other tools write for our fields.
_OTHER_NAMES = {
    "image": "reference_image",
    "img": "reference_image",
    "img_url": "reference_image",
    "image_url": "reference_image",
    "first_frame": "reference_image",
    "resolution": "size",
    "aspect_ratio": "size",
    "ratio": "size",
    "seconds": "duration",
    "length": "duration",
    "frame_rate": "fps",
    "framerate": "fps",
    "frames_per_second": "fps",
    "motion": "motion_strength",
    "negative": "negative_prompt",
    "text": "prompt",
    "version": "take",
}


def parse_request(data: Mapping[str, Any], *, default_region: str | None = None) -> VideoRequest:
    """Read a request from what a file, a form or a command line gave.

    A request that cannot be read is also checked, as far as the rest of it goes, against the rules of its
    model, so that one answer names everything. One that can be read is checked by `footage.order.plan`.

    Raises:
        InvalidRequest: `problems` names every field that is wrong; nothing was sent.
    """
    # Data from JSON or YAML is whatever its author wrote, whatever the annotation says.
    given = cast(object, data)
    if not isinstance(given, Mapping):
        problem = Problem("request", _kind_of(given), "A request is an object with fields such as prompt.")
        raise InvalidRequest(problems=(problem,))
    fields: dict[str, Any] = {}
    strangers: dict[object, Any] = {}
    for name, value in cast(Mapping[object, Any], given).items():
        # Not left to pydantic, which fails at names that are no text, or half of a character.
        known = isinstance(name, str) and name in VideoRequest.model_fields
        (fields if known else strangers)[name] = value  # pyright: ignore[reportArgumentType]
    problems: list[Problem] = []
    try:
        request = VideoRequest.model_validate(fields)
    except ValidationError as error:
        found = error.errors(include_url=False, include_context=True, include_input=False)
        problems += _type_problems(found, fields)
    else:
        if not strangers:
            return request
    wrong = {problem.field for problem in problems}
    problems += _stranger_problems(strangers)
    raise InvalidRequest(problems=(*problems, *_rule_problems(fields, wrong, default_region)))


def _rule_problems(fields: dict[str, Any], wrong: set[str], default_region: str | None) -> list[Problem]:
    """What the rules say about the fields that could be read."""
    # Imported here: the rules need this module, and only a request that cannot be read needs the rules.
    from footage.order import request_problems

    stand_ins = {name: "-" for name in ("prompt", "model") if name in wrong}
    readable = {name: value for name, value in fields.items() if name not in wrong}
    request = VideoRequest.model_validate(stand_ins | readable)
    return [p for p in request_problems(request, default_region=default_region) if p.field not in wrong]


def _stranger_problems(strangers: Mapping[object, Any]) -> list[Problem]:
    """One problem for each name that is no field, up to a number that can be read."""
    named = islice(strangers.items(), _MAX_NAMED)
    problems = [_stranger_problem(name, value) for name, value in named]
    if (more := len(strangers) - _MAX_NAMED) > 0:
        message = f"There are no such fields either: {more:,} more names."
        problems.append(Problem("request", f"{len(strangers):,} unknown fields", message))
    return problems


def _stranger_problem(name: object, value: Any) -> Problem:
    if not isinstance(name, str):
        return Problem("request", shown(name), "is no name of a field: names are text.")
    known = list(VideoRequest.model_fields)
    word = name[:_NAME_CHARS].lower()
    near = _OTHER_NAMES.get(word)
    guesses = [near] if near else difflib.get_close_matches(word, known, n=1)
    hint = f" Did you mean {guesses[0]}?" if guesses else ""
    allowed = None if guesses else ", ".join(known)
    field = shown(name).strip("'") or "''"
    return Problem(field, shown(value, field=name), f"There is no such field.{hint}", allowed)


def _type_problems(errors: list[ErrorDetails], fields: dict[str, Any]) -> list[Problem]:
    by_field: dict[str, Problem] = {}
    for error in errors:
        # A union reports every branch under the same field; one sentence per field is enough.
        name = str(error["loc"][0])
        if name not in by_field:
            by_field[name] = _type_problem(name, error, fields.get(name))
    return list(by_field.values())


def _type_problem(name: str, error: ErrorDetails, value: Any) -> Problem:
    kind = error["type"]
    if kind == "missing":
        return Problem(name, "(missing)", "is required.")
    seen = shown(value, field=name)
    if kind in ("half_character", "string_unicode"):
        return Problem(name, seen, f"{HALF_CHARACTER}.")
    if kind == "literal_error":
        return Problem(name, seen, "is not one of the choices.", error.get("ctx", {}).get("expected"))
    if kind in ("whole_number", "number", "rate"):
        if isinstance(value, int | float) and not isinstance(value, bool):
            return Problem(name, seen, f"{error['msg']}.")
        quotes = (
            f": write {value} without quotes" if isinstance(value, str) and _NUMBER.fullmatch(value) else ""
        )
        return Problem(name, seen, f"{error['msg']}; this is {_kind_of(value)}{quotes}.")
    wanted = "true or false" if kind.startswith("bool") else "text"
    return Problem(name, seen, f"must be {wanted}; this is {_kind_of(value)}.")


def _kind_of(value: object) -> str:
    if value is None:
        return "nothing (null)"
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, int | float):
        return "a number"
    if isinstance(value, str):
        return "text"
    if isinstance(value, Mapping):
        return "an object"
    return "a list" if isinstance(value, list) else cast(type, type(value)).__name__
