"""A request from a file, from stdin, from flags, or from all of them: a flag beats the file."""

from __future__ import annotations

import difflib
import json
import sys
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter
from pydantic import BaseModel, create_model

from footage.errors import InvalidRequest, Problem
from footage.request import VideoRequest

_NUMBERS = ("duration", "fps", "seed", "motion_strength", "take")
_SWITCHES = ("prompt_extend", "audio", "watermark", "strict")


def _flag(name: str, description: str | None) -> Any:
    kind = bool | None if name in _SWITCHES else str | None
    return Annotated[kind, Parameter(help=description)], None


# Text for everything but switches: what cannot be read as a number is reported by the rules, with all the rest.
Flags: type[BaseModel] = create_model(
    "Flags", **{name: _flag(name, info.description) for name, info in VideoRequest.model_fields.items()}
)

# "-" stands for stdin, and is no option.
RequestFile = Annotated[str | None, Parameter(allow_leading_hyphen=True)]

RequestFlags = Annotated[Flags | None, Parameter(name="*", group="Request")]  # pyright: ignore[reportInvalidTypeForm]


def collect(file: str | None, flags: BaseModel | None) -> dict[str, Any]:
    """The request as plain data, not yet checked.

    Raises:
        InvalidRequest: The file cannot be read or is not a JSON object, or nothing was asked for.
    """
    request = _from_file(file) if file is not None else {}
    given = flags.model_dump(exclude_none=True) if flags is not None else {}
    request |= {name: _number(value) if name in _NUMBERS else value for name, value in given.items()}
    if not request:
        raise InvalidRequest(
            problems=(Problem("request", "(nothing)", "give a JSON file, - for stdin, or flags"),),
            next_step='for example: wan-video generate --model wan2.2-t2v-plus --size "832*480" --prompt "A boat"',
        )
    return request


def _number(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _from_file(name: str) -> dict[str, Any]:
    if name.startswith("-") and name != "-":
        known = [f"--{field.replace('_', '-')}" for field in VideoRequest.model_fields]
        near = difflib.get_close_matches(name, known, n=1)
        hint = f" Did you mean {near[0]}?" if near else ""
        raise _unreadable(name, f"is no option of this command.{hint}")
    try:
        text = sys.stdin.read() if name == "-" else Path(name).expanduser().read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise _unreadable(
            name, f"cannot be read ({getattr(error, 'strerror', None) or 'not UTF-8'})"
        ) from None
    try:
        request = json.loads(text)
    except ValueError as error:
        raise _unreadable(name, f"is not JSON: {error}") from None
    if not isinstance(request, dict):
        raise _unreadable(name, "is not a JSON object with fields such as prompt")
    return request


def _unreadable(name: str, why: str) -> InvalidRequest:
    return InvalidRequest(problems=(Problem("file", name, why),))
