"""What a person said about a board: options of the command, parameters of the deployment, or a map file.

A map file is YAML beside the board, `<board>.map.yaml`. Another board of the same shape in the same folder uses it,
too, without what it says about single shots and the film.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from footage.errors import InvalidRequest, Problem, StorageProblem
from footage.input_roots import InputRoots
from footage.privacy.display import shown
from footage.request import MEDIA_FIELDS
from footage.storyboard.board import REQUEST_FIELDS, SHOT_FIELDS, nearest
from footage.storyboard.film_options import FilmOptions
from footage.storyboard.read import words
from footage.storyboard.read.board_file import read_file
from footage.storyboard.read.film_files import film_below
from footage.storyboard.read.mapping import Part
from footage.storyboard.read.plain_data import as_list, as_mapping, decode_known, plain_data
from footage.storyboard.read.yaml_text import parse_yaml

METADATA = "metadata"
MAP_FIELDS: tuple[str, ...] = tuple(
    sorted({*words.ROLES, *REQUEST_FIELDS, *SHOT_FIELDS, METADATA} - {*MEDIA_FIELDS, "characters"})
)
UNITS = ("s", "ms", "min", "frames", "start")
_KEYS = ("columns", "map", "set", "film", "encoding", "assets", "accept_guesses")


@dataclass(frozen=True)
class Settlement:
    """What is settled: columns by name, single fields by shot and of the film, encoding, where pictures lie."""

    columns: Mapping[str, str] = field(default_factory=dict[str, str])
    shots: Mapping[str, Mapping[str, Any]] = field(default_factory=dict[str, Mapping[str, Any]])
    encoding: str | None = None
    assets: str | None = None
    accept_guesses: bool = False
    # The head of the board that a map file was written for.
    shape: tuple[str, ...] = ()
    # Fields of `film`, which no table and no other tool's board has.
    film: Mapping[str, Any] = field(default_factory=dict[str, Any])

    def over(self, other: Settlement) -> Settlement:
        """This one, and where it says nothing the other."""
        shots = {shot: dict(fields) for shot, fields in other.shots.items()}
        for shot, fields in self.shots.items():
            shots.setdefault(shot, {}).update(fields)
        return Settlement(
            {**other.columns, **self.columns}, shots, self.encoding or other.encoding, self.assets or other.assets,
            self.accept_guesses or other.accept_guesses, self.shape or other.shape, {**other.film, **self.film},
        )  # fmt: skip

    def plain(self) -> dict[str, Any]:
        """As a map file or the `mapping` parameter of a deployment has it; empty where nothing is said."""
        said: dict[str, Any] = {
            "map": dict(self.columns), "set": {shot: dict(fields) for shot, fields in self.shots.items()},
            "film": dict(self.film), "encoding": self.encoding, "assets": self.assets,
        }  # fmt: skip
        return {key: value for key, value in said.items() if value}

    def film_options(self) -> tuple[str, ...]:
        """What is said of the film, as the command has it."""
        options: list[str] = []
        for name, value in self.film.items():
            text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
            options += ["--film", f"{name}={text}"]
        return tuple(options)

    def of(self, column: str) -> tuple[str, str | None] | None:
        """(field, unit) that a person gave a column; None when nobody did."""
        word = words.plain(column)
        for name, said in self.columns.items():
            if words.plain(name) == word:
                target, _, unit = said.partition(":")
                return target, unit or None
        return None


def settle(
    maps: Iterable[str] = (),
    sets: Iterable[str] = (),
    films: Iterable[str] = (),
    *,
    encoding: str | None = None,
    assets: str | None = None,
    accept_guesses: bool = False,
) -> Settlement:
    """What the options say: `column=field[:unit]`, `SHOT.field=value` and, of the film, `field=value`.

    Raises:
        InvalidRequest: One of them is not of that form, or names no field.
    """
    columns: dict[str, str] = {}
    shots: dict[str, dict[str, Any]] = {}
    problems: list[Problem] = []
    for option in maps:
        column, equals, target = option.rpartition("=")
        if not equals or not column:
            problems.append(Problem("map", shown(option), "has to be column=field", ", ".join(MAP_FIELDS)))
        else:
            columns[column.strip()] = target.strip()
    for option in sets:
        left, equals, value = option.partition("=")
        shot, dot, name = left.rpartition(".")
        if not equals or not dot or not shot:
            problems.append(Problem("set", shown(option), "has to be SHOT.field=value"))
        else:
            shots.setdefault(shot, {})[name.strip()] = _value(value)
    film: dict[str, Any] = {}
    for option in films:
        name, equals, value = option.partition("=")
        if not equals or not name.strip():
            problems.append(
                Problem("film", shown(option), "has to be field=value", ", ".join(FilmOptions.model_fields))
            )
        else:
            film[name.strip()] = _film_value(value)
    problems += [*_wrong(columns, shots), *_wrong_assets(assets)]
    if problems:
        raise InvalidRequest(problems=tuple(problems))
    # A path in a command counts from where it is typed.
    film = film_below(film, Path.cwd())
    return Settlement(columns, shots, encoding, assets, accept_guesses, film=film)


def _film_value(text: str) -> Any:
    """A list or a mapping as YAML has it, else a word or a number; `none` is a word, such as of the visible label."""
    if text.strip()[:1] in ("[", "{"):
        return parse_yaml(text, name="film")
    return text.strip() if text.strip().casefold() == "none" else _value(text)


def _value(text: str) -> Any:
    word = text.strip()
    if word.casefold() in ("none", "null", ""):
        return None
    return {"true": True, "false": False}.get(word.casefold(), words.number(word))


def _wrong(columns: Mapping[str, str], shots: Mapping[str, Mapping[str, Any]]) -> list[Problem]:
    problems: list[Problem] = []
    for column, said in columns.items():
        target, _, unit = said.partition(":")
        if target not in MAP_FIELDS:
            near = nearest(target, MAP_FIELDS)
            hint = f"; is {near} meant?" if near else ""
            problems.append(
                Problem(
                    "map", shown(f"{column}={said}"), f"{target!r} is no field{hint}", ", ".join(MAP_FIELDS)
                )
            )
        elif unit and not _unit_is_known(unit):
            problems.append(
                Problem(
                    "map", shown(f"{column}={said}"), f"{unit!r} is no unit", "s, ms, min, frames@24, start"
                )
            )
    for shot, fields in shots.items():
        for name, value in fields.items():
            if name == "skip" and not isinstance(value, bool):
                problems.append(Problem("set", f"{shot}.skip={shown(value)}", "is no answer", "true, false"))
            elif name not in (*SHOT_FIELDS, "skip"):
                near = nearest(name, SHOT_FIELDS)
                hint = f"; is {near} meant?" if near else ""
                problems.append(
                    Problem("set", f"{shot}.{name}", f"is no field of a shot{hint}", ", ".join(SHOT_FIELDS))
                )
    return problems


def _unit_is_known(unit: str) -> bool:
    from footage.storyboard.read.lengths import rate_of

    name, at, rate = unit.partition("@")
    return name in UNITS and (not at or (name in ("frames", "start") and rate_of(rate) is not None))


def from_plain(data: object, name: str) -> Settlement:
    """A map file's contents, or the `mapping` parameter of a deployment.

    Raises:
        InvalidRequest: It is of another form.
    """
    outer = as_mapping(data)
    if outer is None:
        raise InvalidRequest(problems=(Problem(name, shown(data), "has to be a mapping", ", ".join(_KEYS)),))
    # {column: field} alone; of a column called film, too.
    if not any(key in _KEYS and not (key == "film" and _is_text(outer[key])) for key in outer):
        outer = {"map": outer}
    problems = [
        Problem(f"{name}.{key}", shown(outer[key]), "is not known", ", ".join(_KEYS))
        for key in outer
        if key not in _KEYS
    ]
    problems += [
        Problem(f"{name}.{key}", shown(outer[key]), f"has to be {form}")
        for key, (form, fits) in _FORMS.items()
        if outer.get(key) is not None and not fits(outer[key])
    ]
    problems += _wrong_assets(_text(outer.get("assets")))
    columns = {str(key): str(value) for key, value in (as_mapping(outer.get("map")) or {}).items()}
    shots = {
        # Typed into a form, `false` and `5` are text, as they are after `--set`.
        str(shot): {
            name: _value(value) if isinstance(value, str) else value
            for name, value in (as_mapping(fields) or {}).items()
        }
        for shot, fields in (as_mapping(outer.get("set")) or {}).items()
    }
    problems += _wrong(columns, shots)
    if problems:
        raise InvalidRequest(problems=tuple(problems))
    return Settlement(
        columns, shots, _text(outer.get("encoding")), _text(outer.get("assets")), outer.get("accept_guesses") is True,
        tuple(map(str, as_list(outer.get("columns")) or [])),
        {name: _film_value(value) if isinstance(value, str) else value
         for name, value in (as_mapping(outer.get("film")) or {}).items()},
    )  # fmt: skip


def _is_mapping(value: object) -> bool:
    return as_mapping(value) is not None


def _is_text(value: object) -> bool:
    return isinstance(value, str)


# What each part of a map file has to be, in words and as a check.
_FORMS: dict[str, tuple[str, Callable[[object], bool]]] = {
    "columns": ("a list of names", lambda value: as_list(value) is not None),
    "map": ("a mapping of columns to fields", _is_mapping),
    "set": (
        "a mapping of shots to their fields",
        lambda value: _is_mapping(value) and all(map(_is_mapping, (as_mapping(value) or {}).values())),
    ),
    "film": ("a mapping of the film's fields", _is_mapping),
    "encoding": ("the name of an encoding", _is_text),
    "assets": ("a folder or an address", _is_text),
    "accept_guesses": ("true or false", lambda value: isinstance(value, bool)),
}


def _wrong_assets(assets: str | None) -> list[Problem]:
    scheme, separator, rest = (assets or "").partition("://")
    if not separator:
        return []
    if scheme not in ("http", "https"):
        return [
            Problem("assets", shown(scheme), "is no address that pictures are read from", "http://, https://")
        ]
    if "@" in rest.partition("/")[0]:
        # The value is not repeated: it holds a password.
        return [Problem("assets", shown(rest.rpartition("@")[2]), "must not hold a user name or a password")]
    return []


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def read_map(path: Path) -> Settlement:
    """A map file.

    Raises:
        InvalidRequest: It cannot be read or is of another form.
    """
    text = decode_known(read_file(path, name=str(path)), name=path.name)
    return from_plain(plain_data(parse_yaml(text, name=path.name), name=path.name), path.name)


def map_beside(board: Path) -> Path:
    return board.with_name(f"{board.stem}.map.yaml")


def found_beside(board: Path, roots: InputRoots) -> tuple[Settlement, Path] | None:
    """The board's own map file, if it has one that may be read."""
    path = map_beside(board)
    return (read_map(path), path) if roots.allows(path) and path.is_file() else None


