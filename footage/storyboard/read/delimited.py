"""Delimited text as a table: the delimiter that yields the best head, below titles, and its rows."""

from __future__ import annotations

import io
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice

from footage.errors import InvalidRequest
from footage.request import MEDIA_FIELDS
from footage.storyboard.board import REQUEST_FIELDS
from footage.storyboard.read import words
from footage.storyboard.read.plain_data import parse_rows, unreadable

_DELIMITERS = (",", ";", "\t", "|")
# A title, a date and a blank line often stand above the head of a shot list.
_HEAD_WITHIN_LINES = 10
_SEP = re.compile(r"^\ufeff?\s*\"?sep=(.)\"?[ \t]*\r?\n", re.IGNORECASE)
_UNIT = re.compile(
    r"^[(（\[]?\s*(s|secs?|seconds|sek|seg|ms|min|f|frames?|fps|mm|cm|m|px|°|秒|帧|幀|コマ|초|毫秒)\.?\s*[)）\]]?$",
    re.IGNORECASE,
)
_COLON = re.compile(r"\s*[:：]\s*")
_REQUEST_WORDS = frozenset(map(words.plain, REQUEST_FIELDS - {*MEDIA_FIELDS}))

Lines = Sequence[tuple[int, Sequence[str]]]


@dataclass(frozen=True)
class Table:
    """A head, the rows below it as (line, cells by column), the lines above it, and the lines that a person hid.

    `hidden_columns` a person hid as well; `shared` are the columns, by line, whose cell is merged with the one above
    it; `said` is what the lines above the head say by name.
    """

    head: list[str]
    rows: list[tuple[int, dict[str, str]]]
    above: list[str]
    hidden: frozenset[int] = frozenset()
    hidden_columns: frozenset[str] = frozenset()
    shared: Mapping[int, Sequence[str]] = field(default_factory=dict[int, list[str]])
    said: Mapping[str, str] = field(default_factory=dict[str, str])


def is_known(cell: str, named: Collection[str] = ()) -> bool:
    """Whether a cell is a word that a head can have; `named` are columns that a person named."""
    word = words.plain(cell)
    return bool(cell) and bool(words.roles_of(cell) or word in _REQUEST_WORDS or word in named)


def parse(text: str, *, name: str, named: Collection[str] = ()) -> Table:
    """A delimited text as a table.

    Raises:
        InvalidRequest: It has no head, a row has more cells than the head, or it is larger than a board.
    """
    if match := _SEP.match(text):
        text, delimiter = text[match.end() :], match[1]
    else:
        delimiter = _delimiter(text, named)
    return from_lines(parse_rows(text, name=name, delimiter=delimiter), name=name, named=named)


def from_lines(lines: Lines, *, name: str, named: Collection[str] = ()) -> Table:
    """Lines of cells, such as those of a sheet, as a table.

    Raises:
        InvalidRequest: They have no head, or a row has more cells than it.
    """
    found = _head(lines, named)
    if found is None:
        raise unreadable(
            "no head line found: a shot list needs a line that names its columns, such as "
            "scene, shot, description, duration",
            name=name,
        )
    titles, below = list(lines[found][1]), lines[found + 1 :]
    if below and (units := _units(below[0][1], len(titles))):
        titles = [f"{title} {unit}".strip() for title, unit in zip(titles, units, strict=True)]
        below = below[1:]
    head = _names(titles)
    rows: list[tuple[int, dict[str, str]]] = []
    for line, cells in below:
        if any(cells[len(head) :]):
            raise unreadable(
                f"{len(cells)} cells under a head of {len(head)}; is a comma missing its quotes?",
                line=line,
                name=name,
            )
        rows.append((line, {key: cell for key, cell in zip(head, cells, strict=False) if cell}))
    above = [" ".join(cell for cell in cells if cell) for _, cells in lines[:found]]
    return Table(head, rows, above, said=_said([cells for _, cells in lines[:found]]))


def _said(lines: Sequence[Sequence[str]]) -> dict[str, str]:
    """What lines say by the name of a column: "Aspect ratio: 9:16", or the name and its value in two cells."""
    said: dict[str, str] = {}
    for cells in lines:
        filled = [cell for cell in cells if cell]
        pairs = [filled] if len(filled) == 2 else []
        pairs += [_COLON.split(cell, maxsplit=1) for cell in filled]
        for name, value in (pair for pair in pairs if len(pair) == 2):
            name = name.rstrip(":： ")
            if words.roles_of(name) or words.plain(name) in words.LOOK:
                said.setdefault(name, value)
    return said


def _units(cells: Sequence[str], width: int) -> list[str] | None:
    """The units of the columns in brackets, where the line below the head has nothing else."""
    known = [_UNIT.match(cell) for cell in cells]
    if (
        len(cells) > width
        or not any(known)
        or any(cell and not unit for cell, unit in zip(cells, known, strict=True))
    ):
        return None
    return [*(f"({unit[1]})" if unit else "" for unit in known), *[""] * (width - len(cells))]


def _names(cells: Sequence[str]) -> list[str]:
    """Names of the columns, each once."""
    names: list[str] = []
    for place, cell in enumerate(cells, start=1):
        name = cell or f"column {place}"
        names.append(name if name not in names else f"{name} ({place})")
    return names


def has_head(text: str) -> bool:
    """Whether a text without a telling file name starts like a shot list."""
    return _quality(text, _delimiter(text, ()), ()) > 0


def head_is_told_by_words(text: str) -> bool:
    """Whether the head has words beyond ASCII and all of those are known: then the text is decoded right."""
    try:
        head = parse("".join(islice(io.StringIO(text), _HEAD_WITHIN_LINES * 4)), name="").head
    except InvalidRequest:
        return False
    telling = [cell for cell in head if not cell.isascii()]
    return bool(telling) and all(map(is_known, telling))


def _delimiter(text: str, named: Collection[str]) -> str:
    """The delimiter under which a line has most words that a head has; commas inside prompts mislead counting."""
    return max(_DELIMITERS, key=lambda mark: _quality(text, mark, named))


def _quality(text: str, delimiter: str, named: Collection[str]) -> int:
    first = "".join(islice(io.StringIO(text), _HEAD_WITHIN_LINES))
    try:
        lines = parse_rows(first, name="", delimiter=delimiter, strict=False)
    except InvalidRequest:
        return 0
    found = _head(lines, named)
    return sum(is_known(cell, named) for cell in lines[found][1]) if found is not None else 0


def _head(lines: Lines, named: Collection[str]) -> int | None:
    """The line in which the most cells are words we know; at least two, or the only column is one."""
    best, most = None, 0
    for place, (_, cells) in enumerate(lines[:_HEAD_WITHIN_LINES]):
        known = sum(1 for cell in cells if is_known(cell, named))
        if known > most:
            best, most = place, known
    enough = most >= 2 or (best is not None and len(lines[best][1]) == 1)
    return best if enough else None
