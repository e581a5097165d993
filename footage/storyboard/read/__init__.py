"""Storyboards in: our own schema, shot lists and the formats of other tools, told apart by their shape."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from footage.errors import InvalidRequest, Problem
from footage.input_roots import InputRoots
from footage.privacy.display import shown
from footage.storyboard.board import Board
from footage.storyboard.guesses import Guess
from footage.storyboard.read import (
    around,
    containers,
    left_out,
    otio_child,
    otio_file,
    own,
    rows,
    settlement,
    words,
    written,
)
from footage.storyboard.read import delimited as table
from footage.storyboard.read.board_file import read_file
from footage.storyboard.read.draft import Parsed, pictures_below
from footage.storyboard.read.film_files import film_below
from footage.storyboard.read.finish import finish
from footage.storyboard.read.formats import (
    DIALECTS,
    FORMATS,
    TABLE_SUFFIXES,
    TEXT_SUFFIXES,
    looks_like_table,
    parse_data,
    recognize,
    unwrapped,
)
from footage.storyboard.read.mapping import Part, refusal
from footage.storyboard.read.plain_data import (
    MAX_BYTES,
    as_list,
    as_mapping,
    parse_json,
    plain_data,
    unreadable,
)
from footage.storyboard.read.settlement import Settlement
from footage.storyboard.read.text_encoding import decode
from footage.storyboard.read.validation import validated_board

__all__ = ["FORMATS", "Part", "Reading", "Settlement", "read_board"]


class Reading(NamedTuple):
    """A board, what was worked out to read it, its format, and the whole mapping.

    `settlement` is what a person said, map file included, with the names of the columns.
    """

    board: Board
    guesses: tuple[Guess, ...]
    format: str
    mapping: tuple[Part, ...] = ()
    settlement: Settlement = Settlement()


class _Source(NamedTuple):
    """What is read: bytes or data, and what is known about where it comes from."""

    data: Any
    name: str
    path: Path | None
    base: Path | None

    @property
    def argument(self) -> str:
        """What the command calls it."""
        return str(self.path) if self.path is not None else self.name

    @property
    def suffix(self) -> str:
        return self.path.suffix.casefold() if self.path is not None else ""


class _Content(NamedTuple):
    """What the bytes hold: a format and its text, lines of cells, or data."""

    format: str | None
    text: str = ""
    data: Any = None
    table: table.Table | None = None
    part: Part | None = None


def read_board(
    source: str | Path | bytes | Mapping[str, Any] | list[Any],
    format: str | None = None,
    *,
    base: Path | None = None,
    name: str | None = None,
    defaults: Mapping[str, Any] | None = None,
    roots: InputRoots | None = None,
    settled: Settlement | None = None,
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
        settled: What a person said about the board; a map file beside it is read as well, and says less.

    Raises:
        InvalidRequest: It cannot be read (with the line where there is one), is in no known format, its
            fields do not fit, or something that would change what is bought is guessed (`mapping` and
            `suggestion` then say what and how to settle it); all problems at once, with shot ids. Whether the
            board can be *made* is found out by `plan_board`.
    """
    if format is not None and format not in FORMATS:
        allowed = ", ".join(FORMATS)
        raise InvalidRequest(problems=(Problem("format", shown(format), "is not a format we read", allowed),))
    roots = roots or InputRoots.anywhere()
    given = _source(source, base, name, roots)
    said = settled or Settlement()
    used: Path | None = None
    if given.path is not None and (beside := settlement.found_beside(given.path, roots)):
        said, used = said.over(beside[0]), beside[1]
    content = _content(given, format, said)
    if given.path is not None and content.table is not None and not said.columns:
        shared = settlement.found_for_shape(given.path, content.table.head, roots)
        said, used = (said.over(shared[0]), shared[1]) if shared else (said, used)
    if said.assets is not None and "://" not in said.assets:
        roots.require(said.assets, "assets")
        if not Path(said.assets).expanduser().is_dir():
            raise InvalidRequest(problems=(Problem("assets", shown(said.assets), "is no folder"),))
    reading = _reading(given, content, said, dict(defaults or {}), roots)
    if used is None:
        return reading
    return reading._replace(guesses=(_map_used(used), *reading.guesses))


