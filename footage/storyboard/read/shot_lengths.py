"""How long the shots of a list are: from a length, from frames, from where they start and end, or not said."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import pairwise
from typing import Any

from footage.errors.actions import typed
from footage.storyboard.read import lengths, nesting, words
from footage.storyboard.read.columns import Columns
from footage.storyboard.read.draft import Draft
from footage.storyboard.read.lengths import Length
from footage.storyboard.read.mapping import Part, samples

Row = Mapping[str, Any]


def put(
    drafts: Sequence[Draft], rows: Sequence[Row], columns: Columns, rate: float | None = None
) -> list[Part]:
    """Give each draft its length; what cannot be told is doubted, once for a column or for one shot.

    Args:
        drafts: The shots.
        rows: Their rows, in the same order.
        columns: What is what.
        rate: Frames per second that the board says outside of its rows.
    """
    rates = [_rate(row, columns, rate) for row in rows]
    sources = _sources(rows, columns, rates)
    if not sources:
        return _unnamed(rows, columns)
    parts: list[Part] = []
    for place, read in enumerate(sources):
        if all(map(_has_length, drafts)):
            break
        # A column is read as a whole: whether its numbers are lengths or start times, all of them say.
        of_source = [Draft(draft.id, draft.row) for draft in drafts]
        found = read(of_source)
        if place == 0:
            parts = found
        for draft, other in zip(drafts, of_source, strict=True):
            if not _has_length(draft):
                _complete(draft, other, [] if place == 0 else found)
    if named := [*columns.all("duration"), *columns.all("frames")]:
        parts += _contradicted(named, drafts, rows, columns, rates)
    return parts


def _sources(
    rows: Sequence[Row], columns: Columns, rates: Sequence[float | None]
) -> list[Callable[[Sequence[Draft]], list[Part]]]:
    """What can say how long shots are, the best first: a further one is for shots of which those before say nothing."""
    sources: list[Callable[[Sequence[Draft]], list[Part]]] = [
        partial(_from_column, name, rows=rows, columns=columns, rates=rates)
        for name in (*columns.all("duration"), *columns.all("frames"))
    ]
    if (first := columns.first("frame_in")) and (last := columns.first("frame_out")):
        sources.append(partial(_from_frames, first, last, rows=rows, rates=rates))
    if first := columns.first("start"):
        ranges = [lengths.parse(row.get(first), None, rate) for row, rate in zip(rows, rates, strict=True)]
        if columns.first("end") is None and all(length and length.start is not None for length in ranges):
            sources.append(partial(_from_column, first, rows=rows, columns=columns, rates=rates))
        else:
            sources.append(partial(_from_starts, first, columns.first("end"), rows=rows, rates=rates))
    return sources


def _has_length(draft: Draft) -> bool:
    return "duration" in draft.fields or any(part.field == "duration" for part in draft.parts)


def _complete(draft: Draft, other: Draft, doubts: Sequence[Part]) -> None:
    """Take over the length that another draft of the same row has; a doubt about the column is one about this shot."""
    draft.complete(other)
    length = draft.fields.get("duration")
    for part in (part for part in doubts if part.sureness == "guessed"):
        if length is not None and not any(part.field == "duration" for part in draft.parts):
            draft.doubt(
                "duration", length, part.source, draft.row.get(part.source), part.why,
                settle=("--set", f"{draft.id}.duration={length}"),
                others=(typed("--set", f"{draft.id}.duration=SECONDS"),),
            )  # fmt: skip


def _unnamed(rows: Sequence[Row], columns: Columns) -> list[Part]:
    """Columns of an unknown name that hold lengths: to take the default instead would be a guess."""
    taken = {name for named in columns.roles.values() for name in named} | columns.settled
    return [
        _unnamed_column(name, [row.get(name) for row in rows])
        for name in dict.fromkeys(name for row in rows for name in row)
        if name not in taken and _is_column_of_lengths(name, [row.get(name) for row in rows])
    ]


def _unnamed_column(name: str, cells: Sequence[Any]) -> Part:
    each, not_one = typed("--map", f"{name}=duration:s"), typed("--map", f"{name}=metadata")
    if name.endswith(nesting.OF_ALL):
        return Part(
            name, "duration", "guessed", "it is said of several shots together, or of each of them",
            values=samples(cells), becomes="not used", others=(each,), settle=("--map", f"{name}=metadata"),
        )  # fmt: skip
    return Part(
        name, "duration", "guessed", "it holds lengths, under a name that we do not know",
        values=samples(cells), becomes="the length of each shot", others=(not_one,),
        settle=("--map", f"{name}=duration:s"), acceptable=False,
    )  # fmt: skip


def _is_column_of_lengths(name: str, cells: Sequence[Any]) -> bool:
    said = [cell for cell in cells if not words.nothing(cell)]
    good = [cell for cell in said if lengths.parse(cell) is not None]
    # A name that says so needs most of them; else all have to have a unit.
    if words.names_a_length(name):
        return bool(said) and len(good) * 2 >= len(said)
    return bool(said) and len(good) == len(said) and all(_has_unit(str(cell)) for cell in said)


def _has_unit(text: str) -> bool:
    return bool(re.search(r"s(?:ec(?:onds?)?)?\.?$|秒$|초$|sek\.?$|seg\.?$|\d\"$", text, re.IGNORECASE))


def _contradicted(
    named: Sequence[str],
    drafts: Sequence[Draft],
    rows: Sequence[Row],
    columns: Columns,
    rates: Sequence[float | None],
) -> list[Part]:
    """Shots to which another column gives another length; which one holds is a person's to say."""
    if named[0] in columns.settled:
        return []
    for draft, row, rate in zip(drafts, rows, rates, strict=True):
        mine = draft.fields.get("duration")
        if mine is None or any(part.field == "duration" for part in draft.parts):
            continue
        name, *others = [name for name in named if not words.nothing(row.get(name))] or [named[0]]
        for other in others:
            unit = "frames" if other in columns.all("frames") else lengths.unit_of(other)
            length = lengths.parse(row[other], unit, rate)
            if length and not length.doubt and length.start is None and 0 < length.seconds < _LONGEST_SHOT_S:
                _doubt_if_other(draft, mine, length.seconds, f"{name}, {other}")
        first, last = columns.first("start"), columns.first("end")
        start, end = (
            lengths.parse(row.get(column), None, rate) if column else None for column in (first, last)
        )
        if start and end and 0 < (length_s := end.seconds - start.seconds) < _LONGEST_SHOT_S:
            _doubt_if_other(draft, mine, length_s, f"{name}, {first}, {last}")
    return []


