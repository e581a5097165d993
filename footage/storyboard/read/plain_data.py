"""Bytes of a board file -> plain data, with a mistake named by its line.

A board comes from strangers: an e-mail, a web form, another tool. So its size, its depth, the number of its
values and what its aliases unfold to are bounded, and nothing in it can construct an object. With these bounds
any board is read or refused within 5 s and 200 MB.
"""

from __future__ import annotations

import csv
import datetime
import io
import math
import re
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any, cast

from footage.errors import InvalidRequest, Problem
from footage.privacy.display import shown
from footage.storyboard.board import MAX_SHOTS
from footage.values import strict_json

# The largest board we know of (2,000 shots with 1,500-character prompts in three languages) is 9 MB.
MAX_BYTES = 12 * 1024 * 1024
# Aliases let 1 KB of YAML unfold to gigabytes ("billion laughs"). 2,000 shots of 100 values are 200,000.
MAX_VALUES = 250_000
MAX_DEPTH = 60
# Beside its shots a table may have lines for scenes, sums and remarks.
MAX_ROWS = 2 * MAX_SHOTS
# Different names of fields in the rows of one list; crews' shot lists have 10 to 40 columns.
MAX_NAMES = 1000
# Python itself refuses numbers of more than 4,300 digits; none of a board has more than this.
_MAX_DIGITS = 400


def unreadable(message: str, *, line: int | None = None, name: str = "storyboard") -> InvalidRequest:
    where = f"{name}, line {line}" if line is not None else name
    return InvalidRequest(
        f"{where}: {message}",
        problems=(Problem(field=name, value=where, message=message),),
        next_step="correct the storyboard file; nothing was bought",
        line=line,
    )


def decode_known(data: bytes, *, name: str) -> str:
    """Text of a file that is UTF-8 by its format."""
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise unreadable("it is not UTF-8 text", name=name) from error


# Strings are skipped; what is left of these begins a value or a field. Possessive, so that nothing is tried again.
_JSON_VALUES = re.compile(r'"(?:[^"\\]++|\\.)*+"|[\[{,]', re.DOTALL)


class TooMuchError(Exception):
    """It holds more than a board may; in words."""


def parse_json(text: str, *, name: str) -> Any:
    try:
        _count_values(text)
        return strict_json.parse(text, parse_float=checked_float, parse_int=checked_int)
    except strict_json.NotJson as error:
        raise unreadable(error.message, line=error.line, name=name) from error
    except TooMuchError as error:
        raise unreadable(str(error), name=name) from error
    except RecursionError as error:
        raise unreadable(f"nested deeper than {MAX_DEPTH} levels", name=name) from error


def _count_values(text: str) -> None:
    """Before anything is built: 12 MB of `[],[],…` would become 500 MB of lists."""
    values = 0
    for found in _JSON_VALUES.finditer(text):
        if found[0][0] != '"':
            values += 1
            if values > MAX_VALUES:
                raise TooMuchError(f"more than {MAX_VALUES:,} values")


def checked_int(text: str) -> int:
    if len(text) > _MAX_DIGITS:
        raise ValueError(f"a number of {len(text):,} digits; allowed are {_MAX_DIGITS}")
    return int(text)


def checked_float(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text[:40]} is larger than any number")
    return value


def plain_data(value: object, *, name: str) -> Any:
    """A copy of a board's data in which there is only what a document can hold, within the bounds of a board.

    Names of fields become text, dates the text that they are written as. A value that is used several times
    counts each time.

    Raises:
        InvalidRequest: It holds too much, is too deep, contains itself, or has a value of no type that a board has.
    """
    return _Copy(name).of(value, "", 0)


