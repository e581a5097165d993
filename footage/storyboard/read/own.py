"""Our own schema: `wan-video/storyboard/1` in YAML or JSON.

A field that nobody knows is kept as metadata and reported; one that is nearly a field of ours is refused,
because `durration: 10` would otherwise buy a clip of another length.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from footage.errors import InvalidRequest, Problem
from footage.storyboard.board import BOARD_FIELDS, REQUEST_FIELDS, SCHEMA, SHOT_FIELDS, nearest
from footage.storyboard.film_options import FilmOptions
from footage.storyboard.guesses import Guess
from footage.storyboard.read.film_files import film_below, path_below, subtitles_below
from footage.storyboard.read.plain_data import MAX_NAMES, as_list, as_mapping

FORMAT = "wan-video"
# Where a timeline of ours keeps what it was made from.
OURS = "wan_video"
_MEDIA = ("image", "video", "voice")
_MEDIUM = re.compile(
    r"^(?:https?://|data:)|\.(?:png|jpe?g|webp|bmp|gif|mp4|mov|webm|wav|mp3)$", re.IGNORECASE
)
# A clip of the store; a file that is called so is written ./abcdef.
_CLIP_KEY = re.compile(r"[0-9a-f]{6,64}")


def matches(data: object) -> bool:
    outer = as_mapping(data)
    if outer is None:
        return False
    if "schema" in outer:
        return str(outer["schema"]).startswith("wan-video/storyboard")
    # Only our own boards have these words beside `shots`.
    return "shots" in outer and any(name in outer for name in ("defaults", "budget"))


def kept_in_timeline(data: object, name: str) -> Mapping[str, Any] | None:
    """The board that a timeline of ours was made from; None for other timelines.

    Raises:
        InvalidRequest: Its shots are no longer those of the board; which of both is meant is not ours to guess.
    """
    timeline = as_mapping(data) or {}
    ours = as_mapping((as_mapping(timeline.get("metadata")) or {}).get(OURS)) or {}
    board = as_mapping(ours.get("board"))
    if board is None:
        return None
    tracks = as_list((as_mapping(timeline.get("tracks")) or {}).get("children")) or []
    video = next((track for track in map(as_mapping, tracks) if track and track.get("kind") == "Video"), {})
    there = [_shot_id(item) for item in as_list(video.get("children")) or [] if not _between_shots(item)]
    planned = [str((as_mapping(shot) or {}).get("id")) for shot in as_list(board.get("shots")) or []]
    if there != planned:
        message = "it was edited since it was made: its shots are no longer those of its board"
        problem = Problem("shots", name, message, ", ".join(planned[:20]))
        raise InvalidRequest(problems=(problem,), next_step="give the board.json that lies beside it")
    return board


def _shot_id(item: object) -> str:
    return str(_ours(item).get("shot_id"))


def _between_shots(item: object) -> bool:
    """Whether it is a transition, or the black that a fade goes through."""
    schema = str((as_mapping(item) or {}).get("OTIO_SCHEMA"))
    return schema.startswith("Transition.") or (
        schema.startswith("Gap.") and _ours(item).get("black") is True
    )


def _ours(item: object) -> Mapping[str, Any]:
    metadata = as_mapping((as_mapping(item) or {}).get("metadata")) or {}
    return as_mapping(metadata.get(OURS)) or {}


def read(data: object, base: Path | None) -> tuple[dict[str, Any], list[Guess], list[Problem]]:
    """The board as plain data in our own schema; problems are slips that must not be bought."""
    outer = dict(as_mapping(data) or {})
    guesses: list[Guess] = []
    problems: list[Problem] = []
    if "schema" not in outer:
        outer["schema"] = SCHEMA
        guesses.append(Guess(None, "schema", "nothing", SCHEMA, "the file does not say its schema"))
    film = as_mapping(outer.get("film"))
    if film is None and not isinstance(outer.get("film"), str | None):
        message = "has to be a mapping of the film's fields"
        problems.append(
            Problem("film", _short(outer.pop("film")), message, ", ".join(FilmOptions.model_fields))
        )
    # Boards of earlier releases may have their own `film`, such as its name; without characters that word is what
    # other tools and people note, as it always was.
    less = frozenset[str]() if _has_characters(outer, base, problems) else frozenset({"characters"})
    without = less if film is not None else less | {"film"}
    known = tuple(name for name in BOARD_FIELDS if name not in without)
    _sort_out(outer, known, None, "", guesses, problems)
    if film is not None:
        outer["film"] = film_below(film_fields(film, problems), base)
    if (defaults := as_mapping(outer.get("defaults"))) is not None:
        outer["defaults"] = _defaults(defaults, base, problems)
    shots = as_list(outer.get("shots"))
    if shots is None:
        problems.append(Problem("shots", _short(outer.get("shots")), "has to be a list of shots"))
        outer["shots"] = []
        return outer, guesses, problems
    outer["shots"] = [
        _shot(shot, number, base, guesses, problems, less) for number, shot in enumerate(shots, start=1)
    ]
    return outer, guesses, problems


def _defaults(defaults: Mapping[str, Any], base: Path | None, problems: list[Problem]) -> dict[str, Any]:
    unknown = [name for name in defaults if name not in REQUEST_FIELDS]
    if len(unknown) > MAX_NAMES:
        message = f"{len(unknown):,} fields that no request has"
        problems.append(Problem(f"defaults.{unknown[0]}", _short(defaults[unknown[0]]), message))
        return {}
    for name in unknown:
        near = nearest(str(name), tuple(REQUEST_FIELDS))
        hint = f"; is {near} meant?" if near else ""
        problems.append(
            Problem(f"defaults.{name}", _short(defaults[name]), f"is no field of a request{hint}")
        )
    return _local({name: value for name, value in defaults.items() if value is not None}, base)


def film_fields(film: Mapping[str, Any], problems: list[Problem]) -> dict[str, Any]:
    """The fields that a film has; a problem for each other one."""
    known = tuple(FilmOptions.model_fields)
    unknown = [name for name in film if name not in known]
    for name in unknown[:MAX_NAMES]:
        message = "is no field of a film, and what else is known of it belongs into metadata"
        problems.append(Problem(f"film.{name}", _short(film[name]), message, ", ".join(known)))
    return {name: value for name, value in film.items() if name in known}


def _shot(
    given: object,
    number: int,
    base: Path | None,
    guesses: list[Guess],
    problems: list[Problem],
    less: frozenset[str],
) -> dict[str, Any]:
    shot = dict(as_mapping(given) or {})
    if not shot:
        problems.append(Problem(f"shots[{number}]", _short(given), "has to be a shot with its fields"))
        return {"id": f"shot-{number:03d}"}
    if shot.get("id") in (None, ""):
        shot["id"] = f"shot-{number:03d}"
        guesses.append(Guess(shot["id"], "id", "position", shot["id"], "the shot has no id"))
    shot_id = str(shot["id"])
    known = tuple(name for name in SHOT_FIELDS if name not in less)
    _sort_out(shot, known, shot_id, f"shots[{shot_id}].", guesses, problems)
    return subtitles_below(_local(shot, base), base)


def _sort_out(
    fields: dict[str, Any],
    known: tuple[str, ...],
    shot_id: str | None,
    prefix: str,
    guesses: list[Guess],
    problems: list[Problem],
) -> None:
    """Move unknown fields into the metadata in place, and refuse those that look like a slip."""
    unknown = [name for name in fields if name not in known]
    if len(unknown) > MAX_NAMES:
        message = f"{len(unknown):,} fields that no board has are too many to keep"
        problems.append(
            Problem(f"{prefix}{unknown[0]}", _short(fields[unknown[0]]), message, f"{MAX_NAMES:,}")
        )
        for name in unknown:
            del fields[name]
        return
    metadata = dict(as_mapping(fields.get("metadata")) or {})
    for name in unknown:
        near = nearest(str(name), known)
        if near:
            problems.append(
                Problem(f"{prefix}{name}", _short(fields[name]), f"is no field of a board; is {near} meant?")
            )
            del fields[name]
            continue
        metadata[str(name)] = value = fields.pop(name)
        fields["metadata"] = metadata
        guesses.append(
            Guess(
                shot_id, f"metadata.{name}", str(name), _short(value), "no field of a board; kept, not sent"
            )
        )


def _local(fields: dict[str, Any], base: Path | None) -> dict[str, Any]:
    """A relative path of a medium means relative to the board file, not to where the command runs."""
    found = dict(fields)
    for name in ("reference_image", "last_frame"):
        if name in found:
            found[name] = path_below(found[name], base)
    extended = found.get("extend_from")
    if isinstance(extended, str) and not _CLIP_KEY.fullmatch(extended):
        found["extend_from"] = path_below(extended, base)
    if (references := as_list(found.get("references"))) is not None:
        found["references"] = [_local_reference(one, base) for one in references]
    return found


def _local_reference(reference: object, base: Path | None) -> object:
    if isinstance(reference, str):
        kind, equals, source = reference.partition("=")
        return f"{kind}={path_below(source, base)}" if equals else reference
    given = as_mapping(reference)
    return reference if given is None else {name: path_below(value, base) for name, value in given.items()}


def _has_characters(outer: dict[str, Any], base: Path | None, problems: list[Problem]) -> bool:
    """Whether the board has characters as ours have them, whose paths it gets; notes about people are none."""
    people = as_mapping(outer.get("characters")) or {}
    known = {name: as_mapping(one) for name, one in people.items()}
    if any(one is not None and one.keys() & set(_MEDIA) for one in known.values()):
        outer["characters"] = {name: _local_reference(one, base) for name, one in known.items()}
        return True
    shots = [shot or {} for shot in map(as_mapping, as_list(outer.get("shots")) or [])]
    named = {name for shot in shots for name in _names(shot.get("characters"))}
    # A picture under another word is no note where shots name who it is of.
    slips = {name: one for name, one in people.items() if name in named and _holds_medium(one)}
    message = "a character is one picture or one clip, and perhaps a voice, as a mapping"
    problems += [
        Problem(f"characters.{n}", _short(one), message, ", ".join(_MEDIA)) for n, one in slips.items()
    ]
    return False


def _holds_medium(one: object) -> bool:
    values = (as_mapping(one) or {"": one}).values()
    return any(isinstance(value, str) and _MEDIUM.search(value.strip()) for value in values)


def _names(said: object) -> list[str]:
    return [name for name in as_list(said) or [said] if isinstance(name, str)]


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:59] + "…"
