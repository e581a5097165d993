"""Where the text of the shots of a list is, and how sure that is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from footage.errors.actions import typed
from footage.storyboard.read import words
from footage.storyboard.read.columns import AROUND, Columns, is_text, text_of
from footage.storyboard.read.draft import Draft, sentence
from footage.storyboard.read.mapping import Part, samples
from footage.storyboard.read.nesting import OF_ALL

Row = Mapping[str, Any]


@dataclass(frozen=True)
class TextSource:
    """The columns that the text is put together from, and whether framing and movement are put around it."""

    names: tuple[str, ...]
    around: bool


def find(rows: Sequence[Row], columns: Columns) -> tuple[TextSource, list[Part]]:
    """The source of the text, and what of it is guessed."""
    for role in ("prompt", "description"):
        if names := _with_words(rows, columns.roles.get(role, [])):
            names = _without_placeholders(rows, names, columns)
            source = TextSource(tuple(names), role == "description")
            if len(names) == 1 or all(name in columns.settled for name in names):
                return source, []
            return _several(rows, names, role)
    for role, why in (
        ("perhaps_prompt", "it can be what is seen, what is spoken or what is written in the picture"),
        ("still_prompt", "it is the prompt of a still picture, and no column says what the clip shows"),
    ):
        if names := _with_words(rows, columns.roles.get(role, [])):
            return TextSource((names[0],), True), [_one(rows, names[0], why, names[1:])]
    known = {name for named in columns.roles.values() for name in named}
    unknown = {name for row in rows for name in row if not name.endswith(OF_ALL)} - known
    prose = [
        name for name in unknown if all(map(is_text, _values(rows, name))) and _is_prose(_values(rows, name))
    ]
    if prose:
        names = sorted(prose, key=lambda name: (-sum(len(str(v)) for v in _values(rows, name)), name))
        why = "no column has a name that we know for the text; this one has sentences"
        return TextSource((names[0],), True), [_one(rows, names[0], why, names[1:])]
    return TextSource((), True), []


def _with_words(rows: Sequence[Row], names: Sequence[str]) -> list[str]:
    """The columns that say something, without those that say the same as one before."""
    seen: list[list[str]] = []
    kept: list[str] = []
    for name in names:
        values = [str(row.get(name, "")) for row in rows]
        if values not in seen and any(not words.nothing(row.get(name)) for row in rows):
            seen.append(values)
            kept.append(name)
    return kept


def _without_placeholders(rows: Sequence[Row], names: Sequence[str], columns: Columns) -> list[str]:
    """Of several columns, those whose name says that they are the text, or that have sentences."""
    sure = [
        name
        for name in names
        if name in columns.settled or words.has_one_meaning(name) or _is_prose(_values(rows, name))
    ]
    return sure or list(names)


def _values(rows: Sequence[Row], name: str) -> list[Any]:
    return [row[name] for row in rows if not words.nothing(row.get(name))]


def _is_prose(values: Sequence[Any]) -> bool:
    texts = [text_of(value) or "" for value in values]
    return bool(texts) and sum(
        len(text.split()) >= 3 or (not text.isascii() and len(text) >= 4) for text in texts
    ) * 2 > len(texts)


def _one(rows: Sequence[Row], name: str, why: str, others: Sequence[str]) -> Part:
    instead = [f"{typed('--map', f'{name}=metadata')} and another column as description"]
    instead += [typed("--map", f"{other}=description") for other in others[:3]]
    return Part(
        name, "prompt", "guessed", why, values=samples(_values(rows, name)), becomes="the text of each shot",
        others=tuple(instead),
        settle=("--map", f"{name}=description"),
    )  # fmt: skip


def _several(rows: Sequence[Row], names: Sequence[str], role: str) -> tuple[TextSource, list[Part]]:
    # Descriptions complete each other; whole prompts are rather the same thing twice.
    joined = role == "description"
    parts = [
        Part(
            name, "prompt", "guessed", f"{len(names)} columns can be the text: {', '.join(names)}",
            values=samples(_values(rows, name)),
            becomes="one after the other" if joined else ("the text" if place == 0 else "not used"),
            others=(typed("--map", f"{name}=metadata") if joined or place == 0 else typed("--map", f"{name}={role}"),),
            settle=("--map", f"{name}={role if joined or place == 0 else 'metadata'}"),
        )
        for place, name in enumerate(names)
    ]  # fmt: skip
    return TextSource(tuple(names if joined else names[:1]), joined), parts


def put(draft: Draft, row: Row, source: TextSource, columns: Columns) -> None:
    """Give a draft its text; what cannot be told is doubted for this shot."""
    said: list[str] = []
    for name in source.names:
        value = row.get(name)
        text = text_of(value)
        if text is None:
            draft.doubt_words(name, value)
            return
        if text and words.is_placeholder(text):
            draft.doubt(
                "prompt", None, name, value, "it only stands for a text",
                others=(typed("--set", f"{draft.id}.prompt=TEXT"), typed("--set", f"{draft.id}.skip=true")),
                acceptable=False,
            )  # fmt: skip
            return
        if text and not is_text(value) and source.around:
            draft.doubt(
                "prompt", text, name, value, "it does not say what is seen",
                settle=("--set", f"{draft.id}.prompt={text}"), others=(typed("--set", f"{draft.id}.prompt=TEXT"),),
            )  # fmt: skip
        if text:
            said.append(text)
    extra = {role: _around(row, columns, role) for role in AROUND} if source.around else {}
    if not said:
        return
    if not any(extra.values()) and len(source.names) == 1:
        draft.take("prompt", source.names[0], said[0])
        return
    parts = [
        *extra.get("framing", []),
        *extra.get("angle", []),
        *said,
        *extra.get("movement", []),
        *extra.get("lens", []),
    ]
    used = [name for role in AROUND if extra.get(role) for name in columns.roles[role]]
    draft.guess(
        "prompt", sentence(parts), ", ".join([*used, *source.names]), "put together around the description"
    )


def _around(row: Row, columns: Columns, role: str) -> list[str]:
    return [text for name in columns.roles.get(role, []) if (text := text_of(row.get(name)) or "")]
