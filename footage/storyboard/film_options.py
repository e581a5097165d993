"""What a board asks of its film beyond the clips one after the other; nothing of it changes what is bought."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    ValidationInfo,
    field_validator,
    model_serializer,
)

from footage.storyboard.film_sizes import FilmSizes
from footage.storyboard.media_root import MediaRoot
from footage.storyboard.music_options import MusicOptions, or_path
from footage.subtitles import language_named
from footage.values.shape_fit import Fit

# Integrated loudness in LUFS. Sources: EBU R 128, ATSC A/85, and Google's Transcoder API's table for stereo on the
# web and for streaming services, read 2026-11.
LOUDNESS_LUFS: dict[str, float] = {"web": -16.0, "streaming": -14.0, "ebu": -23.0, "atsc": -24.0}

AS_DELIVERED = "as delivered"

# A path, or a path for each language tag.
SubtitleFiles = str | dict[str, str]


def checked_tags(files: SubtitleFiles | bool | None) -> SubtitleFiles | bool | None:
    """Raises ValueError for a language that is no tag."""
    for tag in files if isinstance(files, dict) else ():
        _checked_tag(tag)
    return files


def _checked_tag(tag: str) -> str:
    try:
        return language_named(tag).tag
    except ValueError:
        raise ValueError(f"{tag!r} is no language tag; write one such as en, zh, zh-Hant") from None


class FilmOptions(BaseModel):
    """How the film is finished. What is not asked for stays as it is delivered."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    transitions: bool = Field(
        default=False,
        description="Make the shots' dissolves and fades in film and timelines; the film is then encoded. Without "
        "it they are marked for the editor.",
    )
    loudness: float | str | None = Field(
        default=None,
        description="Loudness of the film's sound in LUFS (-40 to -8), or web (-16), streaming (-14), ebu (-23), "
        "atsc (-24), as delivered. Not said: -16 where there are transitions or music, else as delivered.",
    )
    language: str | None = Field(
        default=None, description="Language of all dialogue, such as en or zh; else told by its script."
    )
    subtitles: bool | SubtitleFiles = Field(
        default=True,
        description="Whether dialogue becomes subtitles; or SRT or WebVTT files for the whole film that are taken "
        "instead: a path, or a path for each language.",
    )
    chapters: bool = Field(
        default=True, description="Whether a film with subtitles or `film` settings has chapters."
    )

    size: FilmSizes | None = Field(
        default=None,
        description="Size of the film such as 1280*720, or several for a film of each: [1280*720, 720*1280]. Every "
        "shot is then in it. Not said: what most shots have; those of another shape are left out.",
    )
    fit: Fit | None = Field(
        default=None,
        description="How shots of another shape meet `size`: pad shows them between black bars, crop fills the film "
        "and cuts the rest. Not said: pad.",
    )
    music: MusicOptions | None = Field(
        default=None,
        description="Music under the film's sound: a path, or fields.",
        json_schema_extra=or_path,
    )
    visible_label: Literal["none", "own"] | None = Field(
        default=None,
        description="own: AI生成 is drawn over the opening of the film; its clips stay as they are. Not given: as the "
        "operator's setting WAN_VIDEO_FILM_VISIBLE_LABEL says.",
    )
    thumbnail: bool = Field(
        default=False,
        description="Whether thumbnail.jpg is made, of the sharpest frame, and thumbnails.jpg to choose another.",
    )
    media_root: MediaRoot | None = Field(
        default=None,
        description="Folder that holds `videos` on the editor's machine, for timeline.xml and timeline.otio: "
        "D:\\films, /Volumes/films. Not said: paths are relative to the file.",
    )

    @field_validator("loudness", mode="before")
    @classmethod
    def _loudness(cls, value: object) -> object:
        number = isinstance(value, int | float) and not isinstance(value, bool) and -40 <= value <= -8
        if value is None or number or value in (*LOUDNESS_LUFS, AS_DELIVERED):
            return value
        raise ValueError(f"write -40 to -8 LUFS, {', '.join(LOUDNESS_LUFS)} or {AS_DELIVERED}")

    @field_validator("fit")
    @classmethod
    def _into_a_size(cls, value: Fit | None, info: ValidationInfo) -> Fit | None:
        # Not there where the size is refused itself.
        if value is not None and info.data.get("size", value) is None:
            raise ValueError("it says how shots meet film.size, which is not said; write size: 1280*720")
        return value

    @field_validator("language")
    @classmethod
    def _tag(cls, value: str | None) -> str | None:
        return None if value is None else _checked_tag(value)

    @field_validator("subtitles", mode="before")
    @classmethod
    def _files(cls, value: object) -> object:
        if isinstance(value, bool | str | Mapping):
            return value
        raise ValueError("write false, a path, or a path for each language")

    @field_validator("subtitles")
    @classmethod
    def _tags(cls, value: bool | SubtitleFiles) -> bool | SubtitleFiles:
        checked_tags(value)
        return value

    @model_serializer(mode="wrap")
    def _only_what_was_said(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return {
            name: value
            for name, value in handler(self).items()
            if name in self.model_fields_set and value is not None
        }

    @property
    def asked(self) -> bool:
        """Whether the board says anything of its film but who labels it."""
        return bool(self.model_fields_set - {"visible_label"})

    @property
    def loudness_lufs(self) -> float | None:
        """What the sound is brought to; None: it stays as it is."""
        if self.loudness is None:
            return LOUDNESS_LUFS["web"] if self.transitions or self.music else None
        if isinstance(self.loudness, str):
            return LOUDNESS_LUFS.get(self.loudness)
        return self.loudness
