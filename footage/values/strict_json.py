"""JSON from files that people write: no field twice, no NaN, and every mistake named; and how deep any JSON is."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, cast


class NotJson(ValueError):
    """The text is no JSON that means one thing: why, as words after its name, and at which line, if known."""

    def __init__(self, message: str, line: int | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.line = line


def parse(
    text: str,
    *,
    parse_int: Callable[[str], Any] | None = None,
    parse_float: Callable[[str], Any] | None = None,
) -> Any:
    """The document in a text; numbers as `parse_int` and `parse_float` make them, which may raise ValueError.

    Raises:
        NotJson: It is not JSON, has a field twice in one object, or a number that is none.
        RecursionError: It is nested deeper than Python goes.
    """
    try:
        # Editors on Windows put a byte order mark in front.
        return json.loads(
            text.removeprefix("\ufeff"),
            object_pairs_hook=_without_twins,
            parse_constant=_no_constant,
            parse_int=parse_int,
            parse_float=parse_float,
        )
    except json.JSONDecodeError as error:
        raise NotJson(f"is not JSON: {error.msg} (column {error.colno})", error.lineno) from error
    except NotJson:
        raise
    except ValueError as error:
        # Such as a number of more digits than Python reads.
        raise NotJson(f"is not JSON: {error}") from error


def deeper_than(value: Any, most: int) -> bool:
    """Whether objects and lists are nested in more than so many levels."""
    level: list[Any] = [value]
    for _ in range(most):
        level = [
            inner
            for outer in level
            if isinstance(outer, dict | list)
            for inner in (cast("dict[str, Any]", outer).values() if isinstance(outer, dict) else outer)
        ]
        if not level:
            return False
    return True


def _without_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        seen: set[str] = set()
        for name, _ in pairs:
            if name in seen:
                raise NotJson(f"has the field {name[:100]!r} twice in one object")
            seen.add(name)
    return found


def _no_constant(name: str) -> Any:
    raise NotJson(f"has {name}, which is no JSON number")
