"""The delivered shots one after the other, in one file."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from footage import media
from footage.errors import BadDelivery
from footage.marks import (
    UNNAMED,
    Labelling,
    Marks,
    NotSignedError,
    Signing,
    Statement,
    made_label,
    read_marks,
    sign_file,
)
from footage.marks.visible_label import VisibleLabel, visible_label
from footage.request import VideoResponse
from footage.storage.sha256 import sha256_of
from footage.storyboard.cut import ShotOutcome, cut
from footage.storyboard.plan import BoardPlan, Format
from footage.values.frame_rate import exact_rate

# A clip is stretched to the film's size only where nobody sees it: i2v models round the sides to steps of 16,
# which is at most 16 of 480 pixels.
_SAME_SHAPE = 0.04


@dataclass(frozen=True)
class Film:
    """A finished film: its length, and its shot ids by what was done with them."""

    duration_s: float
    included: tuple[str, ...]
    # Converted to the film's size and rate on the way.
    converted: tuple[str, ...]
    # Not in the film, with the reason.
    left_out: Mapping[str, str]
    # Encoded again because the clips are not alike, or the visible label lies over them.
    encoded: tuple[str, ...]
    visible_label: VisibleLabel | None
    label: FilmLabel

    @property
    def copied(self) -> bool:
        """Whether the pictures are the delivered ones, untouched, but for those that were converted."""
        return not self.encoded


@dataclass(frozen=True)
class FilmLabel:
    """The marks of a film and of the clips in it, by shot id; `warnings` is what to know about the film's own."""

    film: Marks
    clips: Mapping[str, ClipMarks]
    # Who wrote it: the operator, or a clip's producer whose label was taken over; None: the film has none.
    by: Literal["operator", "clip"] | None
    warnings: tuple[str, ...]


@dataclass(frozen=True)
class ClipMarks:
    """The marks of a clip as it was delivered, and which bytes that are."""

    sha256: str
    marks: Marks


def make_film(
    plan: BoardPlan,
    outcomes: Mapping[str, ShotOutcome],
    files: Mapping[str, Path],
    out: Path,
    labelling: Labelling = UNNAMED,
    signing: Signing | None = None,
) -> Film | None:
    """Join the delivered clips in the board's order into `out`; None when there is none to join.

    A shot without a clip is left out, and so is one of another shape than the film (it stays in the timeline):
    stretching it would distort it.

    Args:
        plan: The board.
        outcomes: What became of each shot, by id.
        files: The local file of each delivered clip, by shot id.
        out: An MP4 file to write.
        labelling: Who labels the film; it has one AIGC label.
        signing: With what it gets a C2PA manifest, in which each clip is an ingredient; None: it gets none.

    Raises:
        BadDelivery: A clip cannot be read, or the film that was written is not whole or lost its label.
        StorageProblem: The disk does not take the result.
    """
    left_out: dict[str, str] = {}
    converted: list[str] = []
    clips: dict[str, Path] = {}
    marks: dict[str, ClipMarks] = {}
    duration_s = 0.0
    with tempfile.TemporaryDirectory(dir=out.parent, prefix="film-") as folder:
        for event in cut(plan, outcomes):
            shot_id, clip = event.shot.id, event.clip
            file = files.get(shot_id)
            if file is None or clip is None:
                left_out[shot_id] = "it has no clip"
                continue
            if not _same_shape(clip, plan.format):
                size = f"{plan.format.width}*{plan.format.height}"
                left_out[shot_id] = f"its shape {clip.size} is not the film's {size}"
                continue
            if not _fits(clip, plan.format):
                converted.append(shot_id)
                file = _converted(file, clip, plan.format, Path(folder) / f"{event.shot.number}.mp4")
            marks[shot_id] = clip_marks(files[shot_id])
            clips[shot_id] = file
            duration_s += event.duration_s
        if not clips:
            return None
        label, by, warnings = _label(marks, labelling)
        drawn = _visible_label(plan, labelling, duration_s)
        shown_s = drawn.shown_s if drawn else 0.0
        encoded = media.join(list(clips.values()), out, label=label, visible_label_s=shown_s)
    if problems := media.walk(out):
        raise BadDelivery(f"The film that was written is not whole: {problems[0]}.")
    written = read_marks(out)
    if label is not None and written.values != (label.encode(errors="surrogateescape"),):
        raise BadDelivery("The film that was written has not the AIGC label that it has to have.")
    if signing is not None:
        try:
            written = _signed(plan, {shot_id: files[shot_id] for shot_id in clips}, out, signing)
        except NotSignedError as error:
            warnings = (*warnings, f"The film has no C2PA manifest of yours: {error}.")
    ended = sum(clip.marks.manifest is not None for clip in marks.values())
    if ended and written.manifest is None:
        warnings = (
            *warnings,
            f"The C2PA manifests of {ended} clips are not in the film; the clips keep them.",
        )
    return Film(
        duration_s,
        tuple(clips),
        tuple(converted),
        left_out,
        tuple(list(clips)[place] for place in encoded),
        drawn,
        FilmLabel(written, marks, by, (*warnings, *(f"Of the film: {said}" for said in written.problems()))),
    )