def found_for_shape(board: Path, shape: Sequence[str], roots: InputRoots) -> tuple[Settlement, Path] | None:
    """A map file in the board's folder that was written for a board with the same columns; None for several."""
    found: list[tuple[Settlement, Path]] = []
    for path in sorted(board.parent.glob("*.map.yaml"))[:50]:
        if not roots.allows(path):
            continue
        try:
            settlement = read_map(path)
        except InvalidRequest:
            continue
        if settlement.shape and set(settlement.shape) == set(shape):
            # What is said of single shots and of the film is about that board.
            found.append((replace(settlement, shots={}, film={}), path))
    agree = len({(tuple(sorted(s.columns.items())), s.encoding, s.assets) for s, _ in found}) == 1
    return found[0] if agree else None


def with_accepted(settlement: Settlement, parts: Iterable[Part]) -> Settlement:
    """With the guesses that were accepted as if each had been settled the way it was shown."""
    found: dict[str, list[str]] = {"--map": [], "--set": [], "--encoding": []}
    for part in parts:
        for option, value in zip(part.settle[::2], part.settle[1::2], strict=False):
            if part.sureness == "guessed":
                found[option].append(value)
    encoding = next(iter(found["--encoding"]), None)
    return settlement.over(settle(found["--map"], found["--set"], encoding=encoding))


def save_map(settlement: Settlement, path: Path) -> None:
    """Write a map file.

    Raises:
        StorageProblem: It cannot be written.
    """
    import yaml

    plain = {"columns": list(settlement.shape), **settlement.plain()}
    text = yaml.safe_dump(plain, allow_unicode=True, sort_keys=False)
    try:
        path.write_text(text, "utf-8")
    except OSError as error:
        raise StorageProblem(f"Could not write {path}: {error.strerror}.") from error