class _Copy:
    def __init__(self, name: str) -> None:
        self._name = name
        self._values = 0

    def of(self, value: Any, field: str, depth: int) -> Any:
        self._count()
        if value is None or isinstance(value, str | bool | Decimal):
            return value
        if isinstance(value, int | float):
            return self._number(value, field)
        # The only picture that a board holds as such; a file cannot have one.
        if isinstance(value, bytes) and field == "reference_image":
            return value
        if isinstance(value, datetime.date | datetime.time):
            return value.isoformat()
        if depth >= MAX_DEPTH and isinstance(value, Mapping | list | tuple):
            raise unreadable(f"nested deeper than {MAX_DEPTH} levels", name=self._name)
        if isinstance(value, Mapping):
            return self._mapping(cast("Mapping[Any, Any]", value), depth + 1)
        if isinstance(value, list | tuple):
            items = cast("list[Any]", value)
            _check_rows(items, self._name)
            return [self.of(item, field, depth + 1) for item in items]
        message = f"the field {shown(field)} has a {type(value).__name__}, which no board can hold"
        raise unreadable(message, name=self._name)

    def _mapping(self, fields: Mapping[Any, Any], depth: int) -> dict[str, Any]:
        copy: dict[str, Any] = {}
        for key, value in fields.items():
            field = self._key(key)
            if field in copy:
                raise unreadable(f"the field {shown(field)} is given twice", name=self._name)
            copy[field] = self.of(value, field, depth)
        return copy

    def _key(self, key: Any) -> str:
        # Broken texts are left to the plan, which names their shot; a broken name has no place to be kept.
        if not isinstance(key, str | int | float | datetime.date):
            raise unreadable(f"the name of a field has to be text, {shown(key)} is none", name=self._name)
        text = str(key)
        try:
            text.encode()
        except UnicodeEncodeError:
            message = f"the field {text[:40]!a} has half of a character (a lone surrogate) in its name"
            raise unreadable(message, name=self._name) from None
        return text

    def _number(self, number: float, field: str) -> float:
        if isinstance(number, float) and not math.isfinite(number):
            raise unreadable(f"the field {shown(field)} is no finite number", name=self._name)
        if isinstance(number, int) and number.bit_length() > _MAX_DIGITS * 3.33:
            raise unreadable(f"the field {shown(field)} has more than {_MAX_DIGITS} digits", name=self._name)
        return number

    def _count(self) -> None:
        self._values += 1
        if self._values > MAX_VALUES:
            raise unreadable(f"more than {MAX_VALUES:,} values", name=self._name)


def _check_rows(items: Iterable[Any], name: str) -> None:
    """Readers look for columns in every row, so rows and their names are bounded."""
    names: set[Any] = set()
    rows = 0
    for item in items:
        if isinstance(item, Mapping):
            rows += 1
            names.update(cast("Mapping[Any, Any]", item))
        if rows > MAX_ROWS:
            raise unreadable(
                f"a list of more than {MAX_ROWS:,} entries; a board has at most {MAX_SHOTS:,} shots",
                name=name,
            )
        if len(names) > MAX_NAMES:
            raise unreadable(
                f"the entries of a list have more than {MAX_NAMES:,} different fields", name=name
            )


def parse_rows(text: str, *, name: str, delimiter: str, strict: bool = True) -> list[tuple[int, list[str]]]:
    """A delimited table as (line number, cells) per line that is not blank."""
    lines: list[tuple[int, list[str]]] = []
    values = 0
    try:
        # StringIO would keep four bytes of each character.
        data = io.BytesIO(text.encode("utf-8", "surrogatepass"))
        parts = io.TextIOWrapper(data, "utf-8", "surrogatepass", newline="")
        reader = csv.reader(parts, delimiter=delimiter, strict=strict)
        for row in reader:
            # Lines without a word are not kept and not counted.
            if any(map(str.strip, row)):
                if any(map(str.strip, row[MAX_NAMES:])):
                    raise unreadable(f"more than {MAX_NAMES:,} columns", line=reader.line_num, name=name)
                values += len(row)
                if values > MAX_VALUES:
                    raise unreadable(f"more than {MAX_VALUES:,} values", line=reader.line_num, name=name)
                lines.append((reader.line_num, [cell.strip() for cell in row[:MAX_NAMES]]))
            if len(lines) > MAX_ROWS:
                raise unreadable(
                    f"a table of more than {MAX_ROWS:,} lines; a board has at most {MAX_SHOTS:,} shots",
                    name=name,
                )
    except csv.Error as error:
        raise unreadable(f"not a readable CSV table: {error}", name=name) from error
    return lines


def as_mapping(value: object) -> Mapping[str, Any] | None:
    return cast("Mapping[str, Any]", value) if isinstance(value, Mapping) else None


def as_list(value: object) -> list[Any] | None:
    return list(cast("list[Any]", value)) if isinstance(value, list | tuple) else None
