"""The delivered shots one after the other, in one file."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Mapping, Sequence
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
from footage.storage.sha256 import sha256_of
from footage.storyboard.cut import Event, ShotOutcome, cut
from footage.storyboard.film_words import Words, words_of
from footage.storyboard.music import Music
from footage.storyboard.outputs import digest
from footage.storyboard.plan import BoardPlan, Format
from footage.storyboard.sequence import Placed, fit_of, in_film, picture_size, sequence
from footage.subtitles import iso_639_2, plain_text
from footage.values.counted import counted
from footage.values.shape_fit import Fit


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
    words: Words
    # How loud the clips were together, without music; None: not measured, because nothing was asked or heard.
    delivered_lufs: float | None
    music: Music | None

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
    is_copy: Callable[[Path], bool] = lambda _file: False,
    music: Music | None = None,
) -> Film | None:
    """Join the delivered clips in the board's order into `out`; None when there is none to join.

    A shot without a clip is left out, and so is one of another shape than the film (it stays in the timeline) where
    the board does not say how it fits: stretching it would distort it.

    Args:
        plan: The board.
        outcomes: What became of each shot, by id.
        files: The local file of each delivered clip, by shot id.
        out: An MP4 file to write.
        labelling: Who labels the film; it has one AIGC label.
        signing: With what it gets a C2PA manifest, in which each clip is an ingredient; None: it gets none.
        is_copy: Which of the files may be deleted once they are read.
        music: What is laid under it, as a file of this machine; None: nothing.

    Raises:
        BadDelivery: A clip cannot be read, or the film that was written is not whole or lost its label.
        StorageProblem: The disk does not take the result.
    """
    shots, left_out = shown_shots(plan, outcomes, files)
    if not shots:
        return None
    events = [shot.event for shot in shots]
    clips = {event.shot.id: files[event.shot.id] for event in events}
    marks = {shot_id: clip_marks(file) for shot_id, file in clips.items()}
    label, by, warnings = _label(marks, labelling, plan.format)
    words = words_of(plan, shots)
    duration_s = float(shots[-1].record_out / plan.format.fps)
    drawn = _visible_label(plan, labelling, duration_s)
    # A signature is about the clips' files as well.
    copies = [file for file in clips.values() if signing is None and is_copy(file)]
    label_s, bed = drawn.shown_s if drawn else 0.0, music.bed() if music is not None else None
    joined = _joined(plan, shots, clips, out, label, label_s, _text(words), bed, copies)
    if problems := media.walk(out):
        raise BadDelivery(f"The film that was written is not whole: {problems[0]}.")
    written = read_marks(out)
    if label is not None and written.values != (label.encode(errors="surrogateescape"),):
        raise BadDelivery("The film that was written has not the AIGC label that it has to have.")
    if signing is not None:
        try:
            written = _signed(plan, clips, out, signing)
        except NotSignedError as error:
            warnings = (*warnings, f"The film has no C2PA manifest of yours: {error}.")
    ended = sum(clip.marks.manifest is not None for clip in marks.values())
    if ended and written.manifest is None:
        warnings = (
            *warnings,
            f"The C2PA manifests of {counted(ended, 'clip')} are not in the film; the clips keep them.",
        )
    return Film(
        duration_s,
        tuple(clips),
        tuple(event.shot.id for event in events if not _fits(event, plan.format)),
        left_out,
        tuple(list(clips)[place] for place in joined.encoded),
        drawn,
        FilmLabel(written, marks, by, (*warnings, *(f"Of the film: {said}" for said in written.problems()))),
        words,
        joined.delivered_lufs,
        music,
    )


def film_inputs(
    plan: BoardPlan,
    outcomes: Mapping[str, ShotOutcome],
    there: Collection[str],
    labelling: Labelling,
    signing: Signing | None,
) -> dict[str, str]:
    """Everything that a film of these shots is made from, as hashes by name: the same for the same film."""
    shots, left_out = shown_shots(plan, outcomes, there)
    frames = [
        (shot.event.shot.id, shot.source_in, shot.source_out, shot.into_next, shot.from_last, shot.encoded)
        for shot in shots
    ]
    # Not where a file lies: words and music are told by what is in them; size and fit are those of the format.
    told_elsewhere = {"thumbnail", "media_root", "size", "fit", "subtitles", "music"}
    wanted = plan.board.film.model_dump(exclude=told_elsewhere)
    music = plan.music.facts() if plan.music is not None else None
    words = words_of(plan, shots)
    asked = digest(plan.board.title, wanted, music, plan.format, frames, left_out, labelling, signing)
    return {"frames and settings": asked, "words": digest(words.tracks, words.chapters)}


def shown_shots(
    plan: BoardPlan, outcomes: Mapping[str, ShotOutcome], there: Collection[str]
) -> tuple[tuple[Placed, ...], dict[str, str]]:
    """The shots in the film, and those that are not in it with the reason; `there` is which of them have a clip."""
    left_out = _left_out(plan, outcomes, there)
    events = [event for event in cut(plan, outcomes) if event.shot.id not in left_out]
    return sequence(plan, events), left_out


def _left_out(plan: BoardPlan, outcomes: Mapping[str, ShotOutcome], there: Collection[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for event in cut(plan, outcomes):
        clip = event.clip
        if clip is None or event.shot.id not in there:
            found[event.shot.id] = "it has no clip"
        elif not in_film(event, plan.format):
            size = f"{plan.format.width}*{plan.format.height}"
            found[event.shot.id] = f"its shape {clip.size} is not the film's {size}"
    return found


def _joined(
    plan: BoardPlan,
    shots: Sequence[Placed],
    clips: Mapping[str, Path],
    out: Path,
    label: str | None,
    visible_label_s: float,
    text: media.FilmText,
    bed: media.Bed | None,
    copies: Sequence[Path],
) -> media.Joined:
    """Copy the clips one after the other where they only follow each other; encode them where they do not."""
    wanted, lufs = plan.format, plan.board.film.loudness_lufs
    if any(shot.into_next is not None for shot in shots):
        shown = [_shown(shot, clips[shot.event.shot.id], wanted) for shot in shots]
        size = (wanted.width, wanted.height)
        return media.compose(
            shown, out, fps=wanted.fps, size=size, label=label, visible_label_s=visible_label_s, text=text,
            lufs=lufs, bed=bed,
        )  # fmt: skip
    convert: dict[int, Fit | None] = {
        place: _fit(shot.event, wanted) for place, shot in enumerate(shots) if not _fits(shot.event, wanted)
    }
    return media.join(
        [clips[shot.event.shot.id] for shot in shots], out,
        fps=wanted.fps, size=(wanted.width, wanted.height), convert=convert, label=label,
        visible_label_s=visible_label_s, text=text, lufs=lufs, bed=bed, copies=copies,
    )  # fmt: skip


def _shown(shot: Placed, file: Path, wanted: Format) -> media.ShownClip:
    before, after = shot.from_last, shot.into_next
    dissolves_in = before is not None and before.kind == "dissolve"
    dissolves_out = after is not None and after.kind == "dissolve"
    return media.ShownClip(
        file,
        first=shot.source_in - (before.before if before is not None and dissolves_in else 0),
        last=shot.source_out + (after.after if after is not None and dissolves_out else 0),
        overlap=after.frames if after is not None and dissolves_out else 0,
        fade_in=before.after if before is not None and not dissolves_in else 0,
        fade_out=after.before if after is not None and not dissolves_out else 0,
        fit=_fit(shot.event, wanted),
    )


def _text(words: Words) -> media.FilmText:
    tracks = [
        (iso_639_2(track.language), [(cue.start_s, cue.end_s, plain_text(cue)) for cue in track.cues])
        for track in words.tracks
    ]
    return media.FilmText(tracks, words.chapters)


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
    clips: Mapping[str, ClipMarks], labelling: Labelling, wanted: Format
) -> tuple[str | None, Literal["operator", "clip"] | None, tuple[str, ...]]:
    """The film's one label, who wrote it, and what to know about it."""
    if labelling.films and labelling.producer is not None:
        # Of the clips in it, so that the same film has the same number; where sizes are asked, each film has its own.
        size = f"{wanted.width}x{wanted.height}" if wanted.fit is not None else ""
        made_of = "".join([*(clip.sha256 for clip in clips.values()), size])
        content = hashlib.sha256(made_of.encode()).hexdigest()
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


def _fits(event: Event, wanted: Format) -> bool:
    return event.clip is not None and (*picture_size(event.clip), event.fps) == (
        wanted.width, wanted.height, wanted.fps,
    )  # fmt: skip


def _fit(event: Event, wanted: Format) -> Fit | None:
    return None if event.clip is None else fit_of(event.clip, wanted)
