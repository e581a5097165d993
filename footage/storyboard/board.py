"""A storyboard: what a film is made of, one entry per shot, in our own schema `wan-video/storyboard/1`.

The file is flat: every field of a video request may stand on a shot or, for all shots, under `defaults`.
In memory the two kinds stay apart, `Shot.request` beside the shot's own story fields, so that a field the
request gains later is a field of the board at once.
"""

from __future__ import annotations

import difflib
from base64 import b64encode
from collections.abc import Mapping
from decimal import Decimal
from functools import lru_cache
from typing import Annotated, Any, Literal, cast

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    field_validator,
    model_serializer,
    model_validator,
)

from footage.request import VideoRequest
from footage.storyboard.film_options import FilmOptions, SubtitleFiles, checked_tags
from footage.values.field_types import Text, Whole

SCHEMA = "wan-video/storyboard/1"
MAX_SHOTS = 2000
SPLIT = "Split the board; scenes are good places to do so."
# More than anybody has; sums below it are exact in Decimal's 28 digits.
MAX_CAP = 10**12

REQUEST_FIELDS: frozenset[str] = frozenset(VideoRequest.model_fields)

TransitionKind = Literal["cut", "dissolve", "fade"]


# What a shot is without saying so, and what a board that is written down leaves out.
_USUAL = (("start_from", "none"), ("takes", 1), ("transition", "cut"))
MAX_TAKES = 100


