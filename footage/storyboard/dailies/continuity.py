"""Who starts from whose last frame, as a small drawing."""

from __future__ import annotations

from collections.abc import Sequence

from footage.storyboard.cut import Event
from footage.storyboard.dailies.markup import EMPTY, Markup, fill, joined

_NODE_W, _NODE_H, _STEP_X, _STEP_Y, _EDGE = 92, 30, 134, 46, 8


def drawing(events: Sequence[Event]) -> Markup:
    """An SVG of every chain; nothing when all shots start on their own.

    The same is said in words on each shot, so the drawing is one picture to a screen reader.
    """
    sources = {
        event.shot.id: event.shot.starts_from for event in events if event.shot.starts_from is not None
    }
    after: dict[str, list[str]] = {}
    for shot_id, source in sources.items():
        after.setdefault(source, []).append(shot_id)
    roots = [event.shot.id for event in events if event.shot.id in after and event.shot.id not in sources]
    if not roots:
        return EMPTY
    places: dict[str, tuple[int, int]] = {}
    row = 0
    for root in roots:
        row = _place(root, 0, row, after, places)

    numbers = {event.shot.id: event for event in events}
    edges = [
        _edge(places[source], places[shot_id]) for shot_id, source in sources.items() if source in places
    ]
    nodes = [_node(numbers[shot_id], *place) for shot_id, place in places.items()]
    width = max(column for column, _ in places.values()) * _STEP_X + _NODE_W + 2 * _EDGE
    height = (row - 1) * _STEP_Y + _NODE_H + 2 * _EDGE
    said = "; ".join(f"{shot_id} starts from {source}" for shot_id, source in sources.items())
    return fill(
        '<div class="scroll"><svg class="chains" role="img" aria-label="{said}" width="{width}" height="{height}" '
        'viewBox="0 0 {width} {height}">{edges}{nodes}</svg></div>',
        said=f"Continuity: {said}",
        width=width,
        height=height,
        edges=joined(edges),
        nodes=joined(nodes),
    )


def _place(
    root: str, column: int, row: int, after: dict[str, list[str]], places: dict[str, tuple[int, int]]
) -> int:
    """Give a shot and what follows from it their columns and rows; returns the next free row."""
    waiting = [(root, column)]
    while waiting:
        shot_id, column = waiting.pop()
        places[shot_id] = (column, row)
        following = after.get(shot_id, [])
        # The first one that follows goes on in the same row, the others below.
        waiting += [(next_id, column + 1) for next_id in reversed(following)]
        if not following:
            row += 1
    return row


def _at(place: tuple[int, int]) -> tuple[int, int]:
    return _EDGE + place[0] * _STEP_X, _EDGE + place[1] * _STEP_Y


def _edge(source: tuple[int, int], target: tuple[int, int]) -> Markup:
    (x1, y1), (x2, y2) = _at(source), _at(target)
    x1, y1, y2 = x1 + _NODE_W, y1 + _NODE_H // 2, y2 + _NODE_H // 2
    bend = (x2 - x1) // 2
    return fill(
        '<path d="M{x1} {y1}C{xa} {y1} {xb} {y2} {x3} {y2}"/><path class="tip" d="M{x2} {y2}l-7 -4v8z"/>',
        x1=x1, y1=y1, xa=x1 + bend, xb=x2 - bend, x2=x2, x3=x2 - 5, y2=y2,
    )  # fmt: skip


def _node(event: Event, column: int, row: int) -> Markup:
    x, y = _at((column, row))
    shot_id = event.shot.id
    state = event.outcome.state if event.outcome is not None else "unfinished"
    return fill(
        '<a href="#shot-{number}"><title>{name}</title>'
        '<rect class="{state}" x="{x}" y="{y}" width="{w}" height="{h}" rx="8"/>'
        '<text x="{tx}" y="{ty}">{label}</text></a>',
        number=event.shot.number,
        name=event.name,
        state=state,
        x=x, y=y, w=_NODE_W, h=_NODE_H, tx=x + _NODE_W // 2, ty=y + _NODE_H // 2 + 5,
        label=shot_id if len(shot_id) <= 10 else shot_id[:9] + "…",
    )  # fmt: skip
