"""What is asked for and what is answered: `video.generate`, the same for every model.

The types are loose on purpose: a duration of 99 is a number and passes here. What a model can do is decided by
`footage.order`, which reports everything at once; a type error stops at the first look at a field.
"""

from __future__ import annotations

import base64
import datetime
import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Any, Literal, cast

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictBool,
    WithJsonSchema,
    field_serializer,
    model_serializer,
    model_validator,
)
from pydantic_core import PydanticCustomError

from footage.catalogue import REGION_NAMES, offered_names
from footage.values.field_types import Number, Rate, Seconds, Text, Whole

ReferenceKind = Literal["image", "video", "voice"]
_REFERENCE = re.compile(r"(image|video|voice)=(.*)", re.DOTALL)
_REFERENCES_ALLOWED = '{"image": "ella.png"}, {"video": …}, {"voice": …}, or as text image=ella.png'


class Reference(BaseModel):
    """Somebody or something that shall appear, or be heard: one picture, clip or voice."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    kind: ReferenceKind
    source: Text

    @model_validator(mode="before")
    @classmethod
    def _read(cls, value: object) -> object:
        if isinstance(value, Reference):
            return value
        if isinstance(value, str) and (match := _REFERENCE.fullmatch(value)):
            return {"kind": match[1], "source": match[2]}
        if isinstance(value, Mapping):
            given = cast("Mapping[object, object]", value)
            if set(given) == {"kind", "source"}:
                return dict(given)
            if len(given) == 1 and next(iter(given)) in ("image", "video", "voice"):
                ((kind, source),) = given.items()
                if isinstance(source, str):
                    return {"kind": kind, "source": source}
        raise PydanticCustomError(
            "references", "each reference is {allowed}", {"allowed": _REFERENCES_ALLOWED}
        )

    @model_serializer
    def _as_given(self) -> dict[str, str]:
        return {self.kind: self.source}


def _listed(value: object) -> object:
    if value is None:
        return ()
    if not isinstance(value, list | tuple):
        raise PydanticCustomError(
            "references", "must be a list; each reference is {allowed}", {"allowed": _REFERENCES_ALLOWED}
        )
    return cast("object", value)


def _offer_models(schema: dict[str, Any]) -> None:
    schema["enum"] = [*offered_names()]


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
        "and wan2.6-i2v, fewer choices for the others. Billed by the second. -1 lets wan3.0-video choose.",
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
    last_frame: Annotated[
        Text | bytes | None, WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "null"}]})
    ] = Field(
        default=None,
        description="The picture that the clip ends with, given as the first frame is, and beside one. The "
        "seven models take no such picture; wan2.7-i2v and wan3.0-video do, once they are switched on.",
    )
    references: Annotated[
        tuple[Reference, ...],
        BeforeValidator(_listed),
        WithJsonSchema(
            {
                "type": "array",
                "items": {
                    "anyOf": [
                        {"type": "object", "properties": {kind: {"type": "string"}}, "required": [kind]}
                        for kind in ("image", "video", "voice")
                    ]
                },
            }
        ),
    ] = Field(
        default=(),
        description="Who appears or is heard, by picture, clip or voice, in the order in which the prompt counts them: "
        "Image 1, Video 1. The seven models take no references; wan2.7-r2v, wan3.0-video and the 2.6 r2v models do, "
        "once they are switched on. As text: image=ella.png.",
    )
    extend_from: Text | None = Field(
        default=None,
        description="A clip that goes on: the key of one in this store, a URL or a path. The seven models take no "
        "clip; wan2.7-i2v (duration is then the length of all) and wan3.0-video do, once they are switched on.",
    )
    motion_strength: Number | None = Field(
        default=None,
        description="How strongly things move. No Wan model has such a setting: it is reported as dropped; "
        "say it in the prompt instead.",
    )
    model: Text = Field(
        default="wan2.6-i2v-flash",
        description="One of the seven models, or one that is switched on, by exact name.",
        json_schema_extra=_offer_models,
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
    visible_label: Literal["none", "provider", "own"] = Field(
        default="none",
        description="A mark that people see. provider: as watermark, for which a page of the provider says that the "
        "model draws it; own: AI生成 is drawn here over the first 3 seconds, on a copy. It buys nothing, so the key "
        "is the same.",
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

    @property
    def asks_watermark(self) -> bool:
        """Whether the provider is asked for its own mark, by either field."""
        return self.watermark or self.visible_label == "provider"

    @field_serializer("reference_image", "last_frame", when_used="json")
    def _image_as_text(self, value: str | bytes | None) -> str | None:
        # The type inside is found from the bytes, so none is claimed.
        if isinstance(value, bytes):
            return "data:application/octet-stream;base64," + base64.b64encode(value).decode("ascii")
        return value


MEDIA_FIELDS = ("last_frame", "references", "extend_from")
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