def _signed(plan: BoardPlan, clips: Mapping[str, Path], film: Path, signing: Signing) -> Marks:
    """Put a signed film in the place of the unsigned one; its marks."""
    signed = film.with_name("signed.mp4")
    statement = Statement(title=plan.board.title, parts=list(clips.items()))
    marks = sign_file(film, signed, statement, signing)
    signed.replace(film)
    return marks


def has_visible_label(plan: BoardPlan, labelling: Labelling) -> bool:
    """Whether the visible label is drawn over the film: as its board says, else as the operator does."""
    wanted = plan.board.film.visible_label
    return labelling.visible_films if wanted is None else wanted == "own"


def _visible_label(plan: BoardPlan, labelling: Labelling, duration_s: float) -> VisibleLabel | None:
    if not has_visible_label(plan, labelling):
        return None
    return visible_label(plan.format.width, plan.format.height, duration_s)


def clip_marks(file: Path) -> ClipMarks:
    return ClipMarks(sha256_of(file), read_marks(file))


def _label(
    clips: Mapping[str, ClipMarks], labelling: Labelling
) -> tuple[str | None, Literal["operator", "clip"] | None, tuple[str, ...]]:
    """The film's one label, who wrote it, and what to know about it."""
    if labelling.films and labelling.producer is not None:
        # Of the clips in it, so that the same film has the same number.
        content = hashlib.sha256("".join(clip.sha256 for clip in clips.values()).encode()).hexdigest()
        return made_label(labelling.producer, f"film-{content[:32]}"), "operator", ()
    labels = [label for clip in clips.values() for label in clip.marks.labels]
    # Before any other one that is in order.
    label = min(labels, key=lambda label: bool(label.problems), default=None)
    warnings: tuple[str, ...] = ()
    if labelling.films:
        has = "has no AIGC label" if label is None else "has the AIGC label of a clip in it"
        warnings = (f"The film is not labelled in your name: it {has}; set WAN_VIDEO_LABEL_PRODUCER.",)
    if label is None:
        return None, None, warnings
    return label.value.decode(errors="surrogateescape"), "clip", warnings


def _size(clip: VideoResponse) -> tuple[int, int]:
    width, height = clip.size.split("*")
    return int(width), int(height)


def _fits(clip: VideoResponse, wanted: Format) -> bool:
    return _size(clip) == (wanted.width, wanted.height) and exact_rate(clip.fps) == wanted.fps


def _same_shape(clip: VideoResponse, wanted: Format) -> bool:
    width, height = _size(clip)
    return abs(width / height / (wanted.width / wanted.height) - 1) <= _SAME_SHAPE


def _converted(file: Path, clip: VideoResponse, wanted: Format, out: Path) -> Path:
    size = (wanted.width, wanted.height)
    media.conform(
        file,
        out,
        fps=None if exact_rate(clip.fps) == wanted.fps else wanted.fps,
        size=None if _size(clip) == size else size,
    )
    return out