# Times of a shooting day stand further apart, and are no lengths of shots.
_LONGEST_SHOT_S = 120


def _doubt_if_other(draft: Draft, mine: int, seconds: float, source: str) -> None:
    if abs(seconds - mine) < 1.01 or any(part.field == "duration" for part in draft.parts):
        return
    draft.doubt(
        "duration", mine, source, f"{mine} s, {seconds:g} s", "two columns say different lengths",
        settle=("--set", f"{draft.id}.duration={mine}"),
        others=(typed("--set", f"{draft.id}.duration={_whole(seconds)}"),),
    )  # fmt: skip


def _rate(row: Row, columns: Columns, otherwise: float | None) -> float | None:
    names = [*columns.all("rate"), *columns.all("fps")]
    return next((rate for name in names if (rate := lengths.rate_of(row.get(name)))), otherwise)


def _from_column(
    name: str, drafts: Sequence[Draft], rows: Sequence[Row], columns: Columns, rates: Sequence[float | None]
) -> list[Part]:
    said, _, given_rate = (columns.units.get(name) or "").partition("@")
    unit = said or ("frames" if name in columns.all("frames") else lengths.unit_of(name))
    if given_rate:
        rates = [lengths.rate_of(given_rate)] * len(rows)
    cells = [None if words.nothing(row.get(name)) else row[name] for row in rows]
    # Zero is no length, but where a film starts.
    read = [
        None if cell is None else lengths.parse(cell, None if unit == "start" else unit, rate)
        for cell, rate in zip(cells, rates, strict=True)
    ]
    if unit is None:
        read = _as_milliseconds(cells, read)
    if unit == "start":
        return _differences(name, drafts, read)
    if said == "" and lengths.are_start_times(read):
        differences = _differences(name, drafts, read)
        # `Time` can be either; what is named a length and is none is not ours to decide.
        named_so = words.has_one_meaning(name)
        return [_starts_doubt(name, rows, "it rises from 0")] if named_so else differences
    ranges = [length for length in read if length is not None and length.start is not None]
    places = lengths.are_places(read) or (
        bool(ranges) and all(":" in str(cell) for cell in cells if cell is not None)
    )
    doubtful: dict[str, list[tuple[Draft, Any]]] = {}
    for draft, cell, length, rate in zip(drafts, cells, read, rates, strict=True):
        if cell is None:
            continue
        if length is None or length.seconds < lengths.SHORTEST_S:
            # No length is suggested: any would be invented.
            draft.doubt(
                "duration", None, name, cell, "it is no length that we can read",
                others=(typed("--set", f"{draft.id}.duration=SECONDS"),), acceptable=False,
            )  # fmt: skip
        elif length.start is not None and not places:
            high = lengths.highest(cell, unit, rate)
            whole = _whole(high.seconds if high else length.seconds)
            draft.doubt(
                "duration", whole, name, cell, "it is a range, and not a place in the film",
                settle=("--set", f"{draft.id}.duration={whole}"),
                others=(typed("--set", f"{draft.id}.duration=SECONDS"),),
            )  # fmt: skip
        else:
            draft.length(length.seconds, name, cell)
            if length.doubt:
                doubtful.setdefault(length.doubt, []).append((draft, cell))
    return [_unit_doubt(name, doubt, found) for doubt, found in doubtful.items()]


