"""Reads a request from what a file, a form or a command line gave, and says everything that is wrong with it."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from itertools import islice
from typing import Any, cast

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from footage.errors import InvalidRequest, Problem
from footage.order.planner import request_problems
from footage.privacy.display import shown
from footage.request import VideoRequest
from footage.values.field_types import HALF_CHARACTER

# A request has about twenty fields. Somebody who sends thousands gets so many named, and the number of the rest.
_MAX_NAMED = 20
_NAME_CHARS = 100
# A flag or a cell of a table is read as the number in it beforehand; only JSON and YAML have quotes.
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]{0,19})(?:\.[0-9]{1,20})?")

# What people and other tools write for our fields.
_OTHER_NAMES = {
    "image": "reference_image",
    "img": "reference_image",
    "img_url": "reference_image",
    "image_url": "reference_image",
    "first_frame": "reference_image",
    "end_frame": "last_frame",
    "tail_frame": "last_frame",
    "reference_images": "references",
    "reference_urls": "references",
    "media": "references",
    "first_clip": "extend_from",
    "video_url": "extend_from",
    "resolution": "size",
    "aspect_ratio": "size",
    "ratio": "size",
    "seconds": "duration",
    "length": "duration",
    "frame_rate": "fps",
    "framerate": "fps",
    "frames_per_second": "fps",
    "motion": "motion_strength",
    "negative": "negative_prompt",
    "text": "prompt",
    "version": "take",
}


def parse_request(data: Mapping[str, Any], *, default_region: str | None = None) -> VideoRequest:
    """Read a request from what a file, a form or a command line gave.

    A request that cannot be read is also checked, as far as the rest of it goes, against the rules of its
    model, so that one answer names everything. One that can be read is checked by `footage.order.plan`.

    Raises:
        InvalidRequest: `problems` names every field that is wrong; nothing was sent.
    """
    # Data from JSON or YAML is whatever its author wrote, whatever the annotation says.
    given = cast(object, data)
    if not isinstance(given, Mapping):
        problem = Problem("request", _kind_of(given), "A request is an object with fields such as prompt.")
        raise InvalidRequest(problems=(problem,))
    fields: dict[str, Any] = {}
    unknown: dict[object, Any] = {}
    for name, value in cast(Mapping[object, Any], given).items():
        # Not left to pydantic, which fails at names that are no text, or half of a character.
        known = isinstance(name, str) and name in VideoRequest.model_fields
        (fields if known else unknown)[name] = value  # pyright: ignore[reportArgumentType]
    problems: list[Problem] = []
    try:
        request = VideoRequest.model_validate(fields)
    except ValidationError as error:
        found = error.errors(include_url=False, include_context=True, include_input=False)
        problems += _type_problems(found, fields)
    else:
        if not unknown:
            return request
    wrong = {problem.field for problem in problems}
    problems += _unknown_field_problems(unknown)
    raise InvalidRequest(problems=(*problems, *_rule_problems(fields, wrong, default_region)))


def _rule_problems(fields: dict[str, Any], wrong: set[str], default_region: str | None) -> list[Problem]:
    """What the rules say about the fields that could be read."""
    stand_ins = {name: "-" for name in ("prompt", "model") if name in wrong}
    readable = {name: value for name, value in fields.items() if name not in wrong}
    request = VideoRequest.model_validate(stand_ins | readable)
    return [p for p in request_problems(request, default_region=default_region) if p.field not in wrong]


def _unknown_field_problems(unknown: Mapping[object, Any]) -> list[Problem]:
    """One problem for each name that is no field, up to a number that can be read."""
    named = islice(unknown.items(), _MAX_NAMED)
    problems = [_unknown_field_problem(name, value) for name, value in named]
    if (more := len(unknown) - _MAX_NAMED) > 0:
        message = f"There are no such fields either: {more:,} more names."
        problems.append(Problem("request", f"{len(unknown):,} unknown fields", message))
    return problems


def _unknown_field_problem(name: object, value: Any) -> Problem:
    if not isinstance(name, str):
        return Problem("request", shown(name), "is no name of a field: names are text.")
    known = list(VideoRequest.model_fields)
    word = name[:_NAME_CHARS].lower()
    near = _OTHER_NAMES.get(word)
    guesses = [near] if near else difflib.get_close_matches(word, known, n=1)
    hint = f" Did you mean {guesses[0]}?" if guesses else ""
    allowed = None if guesses else ", ".join(known)
    field = shown(name).strip("'") or "''"
    return Problem(field, shown(value, field=name), f"There is no such field.{hint}", allowed)


def _type_problems(errors: list[ErrorDetails], fields: dict[str, Any]) -> list[Problem]:
    by_field: dict[str, Problem] = {}
    for error in errors:
        # A union reports every branch under the same field; one sentence per field is enough.
        name = str(error["loc"][0])
        if name not in by_field:
            by_field[name] = _type_problem(name, error, fields.get(name))
    return list(by_field.values())


def _type_problem(name: str, error: ErrorDetails, value: Any) -> Problem:
    kind = error["type"]
    if kind == "missing":
        return Problem(name, "(missing)", "is required.")
    seen = shown(value, field=name)
    if kind in ("half_character", "string_unicode"):
        return Problem(name, seen, f"{HALF_CHARACTER}.")
    if kind == "references":
        return Problem(name, seen, f"{error['msg']}.")
    if kind == "literal_error":
        return Problem(name, seen, "is not one of the choices.", error.get("ctx", {}).get("expected"))
    if kind in ("whole_number", "number", "rate"):
        if isinstance(value, int | float) and not isinstance(value, bool):
            return Problem(name, seen, f"{error['msg']}.")
        quotes = (
            f": write {value} without quotes" if isinstance(value, str) and _NUMBER.fullmatch(value) else ""
        )
        return Problem(name, seen, f"{error['msg']}; this is {_kind_of(value)}{quotes}.")
    wanted = "true or false" if kind.startswith("bool") else "text"
    return Problem(name, seen, f"must be {wanted}; this is {_kind_of(value)}.")


def _kind_of(value: object) -> str:
    if value is None:
        return "nothing (null)"
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, int | float):
        return "a number"
    if isinstance(value, str):
        return "text"
    if isinstance(value, Mapping):
        return "an object"
    return "a list" if isinstance(value, list) else cast(type, type(value)).__name__
