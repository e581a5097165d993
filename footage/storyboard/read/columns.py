"""Which column of a shot list is what: by its name, and by whether all its values can be that."""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from footage.catalogue import REGION_NAMES, offered_names
from footage.errors.actions import typed as option
from footage.request import MEDIA_FIELDS, NUMBER_FIELDS
from footage.storyboard.board import REQUEST_FIELDS
from footage.storyboard.read import lengths, sizes, words
from footage.storyboard.read.draft import first_picture, picture_in, sentence
from footage.storyboard.read.mapping import Part, samples
from footage.storyboard.read.plain_data import as_list, as_mapping
from footage.storyboard.read.settlement import METADATA, Settlement
from footage.values.field_types import number_in

AROUND = ("framing", "angle", "movement", "lens")
_PICTURE = re.compile(
    r"^(?:data:image/|https?://\S+$|file://|.*\.(?:png|jpe?g|webp|bmp|gif|tiff?|psd|heic|avif)$)",
    re.IGNORECASE,
)
_PICTURE_FILE = re.compile(r"^\S(?:.{0,118}\S)?\.(?:png|jpe?g|webp|bmp|gif|tiff?|heic|avif)$", re.IGNORECASE)
_ID = re.compile(r"^\S{0,4} ?[\w.\-/#]{1,14}[:：]?$")
_VIDEO_MODEL = re.compile(
    r"\b(?:wan|wanx|kling|sora|veo|runway|gen-?\d|hailuo|vidu|seedance|pika|luma|ltx|hunyuan|minimax|jimeng|pixverse)"
    r"[\w.\-]*|[ti]2v", re.IGNORECASE
)  # fmt: skip
# Request fields with a few words as values; every other value is a crew's own.
_WORDS = {
    "fit": ("crop", "pad", "keep"), "conform": ("auto", "never"), "model": offered_names(), "region": REGION_NAMES,
    "visible_label": ("none", "provider", "own"),
}  # fmt: skip
_FLAGS = ("watermark", "strict", "prompt_extend", "audio")
# What is in no request.
_NOT_BOUGHT = ("id", "scene", "slug", "title", "dialogue", "sound", "notes")
_LINES = ("line", "lines", "text", "content", "words", "speech")
_INNER = ("subject", "scene", "setting", "lighting", "ambiance", "style", "composition", "shottype", "mood")

Row = Mapping[str, Any]


@dataclass
class Columns:
    """The columns of each role, the best first; units that a person gave; and how sure all of it is."""

    roles: dict[str, list[str]] = field(default_factory=dict[str, list[str]])
    units: dict[str, str] = field(default_factory=dict[str, str])
    parts: list[Part] = field(default_factory=list[Part])
    # Those that a person gave their role.
    settled: set[str] = field(default_factory=set[str])
    # Written in the words of our requests: then a value that a field cannot have is a mistake, not a crew's word.
    of_requests: bool = False

    def all(self, role: str) -> Sequence[str]:
        return self.roles.get(role, ())

    def first(self, role: str) -> str | None:
        return next(iter(self.all(role)), None)


def assign(rows: Sequence[Row], settlement: Settlement, hidden: Collection[str] = ()) -> Columns:
    """Give each column of these rows (of shots alone) its role. Does not depend on the order of the columns.

    What the `hidden` ones would change in a request is asked about: who looked at the sheet has not seen it.
    """
    columns = Columns()
    names = dict.fromkeys(name for row in rows for name in row)
    columns.of_requests = _of_requests(rows, list(names))
    for name in names:
        values = [row[name] for row in rows if name in row and not words.nothing(row[name])]
        said = settlement.of(name)
        exact = _request_field(name) if columns.of_requests else None
        role = said[0] if said else exact or role_of(name, values)
        if said:
            columns.settled.add(name)
            if said[1]:
                columns.units[name] = said[1]
        if role in (None, METADATA) or (role != "id" and not values):
            continue
        columns.roles.setdefault(role, []).append(name)
        sure = "known" if said or words.plain(role) == words.plain(name) else "evident"
        why = "a person said so" if said else f"the column {name!r} is read as {role}"
        if name in hidden and role not in _NOT_BOUGHT and not said:
            columns.parts.append(
                Part(
                    name, role, "guessed", "the column is hidden in the workbook", values=samples(values),
                    others=(option("--map", f"{name}={METADATA}"),), settle=("--map", f"{name}={role}"),
                )
            )  # fmt: skip
            continue
        columns.parts.append(Part(name, role, sure, why, values=samples(values), becomes=role))
    for role, named in columns.roles.items():
        named.sort(
            key=lambda name, role=role: (name not in columns.settled, words.place_of(name, role), name)
        )
    return columns


def _of_requests(rows: Sequence[Row], names: Sequence[str]) -> bool:
    models = [name for name in names if words.plain(name) == "model"]
    prompted = any(words.plain(name) == "prompt" for name in names)
    return prompted and any(row.get(name) in offered_names() for name in models for row in rows)


def typed(name: str, value: Any) -> Any:
    """A cell as the request field of that name; as it is where it cannot be one, for the plan to refuse."""
    found = request_value(name, value)
    return value if found is None else found


def role_of(name: str, values: Sequence[Any]) -> str | None:
    """What a column of this name with these values is; None where it is nothing of ours."""
    exact = _request_field(name)
    candidates = words.roles_of(name) or ((exact,) if exact else ())
    return next(
        (role for role in candidates if fits(role, values, sure_name=words.has_one_meaning(name))), None
    )


def _request_field(name: str) -> str | None:
    word = words.plain(name)
    # `shot_type` is a framing in every shot list we have seen, `references` are links for people: never the request
    # fields of these names.
    others = ("shot_type", *MEDIA_FIELDS)
    return next((f for f in REQUEST_FIELDS if words.plain(f) == word and f not in others), None)


