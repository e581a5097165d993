"""The `AIGC` label: China's implicit mark of generated content, one JSON object in the file's metadata.

GB 45438-2025, annex E, and the practice guides of TC260 of 2025-08, as read on 2026-11-28: seven keys whose values
are texts; a file has one label. What stands in a file is kept as it is, whatever is wrong with it: this module
says what is wrong, and never mends.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import dataclass
from typing import Any, NamedTuple, cast

NAME = "AIGC"

_REQUIRED = ("Label", "ContentProducer", "ProduceID")
_KEYS = (*_REQUIRED, "ReservedCode1", "ContentPropagator", "PropagateID", "ReservedCode2")
_LABELS = ("1", "2", "3")  # it is generated, possibly, suspected
# Annex E j; the quote (0x22) stands for itself when it is escaped.
_CHARACTERS = re.compile(r"[\x21-\x5b\x5d-\x7e]*")
# JSON can write half of a character, and no file takes it.
_HALF_CHARACTER = re.compile("[\ud800-\udfff]")
_MOST_PROBLEMS = 20
_CONTROLS = dict.fromkeys(range(32), " ")

# TC260-PG-20252A: version, kind of subject, kind of its number, that number, kind of service (1 makes, 2 spreads),
# and four characters of the provider's own.
_CODE = re.compile(r"0011(?P<credit_code>[0-9A-Z]{18})(?P<service>[12])[0-9A-Z]{4}")
_CODE_CHARS = 27
# GB 32100-2015: the last of 18 characters is a check digit; I, O, S, V and Z are none of them.
_CREDIT_DIGITS = "0123456789ABCDEFGHJKLMNPQRTUWXY"
_CREDIT_WEIGHTS = (1, 3, 9, 27, 19, 26, 16, 17, 20, 29, 25, 13, 8, 24, 10, 30, 28)
# Of the company that makes Wan (a file of 2026-06): its label with a number of ours would be a forged one.
_WAN_CREDIT_CODE = "91330106MA2CFLDG4R"
_NAME_MAX_CHARS = 128
_IDENTITY_NUMBER = re.compile(r"\d{17}[\dXx]")

ALLOWED_PRODUCER = (
    "a name of 1 to 128 ASCII letters, digits and signs without blanks, quotes and backslashes, or the provider "
    "code of 27 characters: 0011, the Unified Social Credit Code, 1, and four characters of your own"
)


@dataclass(frozen=True)
class Labelling:
    """Who labels what is made here, and whether films are labelled; nobody: what came with a label keeps it."""

    producer: str | None = None
    films: bool = True
    # Whether films of boards that say nothing about it have the visible label.
    visible_films: bool = False


UNNAMED = Labelling()


def made_label(producer: str, content_id: str) -> str:
    """The label of something that `producer` generated and is the first to pass on."""
    values = ("1", producer, content_id, "", producer, content_id, "")
    return json.dumps(dict(zip(_KEYS, values, strict=True)), separators=(",", ":"))


class LabelReading(NamedTuple):
    """What a label says: its fields (None where it is no JSON object), and everything that is wrong with it.

    `remarks` is where it is not as the standard would have it, and says what it has to say all the same.
    """

    fields: dict[str, Any] | None
    problems: tuple[str, ...]
    remarks: tuple[str, ...] = ()


def read_label(value: bytes) -> LabelReading:
    """Read one label; nothing in it is an error here."""
    try:
        text = value.decode()
    except UnicodeDecodeError:
        return LabelReading(None, ("is not UTF-8",))
    if not text.strip():
        return LabelReading(None, ("is empty",))
    repeated: list[str] = []
    try:
        document = _parsed(text, repeated)
    except (ValueError, RecursionError):
        return LabelReading(None, ("is not JSON",))
    if not isinstance(document, dict):
        return LabelReading(None, ("is no JSON object",))
    fields = cast("dict[str, Any]", document)
    if list(fields) == [NAME] and isinstance(fields[NAME], dict):
        # As it stands in EXIF, and in some videos.
        fields = cast("dict[str, Any]", fields[NAME])
    problems = [f"has {name} twice" for name in repeated] + _problems(fields)
    return LabelReading(fields, tuple(problems[:_MOST_PROBLEMS]), tuple(_remarks(fields)[:_MOST_PROBLEMS]))


def known_fields(fields: dict[str, Any]) -> dict[str, str]:
    """Those of a label's fields that the standard has, as far as they are texts that can be written down."""
    return {
        name: value
        for name in _KEYS
        if isinstance(value := fields.get(name), str) and not _HALF_CHARACTER.search(value)
    }


