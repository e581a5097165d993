"""What is said in the film: subtitles of its dialogue, and chapters of its scenes.

Nothing tells when in a clip something is said. So a cue begins a moment after its shot and is shown as long as it
takes to be read; what its shot has no time for is shown shorter and told, never cut off.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, NamedTuple

from footage.privacy.redact import redact
from footage.storyboard.film_options import FilmOptions
from footage.storyboard.sequence import Placed
from footage.subtitles import Cue, Language, Page, language_named, language_of, pages
from footage.values.counted import counted

if TYPE_CHECKING:
    from footage.storyboard.plan import BoardPlan

# Netflix's timed text style guide (2026): at least 5/6 s, two frames between two cues. A cue that appears with the
# cut itself is taken for a part of the picture.
_AFTER_CUT_S = Fraction(1, 5)
_LEAST_S = 5 / 6
_GAP_FRAMES = 2
# YouTube takes a list of chapters that begins at 0:00, has three, and none of which is shorter (read 2026-09).
_LEAST_CHAPTERS = 3
_LEAST_CHAPTER_S = 10


@dataclass(frozen=True)
class Track:
    """The subtitles of one language, in seconds of the film."""

    language: str
    cues: tuple[Cue, ...]


class Chapter(NamedTuple):
    start_s: float
    end_s: float
    title: str


@dataclass(frozen=True)
class Words:
    """Subtitles, chapters, and what to know about them."""

    tracks: tuple[Track, ...]
    chapters: tuple[Chapter, ...]
    warnings: tuple[str, ...]


def words_of(plan: BoardPlan, shots: Sequence[Placed]) -> Words:
    """The subtitles and chapters of a film of these shots."""
    settings = plan.board.film
    warnings: list[str] = []
    tracks: dict[str, list[Cue]] = {}
    if settings.subtitles is not False:
        for shot in shots:
            for language, cues in _of_shot(plan, shot, warnings):
                tracks.setdefault(language, []).extend(cues)
        end_s = float(shots[-1].record_out / plan.format.fps) if shots else 0.0
        for language, cues in plan.subtitles.film.items():
            tracks[language] = _within(cues, 0.0, 0.0, end_s, f"film.subtitles ({language})", warnings)
    found = tuple(Track(language, tuple(cues)) for language, cues in sorted(tracks.items()) if cues)
    wanted = settings.chapters and (found or settings.asked)
    return Words(found, _chapters(plan, shots) if wanted else (), tuple(warnings))


def chapter_list(chapters: Sequence[Chapter]) -> str | None:
    """The chapters as text for the description of an upload, short ones merged; None where platforms take none."""
    merged: list[Chapter] = []
    for chapter in chapters:
        if merged and merged[-1].end_s - merged[-1].start_s < _LEAST_CHAPTER_S:
            merged[-1] = merged[-1]._replace(end_s=chapter.end_s)
        else:
            merged.append(chapter)
    if len(merged) > 1 and merged[-1].end_s - merged[-1].start_s < _LEAST_CHAPTER_S:
        last = merged.pop()
        merged[-1] = merged[-1]._replace(end_s=last.end_s)
    if len(merged) < _LEAST_CHAPTERS:
        return None
    hours = merged[-1].start_s >= 3600
    return "".join(f"{_clock(chapter.start_s, hours=hours)} {chapter.title}\n" for chapter in merged)


def _clock(start_s: float, *, hours: bool) -> str:
    minutes, seconds = divmod(int(start_s), 60)
    return f"{minutes // 60}:{minutes % 60:02d}:{seconds:02d}" if hours else f"{minutes}:{seconds:02d}"


def _chapters(plan: BoardPlan, shots: Sequence[Placed]) -> tuple[Chapter, ...]:
    """One for each scene, or for each shot where the board has no scenes."""
    starts: list[tuple[float, str]] = []
    scene: object = None
    has_scenes = any(shot.event.shot.shot.scene or shot.event.shot.shot.slug for shot in shots)
    for shot in shots:
        of = shot.event.shot.shot
        this = (of.scene, of.slug) if has_scenes else of.id
        if this == scene:
            continue
        scene = this
        title = of.slug or (f"Scene {of.scene}" if has_scenes and of.scene else None) or of.title or of.id
        starts.append((float(shot.record_in / plan.format.fps), " ".join(redact(title).split())))
    ends = (
        [start for start, _ in starts[1:]] + [float(shots[-1].record_out / plan.format.fps)] if shots else []
    )
    return tuple(Chapter(start, end, title) for (start, title), end in zip(starts, ends, strict=True))


def _of_shot(plan: BoardPlan, shot: Placed, warnings: list[str]) -> Iterator[tuple[str, list[Cue]]]:
    """The cues of one shot by language: those of its own files, and its dialogue where there is none instead."""
    said = shot.event.shot.shot
    given = plan.subtitles.shots.get(said.id, {})
    fps = plan.format.fps
    for language, cues in given.items():
        start_s, end_s = float(shot.record_in / fps), float(shot.record_out / fps)
        later_s = start_s - float(shot.source_in / fps)
        yield language, _within(cues, later_s, start_s, end_s, f"shot {said.id}", warnings)
    if not said.dialogue or isinstance(said.subtitles, str):
        return
    language = _language(plan.board.film, said.dialogue)
    if language.tag not in given and language.tag not in plan.subtitles.film:
        yield language.tag, _timed(shot, pages(redact(said.dialogue), language), language, fps, warnings)


def _language(settings: FilmOptions, text: str) -> Language:
    return language_named(settings.language) if settings.language is not None else language_of(text)


def _timed(
    shot: Placed, shown: Sequence[Page], language: Language, fps: Fraction, warnings: list[str]
) -> list[Cue]:
    """Cues at whole frames, one after the other within the shot."""
    if not shown:
        return []
    first, last = shot.record_in + math.ceil(_AFTER_CUT_S * fps), shot.record_out - _GAP_FRAMES
    if last - first < len(shown) * (1 + _GAP_FRAMES):
        first, last = shot.record_in, shot.record_out
    needed = [
        math.ceil(max(_LEAST_S, page.chars / language.chars_per_second) * fps) + _GAP_FRAMES for page in shown
    ]
    room = last - first + _GAP_FRAMES
    if sum(needed) > room:
        takes_s, has_s = (float((frames - _GAP_FRAMES) / fps) for frames in (sum(needed), room))
        warnings.append(
            f"shot {shot.event.shot.shot.id}: reading its dialogue takes {takes_s:.1f} s and the shot has "
            f"{has_s:.1f} s; shorten it, or make the shot longer"
        )
        # From sums, so that rounding does not add up and the last one ends with the shot.
        ends = [sum(needed[: n + 1]) * room // sum(needed) for n in range(len(needed))]
        needed = [end - start for start, end in zip([0, *ends], ends, strict=False)]
    cues: list[Cue] = []
    for page, frames in zip(shown, needed, strict=True):
        end = first + max(1, frames - _GAP_FRAMES)
        cues.append(Cue(float(first / fps), float(end / fps), page.text))
        first += frames
    return cues


def _within(
    cues: Sequence[Cue], later_s: float, start_s: float, end_s: float, of: str, warnings: list[str]
) -> list[Cue]:
    """Cues of a file at their place in the film, cut to what is shown of the clip."""
    placed = [
        Cue(max(start_s, cue.start_s + later_s), min(end_s, cue.end_s + later_s), redact(cue.text))
        for cue in cues
    ]
    shown = [cue for cue in placed if cue.start_s < cue.end_s]
    if lost := len(placed) - len(shown):
        warnings.append(
            f"{of}: not in the film: {counted(lost, 'subtitle')} of its file, beginning where it has ended"
        )
    return shown
