"""Whether what was read fits our own schema."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from pydantic import ValidationError

from footage.errors import InvalidRequest, Problem
from footage.privacy.display import shown
from footage.storyboard.board import MAX_SHOTS, SPLIT, Board
from footage.storyboard.read.plain_data import as_list, as_mapping


def validated_board(plain: Mapping[str, Any], problems: list[Problem]) -> Board:
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
