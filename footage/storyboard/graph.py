"""Who starts from whose last frame: edges, order and chains of a board."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from graphlib import CycleError, TopologicalSorter
from typing import Any

from footage.errors import Problem
from footage.privacy.display import shown
from footage.storyboard.board import MAX_SHOTS, SPLIT, Board, Shot

# Ids name runs, files and links; a control character or a slash would break one of them.
MAX_ID_CHARS = 64


def edges(board: Board) -> dict[str, str]:
    """Shot id -> id of the shot whose last frame it starts from; shots of their own are not in it.

    Edges that cannot be are left out; `problems` names them.
    """
    ids = {shot.id for shot in board.shots}
    found: dict[str, str] = {}
    for place, shot in enumerate(board.shots):
        source = source_of(board.shots, place, shot)
        if source is not None and source in ids and source != shot.id:
            found[shot.id] = source
    return found


def source_of(shots: Sequence[Shot], place: int, shot: Shot) -> str | None:
    if shot.start_from in ("prev_last_frame", "prev_clip"):
        return shots[place - 1].id if place else None
    kind, _, named = shot.start_from.partition(":")
    return named.strip() if kind in ("shot", "clip") and named else None


def continues(shot: Shot) -> bool:
    """Whether a shot goes on from a clip itself, and not from its last frame."""
    return shot.start_from == "prev_clip" or shot.start_from.startswith("clip:")


def order(board: Board) -> tuple[str, ...]:
    """Shot ids so that each comes after the one it starts from, otherwise as on the board.

    Raises:
        graphlib.CycleError: Shots start from each other; `problems` names them.
    """
    return tuple(TopologicalSorter(_graph(board)).static_order())


def _graph(board: Board) -> dict[str, set[str]]:
    graph: dict[str, set[str]] = {shot.id: set() for shot in board.shots}
    for shot_id, source in edges(board).items():
        graph[shot_id].add(source)
    return graph


def chain_lengths(ids_in_order: Sequence[str], sources: Mapping[str, str]) -> dict[str, int]:
    """How many shots deep each shot is: 1 starts on its own, 2 starts from a shot that does, and so on."""
    lengths: dict[str, int] = {}
    for shot_id in ids_in_order:
        lengths[shot_id] = lengths.get(sources.get(shot_id, ""), 0) + 1
    return lengths


def problems(board: Board) -> list[Problem]:
    """Everything that is wrong with the board as a whole: its length, its ids, its edges and its texts."""
    found = [*_length(board), *_ids(board), *_texts(board)]
    ids = {shot.id for shot in board.shots}
    for place, shot in enumerate(board.shots):
        if message := _edge_problem(board.shots, place, shot, ids):
            allowed = "none, prev_last_frame, shot:<id of another shot>, prev_clip, clip:<id of another shot>"
            found.append(Problem(f"shots[{shot.id}].start_from", shown(shot.start_from), message, allowed))
    if len(ids) == len(board.shots):
        try:
            TopologicalSorter(_graph(board)).prepare()
        except CycleError as error:
            circle: list[str] = error.args[1]
            message = f"The shots start from each other in a circle: {' → '.join(reversed(circle))}."
            found.append(
                Problem(f"shots[{circle[0]}].start_from", shown(board.shot(circle[0]).start_from), message)
            )
    return found


def _length(board: Board) -> list[Problem]:
    if not board.shots:
        return [Problem("shots", "an empty list", "A board needs at least one shot.")]
    if len(board.shots) > MAX_SHOTS:
        return [Problem("shots", f"{len(board.shots):,} shots", SPLIT, f"1 to {MAX_SHOTS:,}")]
    if (takes := sum(shot.takes for shot in board.shots)) > MAX_SHOTS:
        return [Problem("shots", f"{takes:,} takes of all shots", SPLIT, f"1 to {MAX_SHOTS:,}")]
    return []


def _ids(board: Board) -> list[Problem]:
    found: list[Problem] = []
    places: dict[str, list[str]] = {}
    for number, shot in enumerate(board.shots, start=1):
        places.setdefault(shot.id, []).append(str(number))
        if (
            not shot.id
            or len(shot.id) > MAX_ID_CHARS
            or not shot.id.isprintable()
            or set(shot.id) & set("/\\:")
        ):
            message = "A shot id is printable text without slashes and colons."
            found.append(
                Problem(f"shots[{number}].id", shown(shot.id), message, f"1 to {MAX_ID_CHARS} characters")
            )
    for shot_id, count in Counter(shot.id for shot in board.shots).items():
        if count > 1:
            message = f"Shots number {', '.join(places[shot_id])} share this id; every shot needs its own."
            found.append(Problem(f"shots[{shot_id}].id", shown(shot_id), message))
    return found


def _texts(board: Board) -> list[Problem]:
    """What could not be written into timeline and dailies in the end, when the shots are paid for."""
    texts: dict[str, list[Any]] = {"board": [board.title, board.metadata]}
    for shot in board.shots:
        story = [shot.scene, shot.slug, shot.title, shot.dialogue, shot.sound, shot.notes, shot.metadata]
        texts[f"shots[{shot.id}]"] = story
    message = "A text has half of a character (a lone surrogate), which no file can hold."
    return [Problem(where, "its texts", message) for where, story in texts.items() if _broken(story)]


def _broken(texts: list[Any]) -> bool:
    try:
        json.dumps(texts, ensure_ascii=False, default=str).encode()
    except UnicodeEncodeError:
        return True
    return False


def _edge_problem(shots: Sequence[Shot], place: int, shot: Shot, ids: set[str]) -> str | None:
    if shot.start_from == "none":
        return None
    if shot.start_from in ("prev_last_frame", "prev_clip"):
        return None if place else "This is the first shot; there is none before it."
    if not shot.start_from.startswith(("shot:", "clip:")):
        return "This is not a way to start a shot."
    source = source_of(shots, place, shot)
    if source == shot.id:
        return "A shot cannot start from itself."
    return None if source in ids else f"There is no shot {shown(source)} on the board."