class Transition(BaseModel):
    """How a shot ends: in the film with `film: {transitions: true}`, else noted for the editor."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: TransitionKind = Field(default="cut", description="cut, dissolve or fade into the next shot.")
    seconds: float = Field(default=0.0, ge=0, le=10, description="Length of the dissolve or fade in seconds.")

    @model_validator(mode="before")
    @classmethod
    def _from_word(cls, value: object) -> object:
        return {"kind": value} if isinstance(value, str) else value

    @model_validator(mode="after")
    def _length(self) -> Transition:
        if self.kind == "cut" and self.seconds:
            raise ValueError("a cut has no length; ask for a dissolve or a fade")
        return self

    @model_serializer(mode="plain")
    def _flat(self) -> str | dict[str, Any]:
        return {"kind": self.kind, "seconds": self.seconds} if self.seconds else self.kind


class Budget(BaseModel):
    """What the board may use at most, and from where on a person has to say yes."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    max_seconds: Decimal | None = Field(
        default=None,
        ge=0,
        le=MAX_CAP,
        description="Most seconds of video that one run may buy. Holds even where prices rot.",
    )
    max_cost: Decimal | None = Field(
        default=None, ge=0, le=MAX_CAP, description="Most money that one run may spend."
    )
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")] = Field(
        default="USD",
        description="Currency of max_cost and approve_above, CNY or USD; prices in the other one are converted.",
    )
    approve_above: Decimal | None = Field(
        default=None,
        ge=0,
        le=MAX_CAP,
        description="Above this quote the run waits until a person approves it.",
    )

    @field_validator("max_seconds", "max_cost", "approve_above", mode="before")
    @classmethod
    def _exact(cls, value: object) -> object:
        # 0.1 written in YAML means one tenth, not the nearest binary fraction.
        return str(value) if isinstance(value, float) else value

    @model_serializer(mode="wrap")
    def _only_what_was_said(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        plain = {key: value for key, value in handler(self).items() if value is not None}
        return {key: str(value) if isinstance(value, Decimal) else value for key, value in plain.items()}


class Character(BaseModel):
    """Somebody or something that several shots show: one picture or clip, and perhaps a voice."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    image: Text | None = Field(default=None, description="A picture: a URL, a file path or a data: URI.")
    video: Text | None = Field(default=None, description="In its place a clip: a URL or a file path.")
    voice: Text | None = Field(default=None, description="A voice, WAV or MP3: a URL or a file path.")

    @model_validator(mode="after")
    def _one(self) -> Character:
        if (self.image is None) == (self.video is None):
            raise ValueError("a character is one picture or one clip")
        return self

    @model_serializer(mode="wrap")
    def _lean(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return {name: value for name, value in handler(self).items() if value is not None}


class Shot(BaseModel):
    """One shot: its story fields, and in `request` the video request fields that it sets itself."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str = Field(description="Name of the shot, once on the board; other shots refer to it.")
    scene: str | None = Field(default=None, description="Scene that the shot belongs to.")
    slug: str | None = Field(default=None, description="Slug line, such as EXT. LIGHTHOUSE - DAWN.")
    title: str | None = Field(default=None, description="Short title for timeline and dailies.")
    start_from: str = Field(
        default="none",
        description="none, prev_last_frame (the shot before this one) or shot:<id>: whose last frame this "
        "shot starts from. The shot then needs an image-to-video model and no reference_image. prev_clip or clip:<id>: "
        "it goes on from the clip itself where its model can, else from its last frame.",
    )
    characters: tuple[str, ...] = Field(
        default=(),
        description="Who of the board's characters is seen; sent as references where the shot's model takes some.",
    )
    takes: Whole = Field(
        default=1,
        ge=1,
        le=MAX_TAKES,
        description="How many takes of the shot are made. Each is a clip of its own, paid by itself; with a seed, "
        "every further take has the next one.",
    )
    transition: Transition = Field(
        default_factory=Transition, description="How the shot goes into the next one."
    )
    dialogue: str | None = Field(default=None, description="Spoken words, for the editor; not sent.")
    subtitles: SubtitleFiles | None = Field(
        default=None,
        description="SRT or WebVTT file of the shot, taken instead of its dialogue: a path, or a path for each "
        "language; times from the start of the clip.",
    )
    sound: str | None = Field(default=None, description="Sound notes, for the editor; not sent.")
    notes: str | None = Field(default=None, description="Anything for people.")
    metadata: dict[str, Any] = Field(
        default_factory=dict, description="Fields of other tools, kept as they came."
    )
    request: dict[str, Any] = Field(
        default_factory=dict, description="Video request fields that this shot sets."
    )

    @model_validator(mode="before")
    @classmethod
    def _from_flat(cls, value: object) -> object:
        if not isinstance(value, Mapping):
            return value
        flat = dict(cast("Mapping[str, Any]", value))
        request = dict(flat.pop("request", None) or {})
        request |= {name: flat.pop(name) for name in list(flat) if name in REQUEST_FIELDS}
        _inline(request)
        flat["request"] = request
        return flat

    @field_validator("characters", mode="before")
    @classmethod
    def _names(cls, value: object) -> object:
        return (value,) if isinstance(value, str) else value

    @field_validator("id", "scene", "slug", "title", "dialogue", "sound", "notes", mode="before")
    @classmethod
    def _text(cls, value: object) -> object:
        # `id: 3` and `scene: 12` are what people write; the number means its digits.
        if isinstance(value, int | float) and not isinstance(value, bool):
            return str(value)
        return value.strip() if isinstance(value, str) else value

    @field_validator("subtitles")
    @classmethod
    def _tags(cls, value: SubtitleFiles | None) -> SubtitleFiles | None:
        checked_tags(value)
        return value

    @model_serializer(mode="wrap")
    def _flat(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        plain: dict[str, Any] = handler(self)
        # Absent when only some fields were asked for.
        request = plain.pop("request", {})
        story = {
            key: value
            for key, value in plain.items()
            if value not in (None, {}, (), []) and (key, value) not in _USUAL
        }
        return story | request


def _inline(fields: dict[str, Any]) -> None:
    """A board is a document; the bytes of a picture as text have the same key."""
    for name in ("reference_image", "last_frame"):
        if isinstance(image := fields.get(name), bytes):
            fields[name] = "data:application/octet-stream;base64," + b64encode(image).decode("ascii")


class Board(BaseModel):
    """A storyboard of our own schema. Reading checks its form; `plan_board` checks that it can be made."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    version: Literal["wan-video/storyboard/1"] = Field(default=SCHEMA, alias="schema")
    title: str = Field(default="Untitled", description="Title of the film.")
    defaults: dict[str, Any] = Field(
        default_factory=dict, description="Video request fields for every shot that does not set them itself."
    )
    budget: Budget = Field(default_factory=Budget)
    film: FilmOptions = Field(default_factory=FilmOptions, description="How the film is finished.")
    characters: dict[str, Character] = Field(
        default_factory=dict,
        description="Who is seen in several shots, by name: one picture or clip each, and perhaps a voice.",
    )
    shots: tuple[Shot, ...] = Field(description="The shots in the order of the film.")
    metadata: dict[str, Any] = Field(
        default_factory=dict, description="Fields of other tools, kept as they came."
    )

    @field_validator("title", mode="before")
    @classmethod
    def _text(cls, value: object) -> object:
        return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value

    @field_validator("defaults")
    @classmethod
    def _document(cls, value: dict[str, Any]) -> dict[str, Any]:
        fields = dict(value)
        _inline(fields)
        return fields

    @model_serializer(mode="wrap")
    def _lean(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        plain: dict[str, Any] = handler(self)
        plain.pop("version", None)
        plain.pop("schema", None)
        lean = {"schema": SCHEMA} | {key: value for key, value in plain.items() if value not in (None, {})}
        if lean.get("budget") == {"currency": "USD"}:
            del lean["budget"]
        return lean

    def shot(self, shot_id: str) -> Shot:
        """The shot of that id. Raises KeyError when the board has none."""
        for shot in self.shots:
            if shot.id == shot_id:
                return shot
        raise KeyError(shot_id)

    def asked(self, shot: Shot) -> dict[str, Any]:
        """Everything a shot asks of the video request: its own fields over the board's defaults.

        A field set to nothing (null) on a shot takes the board's default away again.
        """
        return {name: value for name, value in (self.defaults | shot.request).items() if value is not None}


BOARD_FIELDS: tuple[str, ...] = (
    "schema", "title", "defaults", "budget", "film", "characters", "shots", "metadata",
)  # fmt: skip
STORY_FIELDS: tuple[str, ...] = tuple(name for name in Shot.model_fields if name != "request")
SHOT_FIELDS: tuple[str, ...] = (*STORY_FIELDS, *VideoRequest.model_fields)


@lru_cache(4096)
def nearest(name: str, known: tuple[str, ...]) -> str | None:
    """The known field that `name` is probably a slip of, or None when it is a word of its own."""
    if len(name) > 2 * max(map(len, known)):
        return None
    close = difflib.get_close_matches(name.casefold(), known, n=1, cutoff=0.8)
    return close[0] if close else None


def json_schema() -> dict[str, Any]:
    """The JSON Schema of a board file (draft 2020-12), for editors with completion and for other tools."""
    board = Board.model_json_schema(mode="validation", by_alias=True)
    request = VideoRequest.model_json_schema(mode="validation")
    definitions: dict[str, Any] = {**request.get("$defs", {}), **board["$defs"]}

    fields: dict[str, Any] = {name: dict(field) for name, field in request["properties"].items()}
    for field in fields.values():
        field.pop("default", None)  # a board leaves a field out; what then holds is the request's business
    shot: dict[str, Any] = definitions["Shot"]
    shot["properties"].pop("request")
    shot["properties"] |= fields
    shot["required"] = ["id"]
    shot["additionalProperties"] = True
    word = {"enum": ["cut", "dissolve", "fade"], "type": "string"}
    shot["properties"]["transition"] = {
        "anyOf": [word, {"$ref": "#/$defs/Transition"}],
        "description": "How the shot goes into the next one.",
    }
    board["properties"]["defaults"] |= {"properties": fields, "additionalProperties": False}
    board["required"] = ["schema", "shots"]
    board["properties"]["shots"] |= {"minItems": 1, "maxItems": MAX_SHOTS}
    board["$defs"] = definitions
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": f"urn:{SCHEMA}", **board}