def _as_milliseconds(cells: Sequence[Any], read: Sequence[Length | None]) -> list[Length | None]:
    """Bare numbers of which one is in the thousands are milliseconds rather than frames; doubtful still."""
    numbers = [words.number(cell) for cell in cells]
    if not any(isinstance(number, int) and number >= _MILLISECONDS_FROM for number in numbers):
        return list(read)
    return [
        Length(number / 1000, "unit") if isinstance(number, int) and number > 0 else length
        for number, length in zip(numbers, read, strict=True)
    ]


# A shot of so many frames is longer than any model makes.
_MILLISECONDS_FROM = 1000
_UNSURE = {
    "unit": "a number so large, without a unit, can be seconds, milliseconds or frames",
    "rate": "it counts frames, and the board does not say how many there are a second",
}


def _unit_doubt(name: str, doubt: str, found: Sequence[tuple[Draft, Any]]) -> Part:
    usual, becomes = f"frames@{lengths.USUAL_RATE:g}", f"at {lengths.USUAL_RATE:g} frames a second"
    others = ["frames@25", "frames@30"]
    if doubt == "unit":
        others += ["ms", "s"]
        numbers = [words.number(cell) for _, cell in found]
        if any(isinstance(number, int) and number >= _MILLISECONDS_FROM for number in numbers):
            usual, becomes, others = "ms", "milliseconds", [usual, "s"]
    return Part(
        name, "duration", "guessed", _UNSURE[doubt], values=samples(cell for _, cell in found), becomes=becomes,
        others=tuple(typed("--map", f"{name}=duration:{unit}") for unit in others),
        settle=("--map", f"{name}=duration:{usual}"),
    )  # fmt: skip


