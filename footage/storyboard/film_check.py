"""What a board wants of its film, checked with the lengths that are planned, before anything is bought."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from footage.errors import Problem
from footage.storyboard.cut import cut
from footage.storyboard.film_sizes import shape_warnings
from footage.storyboard.film_words import words_of
from footage.storyboard.sequence import Placed, planned_in_film, sequence, transition_s

if TYPE_CHECKING:
    from footage.storyboard.plan import BoardPlan, ShotPlan


def transition_problems(plan: BoardPlan) -> list[Problem]:
    """The transitions that a film cannot be made with; none where the board leaves them to the editor."""
    if not plan.board.film.transitions:
        return []
    return [
        Problem(f"shots[{shot.id}].transition", _named(shot), message, allowed)
        for shot, message, allowed in (*_without_partner(plan), *_too_long(plan))
    ]


def film_warnings(plan: BoardPlan) -> tuple[str, ...]:
    """What to know of shapes, subtitles, music and transitions before the clips are there."""
    shots = sequence(plan, cut(plan, {}))
    said = (*shape_warnings(plan), *words_of(plan, shots).warnings, *_about_music(plan, shots))
    if plan.board.film.transitions:
        return said
    return (
        *said,
        *(f"shot {shot.id}: its {_named(shot)}: {message}" for shot, message, _ in _too_long(plan)),
    )


def _about_music(plan: BoardPlan, shots: Sequence[Placed]) -> Iterator[str]:
    music = plan.music
    if music is None:
        return
    if music.file is None:
        yield f"film.music: {music.name} is not here; the one that the board's folder keeps is used"
    lasts_s = float(shots[-1].record_out / plan.format.fps) if shots else 0.0
    if not music.options.loop and music.duration_s < lasts_s:
        yield (
            f"film.music: {music.name} lasts {music.duration_s:.1f} s, is not repeated, and the film lasts "
            f"{lasts_s:.1f} s"
        )


def _named(shot: ShotPlan) -> str:
    return f"{shot.shot.transition.kind} of {transition_s(shot.shot.transition.seconds):g} s"


def _wanted(plan: BoardPlan) -> Iterator[tuple[ShotPlan, ShotPlan | None]]:
    """Every shot that has a transition, and the next one."""
    for shot, after in zip(plan.shots, [*plan.shots[1:], None], strict=True):
        if shot.shot.transition.kind != "cut":
            yield shot, after


def _without_partner(plan: BoardPlan) -> Iterator[tuple[ShotPlan, str, str]]:
    for shot, after in _wanted(plan):
        if after is None and shot.shot.transition.kind == "dissolve":
            yield shot, "there is no next shot to dissolve into", "cut, fade"
        for other in filter(None, (shot, after)):
            if not planned_in_film(other.expected, plan.format):
                yield shot, f"shot {other.id} is not of the film's shape and will not be in it", "cut"


def _too_long(plan: BoardPlan) -> Iterator[tuple[ShotPlan, str, str]]:
    for shot, after in _wanted(plan):
        shortest = min((shot, after or shot), key=lambda one: one.expected.duration_s)
        most_s = float(shortest.expected.duration_s) / 2
        if transition_s(shot.shot.transition.seconds) > most_s:
            lasts = f"{shortest.expected.duration_s:g} s"
            yield (
                shot,
                f"it is longer than half of shot {shortest.id}, which lasts {lasts}",
                f"at most {most_s:g} s",
            )
