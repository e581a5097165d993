"""A request from a file, from stdin, from flags, or from all of them: a flag beats the file."""

from __future__ import annotations

import difflib
import io
import sys
from pathlib import Path
from typing import Annotated, Any, TextIO, cast

from cyclopts import Parameter
from pydantic import BaseModel, create_model

from flows.cli.flags import offering
from footage.errors import InvalidRequest, Problem
from footage.request import NUMBER_FIELDS, VideoRequest
from footage.values import strict_json
from footage.values.field_types import number_in

_SWITCHES = ("prompt_extend", "audio", "watermark", "strict")
# How the values are called in `--help`.
_VALUES = {
    "duration": "SECONDS",
    "fps": "RATE",
    "size": "W*H",
    "seed": "NUMBER",
    "reference_image": "FILE|URL",
    "last_frame": "FILE|URL",
    "references": "KIND=FILE|URL",
    "extend_from": "KEY|FILE|URL",
    "motion_strength": "NUMBER",
    "model": "MODEL",
    "region": "REGION",
    "shot_type": "TYPE",
    "audio_url": "URL",
    "visible_label": "WHOSE",
    "take": "NUMBER",
    "conform": "WHEN",
    "fit": "HOW",
    "pad_color": "#RRGGBB",
}

# A reference image of 20 MB as a data: URI, and room for all the rest.
_MAX_BYTES = 40 * 2**20
_TOO_DEEP = "is nested too deeply; a request is one JSON object of plain values"


def _flag(name: str) -> Any:
    form = _FORMS[name]
    help = Parameter(help=_help(form))
    if name in _SWITCHES:
        return Annotated[bool | None, help], None
    if name == "references":
        several = Parameter(help=_help(form), metavar=_VALUES[name], negative_iterable="")
        return Annotated[list[str] | None, several], None
    choices = _choices(form) or form.get("examples", ())
    return Annotated[str | None, offering([*map(str, choices)], _VALUES.get(name, "TEXT")), help], None


def _choices(form: dict[str, Any]) -> list[str]:
    """The values that a field may have, where they are few."""
    return next((one["enum"] for one in (form, *form.get("anyOf", ())) if "enum" in one), [])


def _help(form: dict[str, Any]) -> str:
    words = [form["description"].replace(" (from Python also bytes)", "")]
    if choices := _choices(form):
        words.append(f"[choices: {', '.join(choices)}]")
    elif examples := [str(example) for example in form.get("examples", ()) if len(str(example)) < 20]:
        words.append(f"[such as: {', '.join(examples)}]")
    default = form.get("default")
    if default is not None:
        said = {True: "yes", False: "no"}[default] if isinstance(default, bool) else default
        words.append(f"[default: {said}]")
    return " ".join(words)


_FORMS: dict[str, dict[str, Any]] = VideoRequest.model_json_schema()["properties"]


# Text for everything but switches: what cannot be read as a number is reported by the rules, with all the rest.
Flags: type[BaseModel] = create_model("Flags", **{name: _flag(name) for name in VideoRequest.model_fields})

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
    request |= {name: number_in(value) if name in NUMBER_FIELDS else value for name, value in given.items()}
    if not request:
        raise InvalidRequest(
            problems=(Problem("request", "(nothing)", "give a JSON file, - for stdin, or flags"),),
            next_step='for example: wan-video generate --model wan2.2-t2v-plus --size "832*480" --prompt "A boat"',
        )
    return request


def no_option(name: str) -> str:
    """What to say about a flag that is none, with the nearest one of a request."""
    known = [f"--{field.replace('_', '-')}" for field in VideoRequest.model_fields]
    near = difflib.get_close_matches(name, known, n=1)
    return "is no option of this command." + (f" Did you mean {near[0]}?" if near else "")


def _from_file(name: str) -> dict[str, Any]:
    if name.startswith("-") and name != "-":
        raise _unreadable(name, no_option(name))
    try:
        text = _read(name)
    except UnicodeDecodeError:
        raise _unreadable(name, "cannot be read (not UTF-8)") from None
    except (OSError, RuntimeError) as error:
        # RuntimeError: "~somebody" without a home.
        why = getattr(error, "strerror", None) or str(error)
        raise _unreadable(name, f"cannot be read ({why.rstrip('.')})") from None
    try:
        request = strict_json.parse(text)
    except strict_json.NotJson as error:
        where = f" (line {error.line})" if error.line else ""
        raise _unreadable(name, f"{error.message}{where}") from None
    except RecursionError:
        raise _unreadable(name, _TOO_DEEP) from None
    if _deeper(request, 20):
        raise _unreadable(name, _TOO_DEEP)
    if not isinstance(request, dict):
        raise _unreadable(name, "is not a JSON object with fields such as prompt")
    return request


def _deeper(value: Any, levels: int) -> bool:
    """Whether a document has more levels, found without recursion."""
    layer = [value]
    for _ in range(levels):
        inner = [each for each in layer if isinstance(each, dict | list)]
        layer = [child for each in inner for child in (each.values() if isinstance(each, dict) else each)]
    return bool(layer)


def _read(name: str) -> str:
    if name != "-":
        with Path(name).expanduser().open("rb") as file:
            return _bounded(file.read(_MAX_BYTES + 1), name).decode("utf-8")
    # None where the caller closed it.
    stdin = cast("TextIO | None", sys.stdin)
    if isinstance(stdin, io.TextIOWrapper):
        # JSON is UTF-8, whatever the terminal is.
        return _bounded(stdin.buffer.read(_MAX_BYTES + 1), name).decode("utf-8")
    return stdin.read(_MAX_BYTES) if stdin is not None else ""


def _bounded(data: bytes, name: str) -> bytes:
    if len(data) > _MAX_BYTES:
        raise _unreadable(name, f"has more than {_MAX_BYTES // 2**20} MiB, and a request needs less")
    return data


def _unreadable(name: str, why: str) -> InvalidRequest:
    return InvalidRequest(problems=(Problem("file", name, why),))
