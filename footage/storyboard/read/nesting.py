"""Where the shots are in a JSON or YAML document: in a list, by name, by scene, or wrapped in what an answer is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from footage.storyboard.read import words
from footage.storyboard.read.plain_data import as_list, as_mapping

# Inside a shot or a scene: its shots, or its key frames and parts?
_UNSURE_INSIDE = frozenset(("frames", "boards", "prompts", "segments", "items", "rows", "parts"))
_TEXT = frozenset(("prompt", "description", "perhaps_prompt", "still_prompt"))
_MAX_WRAPPERS = 4


class Shots(NamedTuple):
    """The rows of the shots, and the fields of the document around them, verbatim."""

    rows: list[Mapping[str, Any]]
    around: dict[str, Any]


def shots_of(data: object, wrappers: int = _MAX_WRAPPERS) -> Shots:
    """The shots of a document; no rows where there is nothing that is called a list of them."""
    if (items := as_list(data)) is not None:
        return Shots(_by_scene(_rows(items)), {})
    outer = as_mapping(data) or {}
    for name in words.LISTS:
        for key, value in outer.items():
            if words.plain(key) == name and (rows := _by_scene(_rows(value))):
                return Shots(rows, {other: inner for other, inner in outer.items() if other != key})
    for key, value in outer.items():
        if wrappers and words.plain(key) in words.WRAPPERS and as_mapping(value) is not None:
            inside = shots_of(value, wrappers - 1)
            if inside.rows:
                rest = {other: inner for other, inner in outer.items() if other != key}
                return Shots(inside.rows, {**rest, **inside.around})
    return Shots([], {})


def _rows(value: object) -> list[Mapping[str, Any]]:
    """The entries of a list of shots, of shots by their name, or of prompts; empty where it is something else."""
    if (items := as_list(value)) is not None:
        if items and all(isinstance(item, str) and len(item.split()) > 1 for item in items):
            return [{"prompt": item} for item in items]
        rows = [as_mapping(item) for item in items]
        return [] if None in rows else [row for row in rows if row is not None]
    inner = as_mapping(value) or {}
    if not inner or any(as_mapping(item) is None for item in inner.values()):
        return []
    return [_named("id", name, dict(as_mapping(item) or {})) for name, item in inner.items()]


def _by_scene(rows: list[Mapping[str, Any]], before: str = "") -> list[Mapping[str, Any]]:
    """Shots that stand in their scenes, each with its scene; rows that are shots themselves as they are."""
    names = [before + _name_of(row, place) for place, row in enumerate(rows, start=1)]
    inside = [_inner_list(row, f"{name}-") for row, name in zip(rows, names, strict=True)]
    if any(map(_holds_perhaps_shots, rows)):
        return []
    if all(found is None for found in inside):
        return rows
    shots: list[Mapping[str, Any]] = []
    for name, found in zip(names, inside, strict=True):
        if found is None:
            # Whether a scene without a list of shots is one itself, nobody says.
            return []
        shots += [_named("scene", name, dict(shot)) for shot in found]
    return shots


def _inner_list(scene: Mapping[str, Any], before: str) -> list[Mapping[str, Any]] | None:
    for name in words.LISTS:
        for key, value in scene.items():
            if words.plain(key) == name not in _UNSURE_INSIDE and (
                as_list(value) == [] or _is_list_of_rows(value)
            ):
                return _by_scene(_rows(value), before)
    return None


def _holds_perhaps_shots(scene: Mapping[str, Any]) -> bool:
    for key, value in scene.items():
        if words.plain(key) in _UNSURE_INSIDE and _is_list_of_rows(value):
            names = {name for item in as_list(value) or () for name in as_mapping(item) or ()}
            if any(_TEXT.intersection(words.roles_of(name)) for name in names):
                return True
    return False


def _is_list_of_rows(value: object) -> bool:
    items = as_list(value)
    return bool(items) and all(as_mapping(item) is not None for item in items or ())


def _named(role: str, name: object, row: dict[str, Any]) -> dict[str, Any]:
    """The row with this id or scene, unless it says one itself."""
    said = any(role in words.roles_of(key) and not words.nothing(value) for key, value in row.items())
    return row if said else {role: name, **row}


def _name_of(scene: Mapping[str, Any], place: int) -> str:
    for role in ("scene", "id", "title", "slug"):
        for key, value in scene.items():
            if role in words.roles_of(key) and isinstance(value, str | int) and not words.nothing(value):
                return str(value)
    return str(place)
