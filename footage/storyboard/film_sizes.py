"""The sizes that a board asks of its film, and which shots have another shape.

Without a size the film has what most shots have, and shots of another shape are not in it. With one, every shot is:
`fit` says how it meets the film's shape. Of several sizes each one is a film of its own, the first of them the one that
timelines and dailies follow.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any, cast

from pydantic import BeforeValidator, PlainSerializer, WithJsonSchema

from footage.storyboard.sequence import planned_in_film, planned_same_shape
from footage.values.counted import counted

if TYPE_CHECKING:
    from footage.storyboard.film_options import FilmOptions
    from footage.storyboard.plan import BoardPlan, Format, ShotPlan

_SIZE = re.compile(r"([1-9][0-9]{0,4})[*x]([1-9][0-9]{0,4})")
FILM = "film.mp4"
_FURTHER_FILM = re.compile(r"film\.[0-9]+x[0-9]+\.mp4")
_LEAST, _MOST = 128, 4096
# The largest picture of H.264 up to level 5.2: 36,864 blocks of 16*16 (ITU-T H.264, table A-1).
_MOST_PIXELS = 36_864 * 256
# The usual shapes are six; each size is encoded for itself.
_MOST_SIZES = 6
_ALLOWED = (
    f"width*height such as 1280*720: even numbers from {_LEAST} to {_MOST}, together at most 4096*2304 pixels"
)


def _sizes(value: object) -> object:
    """Raises ValueError for what is no size of a film, and where a size is said twice."""
    if value is None:
        return None
    many = isinstance(value, list | tuple)
    given = cast("Sequence[object]", value) if many else [value]
    if not 1 <= len(given) <= _MOST_SIZES:
        raise ValueError(f"{len(given)} sizes; write 1 to {_MOST_SIZES} of them")
    found = tuple(_size(one, f"size {n} of them: " if many else "") for n, one in enumerate(given, start=1))
    if len(set(found)) < len(found):
        raise ValueError("the same size stands twice; every size is a film of its own")
    return found


def _size(value: object, which: str) -> tuple[int, int]:
    match = _SIZE.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise ValueError(f"{which}write {_ALLOWED}")
    width, height = int(match[1]), int(match[2])
    if any(side % 2 or not _LEAST <= side <= _MOST for side in (width, height)) or (
        width * height > _MOST_PIXELS
    ):
        raise ValueError(f"{which}{match[0]} cannot be encoded; write {_ALLOWED}")
    return width, height


def _written(sizes: tuple[tuple[int, int], ...] | None) -> Any:
    if sizes is None:
        return None
    texts = [f"{width}*{height}" for width, height in sizes]
    return texts[0] if len(texts) == 1 else texts


_TEXT = {"type": "string", "pattern": r"^\d+[*x]\d+$"}

FilmSizes = Annotated[
    tuple[tuple[int, int], ...],
    BeforeValidator(_sizes),
    PlainSerializer(_written),
    WithJsonSchema(
        {"anyOf": [_TEXT, {"type": "array", "items": _TEXT, "minItems": 1, "maxItems": _MOST_SIZES}]}
    ),
]


def film_formats(film: FilmOptions, of_most_shots: Format) -> tuple[Format, ...]:
    """The format of each film that the board asks for; at the rate that most shots have."""
    if film.size is None:
        return (of_most_shots,)
    fit = film.fit or "pad"
    return tuple(replace(of_most_shots, width=width, height=height, fit=fit) for width, height in film.size)


def further_film(wanted: Format) -> str:
    """The file name of a film of a further size."""
    return f"film.{wanted.width}x{wanted.height}.mp4"


def labels_of(film: str) -> str:
    """The file name of a film's marks and those of its clips."""
    return f"{film.removesuffix('.mp4')}.labels.json"


def films_with_labels(names: Iterable[str]) -> list[str]:
    """The films of a board by the names of the files in its folder: those beside which their marks lie, by size."""
    there = set(names)
    found = sorted(name for name in there if _FURTHER_FILM.fullmatch(name) and labels_of(name) in there)
    return [FILM, *found]


def shape_warnings(plan: BoardPlan) -> Iterator[str]:
    """Which shots are converted for the film, fitted into it, or left out of it."""
    for wanted in (plan.format, *plan.further_formats):
        size = f"{wanted.width}*{wanted.height}"
        odd = [shot for shot in plan.shots if not _as_wanted(shot, wanted)]
        outside = [shot for shot in odd if not planned_in_film(shot.expected, wanted)]
        fitted = [
            shot for shot in odd if shot not in outside and not planned_same_shape(shot.expected, wanted)
        ]
        converted = [shot for shot in odd if shot not in (*outside, *fitted)]
        if converted:
            yield f"{_named(converted, 'differs', 'differ')} from the film's {wanted}; for the film that is converted."
        if fitted:
            how = "shown between black bars" if wanted.fit == "pad" else "cut to it"
            yield f"{_named(fitted, 'has', 'have')} another shape than the film's {size}; {how} (fit: {wanted.fit})."
        if outside:
            yield (
                f"{_named(outside, 'has', 'have')} another shape than the film's {size}; left out of it. "
                f"film: {{size: {size}, fit: pad}} shows them between black bars, fit: crop cuts them."
            )


def _as_wanted(shot: ShotPlan, wanted: Format) -> bool:
    come = shot.expected
    return (come.width, come.height, come.fps) == (wanted.width, wanted.height, wanted.fps)


def _named(shots: Sequence[ShotPlan], one: str, many: str) -> str:
    named = ", ".join(shot.id for shot in shots[:5]) + (", …" if len(shots) > 5 else "")
    return f"{counted(len(shots), 'shot')} ({named}) {one if len(shots) == 1 else many}"
