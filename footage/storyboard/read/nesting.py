"""Where the shots are in a JSON or YAML document: in a list, by name, by scene, or wrapped in what an answer is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from footage.storyboard.read import lengths, words
from footage.storyboard.read.columns import AROUND, has_words
from footage.storyboard.read.plain_data import as_list, as_mapping

# Inside a shot or a scene: its shots, or its key frames and parts?
_UNSURE_INSIDE = frozenset(("frames", "boards", "prompts", "segments", "items", "rows", "parts"))
# Inside a scene these are its shots, whatever they look like.
_SHOTS = frozenset(
    (
        "shots",
        "shotlist",
        "panels",
        "镜头",
        "镜头列表",
        "分镜",
        "分镜列表",
        "鏡頭",
        "分鏡",
        "カット",
        "ショット",
        "컷",
        "샷",
        "einstellungen",
        "planos",
    )
)
# What follows the name of a field that is said of more than one shot.
OF_ALL = (" of the board", " of the scene")
# What holds for every shot that does not say it itself, where it stands beside the shots.
_FOR_ALL = ("model", "size", "aspect_ratio", "resolution", "negative_prompt", "seed")
_TEXT = frozenset(("prompt", "description", "perhaps_prompt", "still_prompt"))
# Of a shot these are in its prompt.
_IN_PROMPTS = _TEXT | frozenset(AROUND)
# What only a shot has, besides a text.
_OF_A_SHOT = frozenset(("duration", "frames", "framing", "angle", "movement", "prompt"))
_MAX_WRAPPERS = 4


class Shots(NamedTuple):
    """The rows of the shots, and the fields of the document around them, verbatim; why there are no rows, if known."""

    rows: list[Mapping[str, Any]]
    around: dict[str, Any]
    unsure: str = ""


class _UnsureError(Exception):
    """Which entries are the shots nobody says; in words."""


def shots_of(data: object, wrappers: int = _MAX_WRAPPERS) -> Shots:
    """The shots of a document; no rows where there is nothing that is called a list of them."""
    unsure = ""
    if (items := as_list(data)) is not None:
        try:
            return Shots(_by_scene(_rows(items)), {})
        except _UnsureError as error:
            return Shots([], {}, str(error))
    outer = as_mapping(data) or {}
    for name in words.LISTS:
        for key, value in outer.items():
            try:
                rows = _by_scene(_rows(value)) if words.plain(key) == name else []
            except _UnsureError as error:
                unsure, rows = unsure or str(error), []
            if rows:
                around = {other: inner for other, inner in outer.items() if other != key}
                return Shots(with_all_of(around, rows, OF_ALL[0]), around)
    for key, value in outer.items():
        if wrappers and words.plain(key) in words.WRAPPERS and as_mapping(value) is not None:
            inside = shots_of(value, wrappers - 1)
            if inside.rows:
                rest = {other: inner for other, inner in outer.items() if other != key}
                return Shots(with_all_of(rest, inside.rows, OF_ALL[0]), {**rest, **inside.around})
            unsure = unsure or inside.unsure
    return Shots([], {}, unsure)


def _rows(value: object) -> list[Mapping[str, Any]]:
    """The entries of a list of shots, of shots by their name, or of prompts; empty where it is something else."""
    if (items := as_list(value)) is not None:
        if items and all(isinstance(item, str) and _is_sentence(item) for item in items):
            return [{"prompt": item} for item in items]
        rows = [as_mapping(item) for item in items]
        return [] if None in rows else [row for row in rows if row is not None]
    inner = as_mapping(value) or {}
    if not inner or any(as_mapping(item) is None for item in inner.values()):
        return []
    return [_named("id", name, dict(as_mapping(item) or {})) for name, item in inner.items()]


def _is_sentence(text: str) -> bool:
    return len(text.split()) > 1 or (not text.isascii() and len(text) >= 4)


def _by_scene(rows: list[Mapping[str, Any]], before: str = "") -> list[Mapping[str, Any]]:
    """Shots that stand in their scenes, each with its scene; rows that are shots themselves as they are."""
    names = [before + _name_of(row, place) for place, row in enumerate(rows, start=1)]
    inside = [_inner_list(row, f"{name}-") for row, name in zip(rows, names, strict=True)]
    for row, name in zip(rows, names, strict=True):
        if (perhaps := _perhaps_shots(row)) is not None:
            raise _UnsureError(
                f"whether {name[:40]!r} is what is made, or what its field {perhaps[:40]!r} holds, nobody says: "
                "take that field out, or make it a list `shots` of objects with a `description` each"
            )
    if all(found is None for found in inside):
        return rows
    shots: list[Mapping[str, Any]] = []
    for scene, name, found in zip(rows, names, inside, strict=True):
        if found is None:
            raise _UnsureError(
                f"{name[:40]!r} has no list of shots, unlike others beside it: is it a shot itself? "
                "Give it a list of its own, or take it out"
            )
        shots += [_named("scene", name, dict(shot)) for shot in with_all_of(scene, found, OF_ALL[1])]
    return shots


def settings_in(around: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The parts of a document that are settings by their name."""
    found = (as_mapping(value) for key, value in around.items() if words.plain(key) in words.SETTINGS)
    return [inner for inner in found if inner is not None]


