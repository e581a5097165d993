"""What went wrong, as an agent reads it: what, whether it is billed, and the next step, as a tool if there is one."""

from __future__ import annotations

import difflib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ValidationError

from flows.cli.error_json import billed
from flows.mcp.command_anywhere import command_anywhere
from footage.errors import FootageError, InvalidRequest, Problem
from footage.errors.actions import Action, Harvest, ReadBoard, Rerun, Wait
from footage.privacy.display import shown

# By exit code, where an error names no step of its own.
_NEXT = {
    1: "tell the person; `wan-video doctor` looks for the cause",
    2: "correct what is named, and call the tool again",
    3: "tell the person, who has to mend the account; `wan-video doctor` says what is missing",
    4: "tell the person why, and change the request only if they agree",
    5: "call `status` or `wait` with the key later; it is not bought again",
    6: "tell the person; only a person raises a cap or lets clips be bought again",
    7: "tell the person, who has to mend the store; `wan-video doctor` says what is wrong",
    8: "call the tool again later; the same request is the same clip",
}
_MOST_CHARS = 8_000


def in_words(error: FootageError) -> str:
    """An error for a model: its kind, message and next step."""
    step = error.next_step.written(_written) if error.next_step else _NEXT[error.exit_code]
    return _text(type(error).__name__, error.message, billed(error), step)


def of_command(error: Mapping[str, Any]) -> str:
    """The same of the JSON that a command printed in place of a result."""
    step = error.get("next")
    step = f"{step} (commands are for the person)" if step else _NEXT.get(error["exit_code"], _NEXT[1])
    return _text(error["kind"], error["message"], error["billed"], step)


def _text(kind: str, message: str, is_billed: str, step: str) -> str:
    message = message if len(message) <= _MOST_CHARS else message[:_MOST_CHARS] + " …"
    return f"{kind}: {message}\nBilled: {is_billed}.\nNext: {step}"


def _written(action: Action) -> str:
    match action:
        case Wait(key):
            return f"the tool `wait` with key {key[:12]}"
        case Harvest():
            return "the tool `harvest`"
        case ReadBoard(_, options):
            return f"the same tool with what the person says in `answers`: {_answers(options)}"
        case Rerun(key, False, False):
            return f"the tool `submit` with the same request (clip {key[:12]})"
        case _:
            return f"`{command_anywhere(action)}` (for the person, in a terminal)"


def _answers(options: Sequence[str]) -> str:
    """The options that settle a board, as the argument that stands for them."""
    answers: dict[str, dict[str, Any]] = {}
    for option, value in zip(options[::2], options[1::2], strict=False):
        name, _, meaning = value.rpartition("=")
        if option == "--map":
            answers.setdefault("map", {})[name] = meaning
        elif option == "--set":
            shot, _, field = name.rpartition(".")
            answers.setdefault("set", {}).setdefault(shot, {})[field] = meaning
    return json.dumps(answers, ensure_ascii=False) if answers else "map, set, encoding or assets"


def wrong_arguments(
    error: ValidationError, model: type[BaseModel], given: Mapping[str, Any]
) -> InvalidRequest:
    """Arguments of a tool that do not fit, each with its value and what is allowed."""
    return InvalidRequest(
        problems=tuple(_problem(one, model, given) for one in error.errors(include_url=False)[:20])
    )


def _problem(found: Any, model: type[BaseModel], given: Mapping[str, Any]) -> Problem:
    place: Sequence[str | int] = found["loc"]
    field = ".".join(map(str, place)) or "arguments"
    name = str(place[-1]) if place else ""
    # "key" is no name of a secret here, but of a clip; what nobody knows may be anything.
    known = bool(place) and str(place[0]) in model.model_fields
    value = shown(found["input"], field="" if known else name) if place else shown(dict(given))
    if found["type"] == "extra_forbidden":
        names = list(model.model_fields)
        near = difflib.get_close_matches(name, names, n=1)
        hint = f" Did you mean {near[0]}?" if near else ""
        return Problem(field, value, f"There is no such argument.{hint}", ", ".join(names) or "no arguments")
    if found["type"] == "missing":
        return Problem(field, "(missing)", "is required.", _allowed(model, place))
    return Problem(field, value, f"{found['msg'].removeprefix('Value error, ')}.", _allowed(model, place))


def _allowed(model: type[BaseModel], place: Sequence[str | int]) -> str | None:
    field = model.model_fields.get(str(place[0])) if place else None
    return field.description.rstrip(".") if field is not None and field.description else None
