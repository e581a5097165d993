"""Storyboards in: our own schema, shot lists and the formats of other tools, told apart by their shape."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple, cast

from pydantic import ValidationError

from footage.errors import InvalidRequest, Problem
from footage.input_roots import InputRoots
from footage.printable import shown
from footage.storyboard.board import MAX_SHOTS, SPLIT, Board
from footage.storyboard.guesses import Guess
from footage.storyboard.read import arcreel, huobao, otio_child, otio_file, own, rows, toonflow, vimax
from footage.storyboard.read.document import (
    as_list,
    as_mapping,
    decode,
    parse_json,
    plain_data,
    unreadable,
)
from footage.storyboard.read.draft import Parsed, pictures_below
from footage.storyboard.read.fit import fit
from footage.storyboard.read.source import read_file
from footage.storyboard.read.yaml_text import parse_yaml

__all__ = ["FORMATS", "Reading", "read_board"]

FORMATS: tuple[str, ...] = (
    own.FORMAT, rows.FORMAT, rows.JSON_FORMAT, vimax.FORMAT, huobao.FORMAT, toonflow.FORMAT, arcreel.FORMAT,
    otio_file.FORMAT,
)  # fmt: skip
# The order matters where shapes overlap: a huobao row also has what a plain list needs.
_DIALECTS = (vimax, arcreel, toonflow, huobao)


class Reading(NamedTuple):
    """A board, what had to be guessed to read it, and the format it was read as."""

    board: Board
    guesses: tuple[Guess, ...]
    format: str


def read_board(
    source: str | Path | bytes | Mapping[str, Any] | list[Any],
    format: str | None = None,
    *,
    base: Path | None = None,
    name: str | None = None,
    defaults: Mapping[str, Any] | None = None,
    roots: InputRoots | None = None,
) -> Reading:
    """Read a storyboard from a file path, from its bytes, or from data that is already loaded.

    Args:
        source: A path (str or Path), the bytes of a file, or a mapping or list as JSON would give it.
        format: One of FORMATS; None finds it from the shape.
        base: Folder that relative image paths start from; the file's own folder when `source` is a path.
        name: What messages call the board; the file's name when `source` is a path.
        defaults: Request fields for all shots, such as a model from the command line; they win over the
            board's own defaults, not over what a shot says itself.
        roots: Below which folders the board and its pictures are read; None: anywhere.

    Raises:
        InvalidRequest: It cannot be read (with the line where there is one), is in no known format, or its
            fields do not fit; all problems at once, with shot ids. Whether the board can be *made* is
            found out by `plan_board`.
    """
    if format is not None and format not in FORMATS:
        allowed = ", ".join(FORMATS)
        raise InvalidRequest(problems=(Problem("format", shown(format), "is not a format we read", allowed),))
    roots = roots or InputRoots.anywhere()
    if isinstance(source, str | Path):
        roots.require(source, "board")
        try:
            path = Path(source).expanduser()
        except RuntimeError as error:  # a home of nobody
            raise unreadable(str(error), name=str(source)) from error
        data: Any = read_file(path, name=str(source))
        base, name, suffix = base or path.resolve().parent, name or path.name, path.suffix.casefold()
    else:
        data, name, suffix = source, name or "storyboard", ""

    encoding: str | None = None
    text = ""
    if isinstance(data, bytes):
        text, encoding = decode(data, name=name)
        if _looks_like_table(text, suffix, format):
            format, data = rows.FORMAT, None
        else:
            data = _parse(text, suffix, name)
    if data is not None:
        data = plain_data(data, name=name)
    wrapper: dict[str, Any] = {}
    if format is None:
        data, wrapper = _unwrapped(data)
    found = format or _recognize(data, name)
    with pictures_below(roots):
        board, guesses = _as_board(found, data, text, base, name, dict(defaults or {}))
    if wrapper:
        board = board.model_copy(update={"metadata": {**wrapper, **board.metadata}})
    if encoding:
        guesses.insert(
            0, Guess(None, "encoding", "the bytes", encoding, "it is not UTF-8 and does not say what it is")
        )
    return Reading(board, tuple(guesses), found)


def _looks_like_table(text: str, suffix: str, format: str | None) -> bool:
    if format is not None:
        return format == rows.FORMAT
    if suffix in (".csv", ".tsv"):
        return True
    return suffix in ("", ".txt") and text.lstrip()[:1] not in ("{", "[") and rows.has_head(text)


def _parse(text: str, suffix: str, name: str) -> Any:
    if suffix in (".json", ".otio") or text.lstrip()[:1] in ("{", "["):
        return parse_json(text, name=name)
    return parse_yaml(text, name=name)


def _unwrapped(data: object) -> tuple[object, dict[str, Any]]:
    """What web applications answer, `{"code": 0, "data": …}`, without the wrapping, and the wrapping."""
    outer = as_mapping(data)
    if outer is None or not isinstance(outer.get("data"), Mapping | list):
        return data, {}
    if any(as_list(value) for key, value in outer.items() if key != "data"):
        return data, {}
    return outer["data"], {key: value for key, value in outer.items() if key != "data"}


def _recognize(data: object, name: str) -> str:
    if data is None:
        raise unreadable("it is empty", name=name)
    if otio_file.matches(data):
        return otio_file.FORMAT
    if own.matches(data):
        return own.FORMAT
    for dialect in _DIALECTS:
        if dialect.matches(data):
            return dialect.FORMAT
    if rows.matches(data):
        return rows.JSON_FORMAT
    outer = as_mapping(data)
    if outer is not None and as_list(outer.get("shots")) is not None:
        return own.FORMAT  # its own reader says best what is missing
    raise unreadable(
        f"the format is not recognized; known are {', '.join(FORMATS)}. Our own starts with "
        "`schema: wan-video/storyboard/1` and has a list of `shots`",
        name=name,
    )


def _as_board(
    format: str, data: object, text: str, base: Path | None, name: str, given: dict[str, Any]
) -> tuple[Board, list[Guess]]:
    if format == own.FORMAT:
        plain, guesses, problems = own.read(data, base)
        if not plain.get("title"):
            plain["title"] = Path(name).stem
        if given:
            plain["defaults"] = {**(as_mapping(plain.get("defaults")) or {}), **given}
        return _validated(plain, problems), guesses
    parsed = _dialect(format, data, text, base, name)
    parsed.defaults.update(given)
    for draft in parsed.drafts:
        fit(draft, parsed.defaults)
    guesses = [*parsed.guesses, *(guess for draft in parsed.drafts for guess in draft.guesses)]
    plain = {
        "title": parsed.title or Path(name).stem,
        "defaults": parsed.defaults,
        "shots": [draft.finished() for draft in parsed.drafts],
        "metadata": {"format": parsed.format, **parsed.metadata},
    }
    return _validated(plain, []), guesses


def _dialect(format: str, data: object, text: str, base: Path | None, name: str) -> Parsed:
    if format == rows.FORMAT:
        if not text:
            empty = "it is empty" if data is None else "a CSV shot list has to be given as a file or as bytes"
            raise unreadable(empty, name=name)
        return rows.read_csv(text, base, name=name)
    if format == otio_file.FORMAT:
        return otio_child.read(text or json.dumps(data), base, name=name)
    if format == rows.JSON_FORMAT:
        return rows.read_json(data, base)
    dialect = next(dialect for dialect in _DIALECTS if format == dialect.FORMAT)
    return dialect.read(data, base)


def _validated(plain: Mapping[str, Any], problems: list[Problem]) -> Board:
    """The board, or every problem of its form at once, named by shot id instead of by position."""
    if (count := len(as_list(plain.get("shots")) or [])) > MAX_SHOTS:
        problem = Problem("shots", f"{count:,} shots", SPLIT, f"1 to {MAX_SHOTS:,}")
        raise InvalidRequest(problems=(*problems, problem))
    try:
        board = Board.model_validate(plain)
    except ValidationError as error:
        ids = [str((as_mapping(shot) or {}).get("id")) for shot in as_list(plain.get("shots")) or []]
        problems = [*problems, *(_problem(cast("Mapping[str, Any]", found), ids) for found in error.errors())]
    else:
        if not problems:
            return board
    raise InvalidRequest(problems=tuple(problems))


def _problem(found: Mapping[str, Any], ids: list[str]) -> Problem:
    where = ""
    steps = list(found["loc"])
    if len(steps) > 1 and steps[0] == "shots" and isinstance(steps[1], int) and steps[1] < len(ids):
        where, steps = f"shots[{ids[steps[1]]}]", steps[2:]
    for step in steps:
        where += f"[{step}]" if isinstance(step, int) else f".{step}" if where else str(step)
    message = str(found["msg"]).removeprefix("Value error, ")
    return Problem(where or "storyboard", shown(found.get("input")), message)