def with_all_of(
    around: Mapping[str, Any], rows: Sequence[Mapping[str, Any]], of: str
) -> list[Mapping[str, Any]]:
    """The rows with what is said beside them, and holds for each or, as a length, a picture or words, perhaps."""
    said: dict[str, tuple[str, Any]] = {}
    perhaps: dict[str, Any] = {}
    for level in (around, *settings_in(around)):
        for key, value in level.items():
            if not isinstance(value, str | int | float) or words.nothing(value):
                continue
            roles = words.roles_of(key) or (words.plain(key),)
            if role := next((role for role in roles if role in _FOR_ALL), None):
                said.setdefault(role, (key, value))
            elif roles[0] in ("duration", "frames", "reference_image", "sketch") or _is_of_prompts(
                key, value
            ):
                perhaps.setdefault(f"{key}{of}", value)
    if not said and not perhaps:
        return [*rows]
    return [_completed(row, said, perhaps) for row in rows]


def _is_of_prompts(key: str, value: object) -> bool:
    """Whether it is words that are perhaps to be seen, such as a style."""
    roles = words.roles_of(key)
    return (
        (not roles or bool(_IN_PROMPTS & set(roles)))
        and words.plain(key) not in ("title", "name")
        and isinstance(value, str)
        and has_words(value)
        and lengths.parse(value) is None
    )


def _completed(
    row: Mapping[str, Any], said: Mapping[str, tuple[str, Any]], perhaps: Mapping[str, Any]
) -> Mapping[str, Any]:
    own = {role for key, value in row.items() if not words.nothing(value)
           for role in (*words.roles_of(key), words.plain(key))}  # fmt: skip
    # A shot that says its size says its shape, and the other way round.
    own |= {"size", "aspect_ratio"} if own & {"size", "aspect_ratio"} else set()
    return {
        **row,
        **{key: value for role, (key, value) in said.items() if role not in own},
        **{key: value for key, value in perhaps.items() if key not in row},
    }


def _inner_list(scene: Mapping[str, Any], before: str) -> list[Mapping[str, Any]] | None:
    for name in words.LISTS:
        for key, value in scene.items():
            if words.plain(key) != name or name in _UNSURE_INSIDE:
                continue
            if as_list(value) == [] or _is_list_of_rows(value) or (name in _SHOTS and _rows(value)):
                return _by_scene(_rows(value), before)
    return None


def _perhaps_shots(scene: Mapping[str, Any]) -> str | None:
    """The field of a shot or a scene in which there are perhaps shots; None where there is none."""
    for key, value in scene.items():
        word = words.plain(key)
        if word in _SHOTS and value and isinstance(value, list | tuple | Mapping) and not _rows(value):
            return key
        if word == "prompts" and _rows(value):
            return key
        known = word not in _UNSURE_INSIDE and (word in words.LISTS or words.roles_of(key))
        if known or not _is_list_of_rows(value):
            continue
        roles = {
            role
            for item in as_list(value) or ()
            for name in as_mapping(item) or ()
            for role in words.roles_of(name)
        }
        if _TEXT & roles and (
            word in _UNSURE_INSIDE or (_OF_A_SHOT & roles and {"prompt", "description"} & roles)
        ):
            return key
    return None


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