def _parsed(text: str, repeated: list[str]) -> Any:
    def pairs(items: list[tuple[str, Any]]) -> dict[str, Any]:
        times = Counter(name for name, _ in items)
        repeated.extend(sorted({_quoted(name) for name, many in times.items() if many > 1}))
        return dict(items)

    try:
        return json.loads(text, object_pairs_hook=pairs)
    except ValueError:
        repeated.clear()
        # Wan's own have control characters between their fields.
        return json.loads(text.translate(_CONTROLS), object_pairs_hook=pairs)


def _problems(fields: dict[str, Any]) -> list[str]:
    problems = [f"lacks {name}" for name in _REQUIRED if name not in fields]
    for name in (name for name in _KEYS if name in fields):
        value = fields[name]
        if not isinstance(value, str):
            problems.append(f"has a {name} that is no text")
        elif name in _REQUIRED and not value:
            problems.append(f"has an empty {name}")
        elif name == "Label" and value not in _LABELS:
            problems.append(f"has the Label {_quoted(value)}, and 1, 2 and 3 are known")
    return problems


def _remarks(fields: dict[str, Any]) -> list[str]:
    remarks = [f"has the unknown field {_quoted(name)}" for name in fields if name not in _KEYS]
    return remarks + [
        f"has characters in {name} that the standard does not allow"
        for name in _KEYS
        if isinstance(value := fields.get(name), str) and not _CHARACTERS.fullmatch(value)
    ]


def _quoted(text: str) -> str:
    return repr(text[:40])


def producer_fault(producer: str) -> str | None:
    """Why a text cannot be the operator's name or code in a label; None when it can."""
    if not producer or len(producer) > _NAME_MAX_CHARS or not _CHARACTERS.fullmatch(producer):
        return "is no name or code that a label takes"
    if '"' in producer:
        return "has a quote in it"
    if _IDENTITY_NUMBER.fullmatch(producer):
        return "looks like a citizen's identity number, which must never stand in a file; give a name"
    if _WAN_CREDIT_CODE in producer:
        return "is the code of the company that makes Wan; a label in its name is its own to write"
    if len(producer) == _CODE_CHARS and producer.startswith("00"):
        return _code_fault(producer)
    if re.fullmatch(r"[0-9A-Z]{18}", producer) and is_credit_code(producer):
        return "is a credit code; the provider code of 27 characters has it in the middle"
    return None


def _code_fault(code: str) -> str | None:
    match = _CODE.fullmatch(code)
    if match is None:
        return "is no provider code"
    if not is_credit_code(match["credit_code"]):
        return "has a credit code in it whose check digit is wrong"
    if match["service"] != "1":
        return (
            "is the code of a service that spreads content; one that generates has a 1 before the last four"
        )
    return None


def is_credit_code(text: str) -> bool:
    """Whether 18 characters are a Unified Social Credit Code, by its check digit."""
    if len(text) != 18 or not set(text) <= set(_CREDIT_DIGITS):
        return False
    total = sum(_CREDIT_DIGITS.index(c) * weight for c, weight in zip(text, _CREDIT_WEIGHTS, strict=False))
    return _CREDIT_DIGITS[-total % 31] == text[17]