def _differences(name: str, drafts: Sequence[Draft], starts: Sequence[Length | None]) -> list[Part]:
    """Lengths from where each shot starts; the last one has none and takes the default."""
    for (draft, start), (_, following) in pairwise(zip(drafts, starts, strict=True)):
        if start is not None and following is not None and following.seconds > start.seconds:
            draft.length(
                following.seconds - start.seconds, name, f"{start.seconds:g} to {following.seconds:g} s"
            )
        else:
            draft.doubt(
                "duration", None, name, draft.row.get(name), "the start times do not rise here",
                others=(typed("--set", f"{draft.id}.duration=SECONDS"),), acceptable=False,
            )  # fmt: skip
    if drafts:
        drafts[-1].no_length = "no shot follows whose start would end it"
    return [
        Part(name, "duration", "evident", "it rises from 0: start times, whose differences are the lengths")
    ]


def _from_frames(
    first: str, last: str, drafts: Sequence[Draft], rows: Sequence[Row], rates: Sequence[float | None]
) -> list[Part]:
    doubtful: list[tuple[Draft, Any]] = []
    for draft, row, rate in zip(drafts, rows, rates, strict=True):
        start, end = (words.number(row.get(name)) for name in (first, last))
        if not isinstance(start, int) or not isinstance(end, int) or end <= start:
            if row.get(first) is not None or row.get(last) is not None:
                draft.doubt(
                    "duration", None, f"{first}, {last}", f"{row.get(first)} to {row.get(last)}",
                    "they are no frame numbers that rise", others=(typed("--set", f"{draft.id}.duration=SECONDS"),),
                    acceptable=False,
                )  # fmt: skip
            continue
        # Whether the last frame counts is not said; one frame more or less is not worth a second.
        draft.length(
            (end - start - 0.5) / (rate or lengths.USUAL_RATE), f"{first}, {last}", f"{start} to {end}"
        )
        if rate is None:
            doubtful.append((draft, f"{start} to {end}"))
    if not doubtful:
        return []
    why = f"they are frames, and the board does not say how many a second; {lengths.USUAL_RATE:g}?"
    options = tuple(
        option
        for draft, _ in doubtful
        for option in ("--set", f"{draft.id}.duration={draft.fields['duration']}")
    )
    values = samples(cell for _, cell in doubtful)
    others = ("a column FPS",)
    return [
        Part(f"{first}, {last}", "duration", "guessed", why, values=values, others=others, settle=options)
    ]


def _from_starts(
    first: str, last: str | None, drafts: Sequence[Draft], rows: Sequence[Row], rates: Sequence[float | None]
) -> list[Part]:
    starts, ends = (
        [
            lengths.parse(row.get(name), None, rate) if name else None
            for row, rate in zip(rows, rates, strict=True)
        ]
        for name in (first, last)
    )
    if last is not None:
        for draft, start, end, row in zip(drafts, starts, ends, rows, strict=True):
            if start is not None and end is not None and end.seconds > start.seconds:
                draft.length(end.seconds - start.seconds, f"{first}, {last}", f"{row[first]} to {row[last]}")
            elif row.get(first) is not None or row.get(last) is not None:
                draft.doubt(
                    "duration", None, f"{first}, {last}", f"{row.get(first)} to {row.get(last)}",
                    "they are no times that rise", others=(typed("--set", f"{draft.id}.duration=SECONDS"),),
                    acceptable=False,
                )  # fmt: skip
        return []
    if lengths.are_start_times(starts):
        return _differences(first, drafts, starts)
    if lengths.rise(starts):
        return [
            _starts_doubt(first, rows, "its times rise, but not from 0"),
            *_differences(first, drafts, starts)[1:],
        ]
    # Timecodes of a slate or a source say nothing about the length of a shot.
    return []


def _starts_doubt(name: str, rows: Sequence[Row], why: str) -> Part:
    return Part(
        name, "duration", "guessed", f"{why}: where each shot starts?",
        values=samples(row[name] for row in rows if name in row), becomes="the differences",
        others=(typed("--map", f"{name}=metadata"),), settle=("--map", f"{name}=duration:start"),
    )  # fmt: skip


def _whole(seconds: float) -> int:
    return max(1, math.ceil(seconds - 1e-6))
