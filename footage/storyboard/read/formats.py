"""The formats that are read, and how one is told from the others."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from footage.errors import InvalidRequest
from footage.storyboard.read import arcreel, huobao, nesting, otio_file, own, rows, toonflow, vimax
from footage.storyboard.read.plain_data import as_list, as_mapping, parse_json, unreadable
from footage.storyboard.read.yaml_text import parse_yaml

FORMATS: tuple[str, ...] = (
    own.FORMAT, rows.FORMAT, rows.JSON_FORMAT, vimax.FORMAT, huobao.FORMAT, toonflow.FORMAT, arcreel.FORMAT,
    otio_file.FORMAT,
)  # fmt: skip
TABLE_SUFFIXES = (".csv", ".tsv")
# Text that people and language models write: the table or the data stands somewhere in it.
TEXT_SUFFIXES = ("", ".txt", ".md", ".markdown")
_OF_A_TEXT = (
    "of a text its tables, its only fenced block, JSON or YAML are read; put shots that are told in prose into a table "
    "with the columns shot, description, duration; nothing was bought"
)
# The order matters where shapes overlap: a huobao row also has what a plain list needs.
DIALECTS = (vimax, arcreel, toonflow, huobao)


def looks_like_table(text: str, suffix: str, format: str | None) -> bool:
    """Whether a text is a shot list of lines and cells."""
    if format is not None:
        return format == rows.FORMAT
    if suffix in TABLE_SUFFIXES:
        return True
    return suffix in TEXT_SUFFIXES and text.lstrip()[:1] not in ("{", "[") and rows.has_head(text)


def parse_data(text: str, suffix: str, name: str) -> Any:
    """The data of a text that is JSON, a JSON object a line, or YAML.

    Raises:
        InvalidRequest: It is none of them.
    """
    if suffix in (".jsonl", ".ndjson"):
        # One list, so that the bounds of a document hold for all of its lines.
        lines = [line for line in text.splitlines() if line.strip()]
        return parse_json(f"[{','.join(lines)}]", name=name)
    if suffix in (".json", ".otio") or text.lstrip()[:1] in ("{", "["):
        return parse_json(text, name=name)
    try:
        return parse_yaml(text, name=name)
    except InvalidRequest as error:
        if not suffix or suffix not in TEXT_SUFFIXES:
            raise
        raise InvalidRequest(error.message, **error.details, next_step=_OF_A_TEXT) from error


def unwrapped(data: object) -> tuple[object, dict[str, Any]]:
    """What web applications answer, `{"code": 0, "data": …}`, without the wrapping, and the wrapping."""
    outer = as_mapping(data)
    if outer is None or not isinstance(outer.get("data"), Mapping | list):
        return data, {}
    if any(as_list(value) for key, value in outer.items() if key != "data"):
        return data, {}
    return outer["data"], {key: value for key, value in outer.items() if key != "data"}


def recognize(data: object, name: str) -> str:
    """The format of data, by its shape.

    Raises:
        InvalidRequest: It has that of none.
    """
    if data is None:
        raise unreadable("it is empty", name=name)
    if otio_file.matches(data):
        return otio_file.FORMAT
    if own.matches(data):
        return own.FORMAT
    for dialect in DIALECTS:
        if dialect.matches(data):
            return dialect.FORMAT
    if rows.matches(data):
        return rows.JSON_FORMAT
    if unsure := nesting.shots_of(data).unsure:
        raise unreadable(unsure, name=name)
    outer = as_mapping(data)
    if outer is not None and as_list(outer.get("shots")) is not None:
        return own.FORMAT  # its own reader says best what is missing
    raise unreadable(
        f"the format is not recognized; known are {', '.join(FORMATS)}. Our own starts with "
        "`schema: wan-video/storyboard/1` and has a list of `shots`",
        name=name,
    )