def fits(role: str, values: Sequence[Any], *, sure_name: bool) -> bool:
    """Whether values can be of a role. A name of one meaning needs most of them, one of several all of them."""
    if role in _CREW_FIELDS:
        good = [request_value(role, value) is not None for value in values]
        return (role == "model" and any(map(is_video_model, values))) or (bool(good) and all(good))
    check = _CHECKS.get(role) or (None if sure_name else _NARROW_CHECKS.get(role))
    if check is None:
        return True
    good = sum(bool(check(value)) for value in values)
    return good * 2 >= len(values) if sure_name else bool(values) and good == len(values)


def request_value(name: str, value: Any) -> Any:
    """A cell as the request field of that name; None where it cannot be one."""
    text = str(value).strip()
    if name in _FLAGS:
        return {"true": True, "false": False}.get(text.casefold())
    if name in _WORDS:
        return text if text in _WORDS[name] else None
    if name == "size":
        return sizes.pixels(value)
    if name in NUMBER_FIELDS:
        number = number_in(value) if isinstance(value, str) else value
        return None if isinstance(number, bool) or not isinstance(number, int | float) else number
    if name == "audio_url":
        return text if text.startswith(("http://", "https://")) else None
    return text or None


def is_video_model(value: Any) -> bool:
    return bool(_VIDEO_MODEL.search(str(value)))


def is_picture(value: Any) -> bool:
    first = first_picture(value)
    if not isinstance(first, str) or "\n" in first.strip():
        return False
    return bool(_PICTURE.match(picture_in(first).strip()))


def is_picture_file(value: Any) -> bool:
    """Whether it is the name of one picture file and nothing else."""
    return is_picture(value) and bool(_PICTURE_FILE.search(picture_in(str(first_picture(value))).strip()))


def is_text(value: Any) -> bool:
    """Whether a cell can say what is seen: words, not a number, a picture, a time or a shot size."""
    text = text_of(value)
    if text is None:
        return True  # asked about, shot by shot
    return bool(re.search(r"[^\W\d_]", text)) and not (
        is_picture(text) or words.is_framing(text) or lengths.parse(text) is not None
    )


# What rich text fields of other tools export.
_TAG = re.compile(
    r"</?(?:p|br|b|i|u|em|strong|span|div|ul|ol|li|font|h[1-6])(?:\s[^<>]{0,500})?/?>", re.IGNORECASE
)


def without_tags(text: str) -> str:
    """A text without the tags of rich text fields; one without such tags as it is."""
    if not _TAG.search(text):
        return text
    return " ".join(html.unescape(_TAG.sub(" ", text)).split())


def text_of(value: Any) -> str | None:
    """A cell as text; lists and objects of known fields joined as words; None where they are not known."""
    if isinstance(value, str):
        return "" if words.nothing(value) else without_tags(value).strip()
    if value is None or isinstance(value, int | float):
        return "" if value is None else str(value)
    if (items := as_list(value)) is not None:
        return _joined([text_of(item) for item in items])
    inner = as_mapping(value) or {}
    parts: dict[str, list[str | None]] = {}
    for key, item in inner.items():
        if words.nothing(item):
            continue
        role = next(iter(words.roles_of(key)), None)
        if role in ("description", "perhaps_prompt") or words.plain(key) in _INNER:
            role = "description"
        elif role not in ("prompt", "framing", "angle", "movement", "lens"):
            return None
        parts.setdefault(role, []).append(text_of(item))
    order = ("framing", "angle", "prompt", "description", "movement", "lens")
    return _joined([text for role in order for text in parts.get(role, [])])


def spoken(value: Any) -> str:
    """What is said in a list or an object of any fields: its lines where they are named, else all of its texts."""
    if (items := as_list(value)) is not None:
        return sentence(spoken(item) for item in items)
    inner = as_mapping(value)
    if inner is None:
        return text_of(value) or ""
    lines = [
        item for key, item in inner.items() if "dialogue" in words.roles_of(key) or words.plain(key) in _LINES
    ]
    return sentence(map(spoken, lines)) if lines else ": ".join(filter(None, map(spoken, inner.values())))


def has_words(value: Any) -> bool:
    """Whether there are words in a cell, or in what it holds: no mark, and no number alone."""
    if isinstance(value, str):
        letters = re.findall(r"[^\W\d_]", value)
        return not words.nothing(value) and len(letters) > (2 if value.isascii() else 1)
    inner = as_list(value) or list((as_mapping(value) or {}).values())
    return any(map(has_words, inner))


def _joined(texts: Sequence[str | None]) -> str | None:
    return None if any(text is None for text in texts) else sentence(text for text in texts if text)


def _is_id(value: Any) -> bool:
    return bool(_ID.match(str(value).strip())) or str(value).strip().isdigit()


def _is_length(value: Any) -> bool:
    return lengths.parse(value) is not None


_CREW_FIELDS = REQUEST_FIELDS - {"prompt", "duration", "reference_image", "negative_prompt", *MEDIA_FIELDS}
# A column named `duration` is one, whatever stands in it: what is no length is asked about, shot by shot.
_CHECKS: dict[str, Callable[[Any], Any]] = {
    "description": is_text, "perhaps_prompt": is_text, "still_prompt": is_text, "reference_image": is_picture,
    "sketch": is_picture, "start": _is_length, "end": _is_length, "rate": lengths.rate_of, "frames": _is_length,
    "resolution": sizes.is_tier,
}  # fmt: skip
_NARROW_CHECKS: dict[str, Callable[[Any], Any]] = {
    "framing": words.is_framing, "movement": words.is_movement, "id": _is_id, "duration": _is_length,
    "aspect_ratio": sizes.shape_said,
}  # fmt: skip
