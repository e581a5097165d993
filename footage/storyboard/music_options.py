"""What a board says of the music under its film; nothing of it changes what is bought."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    field_validator,
    model_serializer,
    model_validator,
)

_GAIN_DB = (-60, 12)
_FADE_S = (0, 60)


class MusicOptions(BaseModel):
    """Music under the film: a file, or one with how it is laid under the clips' sound."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    file: str = Field(description="WAV, MP3, M4A, AAC or FLAC: a path, relative to the board's file.")
    gain_db: float = Field(
        default=-12.0, description="Gain in dB of what the file has, -60 to 12, before the film's loudness."
    )
    duck: bool = Field(default=True, description="Whether it goes down under the clips' sound.")
    loop: bool = Field(default=True, description="Whether it is repeated where it is shorter than the film.")
    fade_in: float = Field(default=0.0, description="Seconds that it fades in for, 0 to 60.")
    fade_out: float = Field(default=1.0, description="Seconds that it fades out for at its end, 0 to 60.")

    @model_validator(mode="before")
    @classmethod
    def _from_path(cls, value: object) -> object:
        if isinstance(value, str):
            return {"file": value}
        given = cast("Mapping[Any, Any]", value) if isinstance(value, Mapping) else None
        known = ", ".join(cls.model_fields)
        if given is None:
            raise ValueError(f"write the path of a music file, or fields: {known}")
        if not isinstance(given.get("file"), str):
            raise ValueError("write `file`, the path of the music")
        if unknown := [str(name) for name in given if name not in cls.model_fields]:
            raise ValueError(f"{unknown[0][:40]!r} is no field of music; write {known}")
        return value

    @field_validator("gain_db", mode="before")
    @classmethod
    def _gain(cls, value: object) -> object:
        return _within(value, _GAIN_DB, "dB")

    @field_validator("fade_in", "fade_out", mode="before")
    @classmethod
    def _fade(cls, value: object) -> object:
        return _within(value, _FADE_S, "seconds")

    @model_serializer(mode="wrap")
    def _only_what_was_said(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return {name: value for name, value in handler(self).items() if name in self.model_fields_set}


def or_path(schema: dict[str, Any]) -> None:
    """The JSON Schema of the field, which may be a path alone."""
    schema["anyOf"].insert(0, {"type": "string"})


def _within(value: object, bounds: tuple[float, float], unit: str) -> object:
    """Raises ValueError for what is no number from the one to the other."""
    least, most = bounds
    if isinstance(value, int | float) and not isinstance(value, bool) and least <= value <= most:
        return value
    raise ValueError(f"write {least} to {most} {unit}")
