"""The payload of an event that asks for a clip: text of strangers, read as a request and as nothing else.

Prefect fills in templates and reads server variables wherever a parameter holds an object with `__prefect_kind`, so a
payload must never become parameters. It arrives as one text, which is parsed here: only fields of a request are
taken, and what would be a permission or a block in a run's parameters is an unknown field in a payload.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, cast

from footage.errors import InvalidRequest, Problem
from footage.order.parse import parse_request
from footage.privacy.display import one_line, shown
from footage.request import VideoRequest
from footage.values import strict_json

# A request with a prompt of 1,500 characters has about 4 KB; an inline image does not belong into an event.
MAX_CHARS = 512 * 1024
_DIRECTIVE = "__prefect_kind"
# What Jinja would fill in. Somebody upstream forgot to, and a clip of the braces would be paid for.
_TEMPLATE = re.compile(r"\{\{|\{%|\{#")


def request_of(payload: str) -> VideoRequest:
    """The request in a payload.

    Raises:
        InvalidRequest: It is no JSON object, or has unknown fields, values of a wrong type, templates or
            directives of Prefect in it; each is named.
    """
    if len(payload) > MAX_CHARS:
        raise _unreadable(f"has {len(payload)} characters; at most {MAX_CHARS} are read.")
    try:
        document = strict_json.parse(payload)
    except strict_json.NotJson as error:
        raise _unreadable(f"{error.message}.") from None
    except RecursionError:
        raise _unreadable("is nested too deeply; a request is one JSON object of plain values.") from None
    if not isinstance(document, dict):
        raise _unreadable("is no JSON object with fields such as prompt.")
    fields = cast("dict[str, Any]", document)
    problems = [problem for name, value in fields.items() if (problem := _unfilled(name, value))]
    if problems:
        raise InvalidRequest(
            problems=tuple(problems), next_step="emit the event again with the values themselves"
        )
    return parse_request(fields)


def name_of(payload: str) -> str:
    """What a run for this payload is called: model and the beginning of the prompt, where they can be read."""
    try:
        request = request_of(payload)
    except InvalidRequest:
        return "a request that is refused"
    return f"{request.model}: {one_line(request.prompt)[:40]}"


def _unfilled(name: str, value: object) -> Problem | None:
    """The problem with a value that something else was meant to fill in."""
    if isinstance(value, dict) and _DIRECTIVE in value:
        message = "Prefect's variables and templates are not filled in here; an event holds the values."
        return Problem(f"{name}.{_DIRECTIVE}", shown(cast("dict[str, Any]", value)[_DIRECTIVE]), message)
    if isinstance(value, list | dict):
        inner = value.values() if isinstance(value, dict) else value
        return next(
            (problem for one in cast("Iterable[object]", inner) if (problem := _unfilled(name, one))), None
        )
    if isinstance(value, str) and (found := _TEMPLATE.search(value)):
        message = f"holds a template ({found[0]}), which is not filled in here; an event holds the values."
        return Problem(name, shown(value), message)
    return None


def _unreadable(message: str) -> InvalidRequest:
    return InvalidRequest(problems=(Problem("payload", "(text)", message),))