def _map_used(path: Path) -> Guess:
    return Guess(None, "mapping", path.name, str(path), "answers about this board or one of its shape")


def _source(
    source: str | Path | bytes | Mapping[str, Any] | list[Any],
    base: Path | None,
    name: str | None,
    roots: InputRoots,
) -> _Source:
    if not isinstance(source, str | Path):
        return _Source(source, name or "storyboard", None, base)
    roots.require(source, "board")
    try:
        path = Path(source).expanduser()
    except RuntimeError as error:  # a home of nobody
        raise unreadable(str(error), name=str(source)) from error
    data = read_file(path, name=str(source))
    return _Source(data, name or path.name, path, base or path.resolve().parent)


def _content(given: _Source, format: str | None, said: Settlement) -> _Content:
    """What the bytes hold, as far as no board has to be understood for it."""
    data = given.data
    if not isinstance(data, bytes):
        return _Content(format, data=plain_data(data, name=given.name))
    if len(data) > MAX_BYTES:
        message = f"the file has {len(data):,} bytes, allowed are {MAX_BYTES:,}"
        raise unreadable(message, name=given.name)
    named = frozenset(map(words.plain, said.columns))
    containers.refuse_other_kinds(data, given.suffix, given.name)
    if containers.is_zip(data):
        with containers.opened(data, name=given.name) as archive:
            if (timeline := containers.timeline_of(archive, name=given.name)) is not None:
                return _Content(otio_file.FORMAT, timeline, parse_json(timeline, name=given.name))
            sheet = containers.sheet_of(data, archive, name=given.name)
        found = table.from_lines(sheet.lines, name=given.name, named=named)
        shared = {
            line: [found.head[place] for place in places if place < len(found.head)]
            for line, places in sheet.shared.items()
        }
        hidden_columns = frozenset(
            name for place, name in enumerate(found.head) if place in sheet.hidden_columns
        )
        found = replace(found, hidden=sheet.hidden, hidden_columns=hidden_columns, shared=shared)
        return _Content(rows.FORMAT, table=found)
    text, part = decode(
        data,
        name=given.name,
        board=given.argument,
        given=said.encoding,
        knows=table.head_is_told_by_words,
        accept=said.accept_guesses,
    )
    lines = written.markdown_lines(text, name=given.name) if given.suffix in TEXT_SUFFIXES else None
    if lines is not None:
        found = table.from_lines(lines, name=given.name, named=named)
        return _Content(rows.FORMAT, text, table=found, part=part)
    text = written.without_fence(text, name=given.name) if given.suffix not in TABLE_SUFFIXES else text
    if looks_like_table(text, given.suffix, format):
        if not text.strip():
            raise unreadable("it is empty", name=given.name)
        found = table.parse(text, name=given.name, named=named)
        return _Content(rows.FORMAT, text, table=found, part=part)
    parsed = parse_data(text, given.suffix, given.name)
    return _Content(format, text, None if parsed is None else plain_data(parsed, name=given.name), part=part)


def _reading(
    given: _Source, content: _Content, said: Settlement, defaults: dict[str, Any], roots: InputRoots
) -> Reading:
    data, wrapper = content.data, dict[str, Any]()
    if content.format is None:
        data, wrapper = unwrapped(data)
    format = content.format or recognize(data, given.name)
    if format == otio_file.FORMAT and (ours := own.kept_in_timeline(data, given.name)) is not None:
        format, data = own.FORMAT, ours
    with pictures_below(roots, said.assets):
        if format == own.FORMAT:
            board, guesses, parts = _own_board(data, given, said, defaults)
        else:
            board, guesses, parts, shape = _foreign_board(format, data, content, given, said, defaults)
            said = said.over(Settlement(shape=shape))
    if content.part is not None:
        parts.insert(0, content.part)
        guesses.insert(0, Guess(None, "encoding", "the bytes", content.part.becomes, content.part.why))
    if wrapper:
        board = board.model_copy(update={"metadata": {**wrapper, **board.metadata}})
    return Reading(board, tuple(guesses), format, tuple(parts), said)


