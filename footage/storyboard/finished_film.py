"""A film that is there, made now or by an earlier run: what is told of it."""

from __future__ import annotations

import json
from base64 import b64decode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, ValidationError

from footage.storage.sha256 import sha256_of
from footage.storyboard.film_words import Words

if TYPE_CHECKING:
    from footage.storyboard.film import Film
    from footage.storyboard.sequence import Placed


@dataclass(frozen=True)
class FinishedFilm:
    """A film's length in seconds, the ids of the shots in it, and what its documents say."""

    duration_s: float
    included: list[str]
    # Of report.json and film.labels.json.
    report: dict[str, Any]
    labels: dict[str, Any]
    words: Words

    @property
    def label(self) -> str | None:
        """Its AIGC label, byte for byte: what is no UTF-8 in it comes as surrogates."""
        first: dict[str, str] = next(iter(self.labels["film"]["marks"]["aigc"]), {})
        if "base64" in first:
            return b64decode(first["base64"]).decode(errors="surrogateescape")
        return first.get("text")

    @property
    def warnings(self) -> tuple[str, ...]:
        """What to know about its marks and its words."""
        return (*self.labels["film"]["warnings"], *self.words.warnings)

    def labels_json(self) -> bytes:
        """The document film.labels.json."""
        return (json.dumps(self.labels, ensure_ascii=False, indent=2, default=str) + "\n").encode()

    def facts(self) -> dict[str, Any]:
        """What is kept of it for the next run; the rest follows from the board, and its labels have a file."""
        return {"report": self.report}


class _Facts(BaseModel):
    """What outputs.json keeps of a film; whoever can write the store can write it."""

    report: dict[str, Any]


class _FilmLabels(BaseModel):
    model_config = ConfigDict(extra="allow")

    marks: dict[str, Any]
    warnings: list[str]


class _Labels(BaseModel):
    model_config = ConfigDict(extra="allow")

    film: _FilmLabels
    clips: list[dict[str, Any]]


def as_kept(
    facts: Mapping[str, Any], labels: bytes, shots: Sequence[Placed], fps: Fraction, words: Words
) -> FinishedFilm | None:
    """A film of these shots that an earlier run made; None where what outputs.json and its labels say does not fit."""
    try:
        kept, marks = _Facts.model_validate(facts), _Labels.model_validate_json(labels)
        film = FinishedFilm(
            float(shots[-1].record_out / fps),
            [shot.event.shot.id for shot in shots],
            kept.report,
            marks.model_dump(mode="json"),
            words,
        )
        _ = film.label
    except (ValidationError, ValueError, LookupError, TypeError, AttributeError):
        return None
    return film


def finished(film: Film, file: Path, keys: Mapping[str, str]) -> FinishedFilm:
    """What is told of a film that was just written to `file`; `keys` are those of its clips, by shot id."""
    return FinishedFilm(
        film.duration_s,
        list(film.included),
        _report(film),
        _labels(film, file, keys),
        film.words,
    )


def _report(film: Film) -> dict[str, Any]:
    """What the report says of a film; its labels and subtitles have files of their own."""
    others = ("label", "words")
    facts = {field.name: getattr(film, field.name) for field in fields(film) if field.name not in others}
    report = {
        **facts,
        "copied": film.copied,
        "music": film.music.facts() if film.music else None,
        "visible_label": film.visible_label.to_json() if film.visible_label else None,
        "left_out": dict(film.left_out),
        "subtitles": [track.language for track in film.words.tracks],
        "warnings": [*film.label.warnings, *film.words.warnings],
    }
    # As it is when it is read again.
    return json.loads(json.dumps(report, ensure_ascii=False, default=str))


def _labels(film: Film, file: Path, keys: Mapping[str, str]) -> dict[str, Any]:
    label = film.label
    return {
        "film": {
            "sha256": sha256_of(file),
            "labelled_by": label.by,
            "visible_label": film.visible_label.to_json() if film.visible_label else None,
            "marks": label.film.to_json(),
            "warnings": list(label.warnings),
        },
        "clips": [
            {
                "shot": shot_id,
                "key": keys[shot_id],
                "sha256": clip.sha256,
                "marks": clip.marks.to_json(),
            }
            for shot_id, clip in label.clips.items()
        ],
    }