def _own_board(
    data: object, given: _Source, said: Settlement, defaults: dict[str, Any]
) -> tuple[Board, list[Guess], list[Part]]:
    plain, guesses, problems = own.read(data, given.base)
    if not plain.get("title"):
        plain["title"] = Path(given.name).stem
    if defaults:
        plain["defaults"] = {**(as_mapping(plain.get("defaults")) or {}), **defaults}
    if said.columns:
        message = "a board of our own schema has no columns to map"
        problems.append(Problem("map", shown(", ".join(said.columns)), message))
    ids = [str((as_mapping(shot) or {}).get("id")) for shot in as_list(plain.get("shots")) or []]
    unknown = [shot for shot in said.shots if shot not in ids]
    allowed = ", ".join(ids[:20])
    problems += [Problem("set", shown(shot), "no shot of the board has this id", allowed) for shot in unknown]
    plain["shots"] = [
        {**shot, **{name: value for name, value in said.shots.get(shot_id, {}).items() if name != "skip"}}
        for shot_id, shot in zip(ids, as_list(plain.get("shots")) or [], strict=True)
        if not said.shots.get(shot_id, {}).get("skip")
    ]
    _say_of_film(plain, given, said, problems)
    return validated_board(plain, problems), guesses, []


def _foreign_board(
    format: str, data: object, content: _Content, given: _Source, said: Settlement, defaults: dict[str, Any]
) -> tuple[Board, list[Guess], list[Part], tuple[str, ...]]:
    parsed = _dialect(format, data, content, given, said)
    parts = finish(parsed, said, defaults)
    open_parts = [part for part in parts if part.sureness == "guessed"]
    if open_parts and not (said.accept_guesses and all(part.acceptable for part in open_parts)):
        if said.accept_guesses:
            open_parts = [part for part in open_parts if not part.acceptable]
        raise refusal(open_parts, given.argument, said.film_options())
    guesses = [*parsed.guesses, *(guess for draft in parsed.drafts for guess in draft.guesses)]
    guesses += [Guess(p.shot_id, p.field, p.source, p.becomes, f"{p.why}; accepted") for p in open_parts]
    plain = {
        "title": parsed.title or Path(given.name).stem,
        "defaults": parsed.defaults,
        "shots": [draft.finished() for draft in parsed.drafts],
        "metadata": {"format": parsed.format, **parsed.metadata},
    }
    problems: list[Problem] = []
    _say_of_film(plain, given, said, problems)
    return validated_board(plain, problems), guesses, parts, parsed.shape


def _say_of_film(plain: dict[str, Any], given: _Source, said: Settlement, problems: list[Problem]) -> None:
    """Put what a person says of the film over what the board says of it."""
    if said.film:
        fields = own.film_fields(film_below(said.film, given.base), problems)
        plain["film"] = {**(as_mapping(plain.get("film")) or {}), **fields}


def _dialect(format: str, data: object, content: _Content, given: _Source, said: Settlement) -> Parsed:
    if format == rows.FORMAT:
        if content.table is None:
            empty = "it is empty" if data is None else "a CSV shot list has to be given as a file or as bytes"
            raise unreadable(empty, name=given.name)
        return rows.read_table(content.table, given.base, said)
    if format == otio_file.FORMAT:
        return otio_child.read(content.text or json.dumps(data), given.base, name=given.name)
    if format == rows.JSON_FORMAT:
        return rows.read_json(data, given.base, said)
    dialect = next(dialect for dialect in DIALECTS if format == dialect.FORMAT)
    parsed = dialect.read(data, given.base)
    around.put_shape(parsed)
    left_out.take_out(parsed)
    return parsed
