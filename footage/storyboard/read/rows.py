"""Shot lists as tables: CSV as crews write them, and JSON lists of no known tool, by their column names."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from footage.errors import InvalidRequest
from footage.field_types import number_in
from footage.request import NUMBER_FIELDS
from footage.storyboard.board import REQUEST_FIELDS
from footage.storyboard.guesses import Guess
from footage.storyboard.read import words
from footage.storyboard.read.document import parse_rows, unreadable
from footage.storyboard.read.draft import Draft, Parsed, others, sentence, shot_rows

FORMAT = "csv"
JSON_FORMAT = "json"
_LISTS = ("shots", "shot_list", "storyboard", "storyboards", "scenes", "panels", "frames", "items", "rows")
# A title, a date and a blank line often stand above the head of a shot list.
_HEAD_WITHIN_LINES = 10


def read_csv(text: str, base: Path | None, *, name: str) -> Parsed:
    lines = parse_rows(text, name=name)
    head_at = _head(lines)
    if head_at is None:
        raise unreadable(
            "no head line found: a shot list needs a line that names its columns, such as "
            "scene, shot, description, duration",
            name=name,
        )
    head = [cell or f"column {place}" for place, cell in enumerate(lines[head_at][1], start=1)]
    rows: list[Mapping[str, Any]] = []
    for line, cells in lines[head_at + 1 :]:
        if len(cells) > len(head) and any(cells[len(head) :]):
            raise unreadable(
                f"{len(cells)} cells under a head of {len(head)}; is a comma missing its quotes?",
                line=line,
                name=name,
            )
        rows.append({key: words.number(cell) for key, cell in zip(head, cells, strict=False) if cell})
    parsed = read_rows(rows, base, FORMAT)
    above = [" ".join(cell for cell in cells if cell) for _, cells in lines[:head_at]]
    if above:
        parsed.title = above[0]
        parsed.guesses.append(
            Guess(None, "title", f"line {lines[0][0]}", above[0], "it stands above the head line")
        )
    return parsed


def has_head(text: str) -> bool:
    """Whether a text without a telling file name starts like a shot list."""
    try:
        first = "".join(islice(io.StringIO(text), _HEAD_WITHIN_LINES))
        return _head(parse_rows(first, name="")) is not None
    except InvalidRequest:
        return False


def _head(lines: Sequence[tuple[int, Sequence[str]]]) -> int | None:
    """The line in which the most cells are words we know; at least two, or the only column is a prompt."""
    best, most = None, 0
    for place, (_, cells) in enumerate(lines[:_HEAD_WITHIN_LINES]):
        known = sum(
            1 for cell in cells if cell and (words.meaning(cell) or words.plain(cell) in _request_words())
        )
        if known > most:
            best, most = place, known
    enough = most >= 2 or (best is not None and len(lines[best][1]) == 1)
    return best if enough else None


def _request_words() -> dict[str, str]:
    return {words.plain(name): name for name in REQUEST_FIELDS}


def matches(data: object) -> bool:
    rows = shot_rows(data, *_LISTS)
    return bool(rows) and any("prompt" in words.meaning(key) for key in rows[0])


def read_json(data: object, base: Path | None) -> Parsed:
    parsed = read_rows(shot_rows(data, *_LISTS), base, JSON_FORMAT)
    parsed.metadata = others(data, *_LISTS)
    title = parsed.metadata.get("title") or parsed.metadata.get("name")
    if isinstance(title, str):
        parsed.title = title
    ratio = parsed.metadata.get("aspect_ratio") or parsed.metadata.get("aspectRatio")
    if size := words.size_of(ratio):
        parsed.defaults["size"] = size
        parsed.guesses.append(Guess(None, "defaults.size", "aspect_ratio", size, f"{ratio} at 720P"))
    return parsed


def read_rows(rows: Sequence[Mapping[str, Any]], base: Path | None, format: str) -> Parsed:
    columns = _columns(rows)
    guesses = [
        Guess(None, f"shots[].{field}", name, name, f"the column {name!r} is read as {field}")
        for field, name in columns.items()
        if words.plain(field) != words.plain(name)
    ]
    ids = _ids(rows, columns)
    drafts = [_shot(row, shot_id, why, columns, base) for row, (shot_id, why) in zip(rows, ids, strict=True)]
    return Parsed(format, drafts, guesses=guesses)


def _columns(rows: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Which column each field is read from: the first that means it, each column used once."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    taken: dict[str, str] = {}
    used: set[str] = set()
    exact = _request_words()
    # `shot_type` is a framing in every shot list we have seen, never the request field of that name.
    for name in names:
        field = exact.get(words.plain(name))
        if field and field != "shot_type" and field not in taken:
            taken[field] = name
            used.add(name)
    for field, synonyms in words.SYNONYMS.items():
        if field in taken:
            continue
        best = min(
            (name for name in names if name not in used and words.plain(name) in synonyms),
            key=lambda name, order=synonyms: order.index(words.plain(name)),
            default=None,
        )
        if best is not None:
            taken[field] = best
            used.add(best)
    return taken


def _ids(rows: Sequence[Mapping[str, Any]], columns: Mapping[str, str]) -> list[tuple[str, str | None]]:
    shots = [_cell(row, columns.get("id")) for row in rows]
    if len({shot for shot in shots if shot}) == len([shot for shot in shots if shot]):
        return [
            (shot, None) if shot else (f"row{n}", "it has no number") for n, shot in enumerate(shots, start=1)
        ]
    # Crews count the shots of each scene from 1.
    joined = ["-".join(part for part in (_cell(row, columns.get("scene")), shot) if part) for row, shot in
              zip(rows, shots, strict=True)]  # fmt: skip
    counted = Counter(joined)
    why = "shot numbers start again in every scene, so the scene stands before them"
    return [
        (name, why if name != shot else None) if name and counted[name] == 1 else (name or f"row{n}", None)
        for n, (name, shot) in enumerate(zip(joined, shots, strict=True), start=1)
    ]


def _cell(row: Mapping[str, Any], column: str | None) -> str:
    value = row.get(column) if column is not None else None
    return "" if value is None else str(value).strip()


def _shot(
    row: Mapping[str, Any], shot_id: str, why: str | None, columns: Mapping[str, str], base: Path | None
) -> Draft:
    draft = Draft(shot_id, row)
    if "id" in columns:
        draft.forget(columns["id"])
    if why:
        draft.report("id", shot_id, columns.get("id", "position"), why)
    for field, column in columns.items():
        if field in ("id", "prompt", "framing", "angle", "movement", "lens"):
            continue
        if field == "duration":
            draft.duration(column)
        elif field == "transition":
            draft.transition(column)
        elif field == "reference_image":
            draft.image(base, column)
        elif field == "size":
            _size(draft, column)
        elif field == "start_from":
            _start(draft, column)
        elif (found := draft.find(column)) is not None and field in REQUEST_FIELDS:
            draft.carry(field, column)
            draft.fields[field] = _typed(field, found[1])
        else:
            draft.carry(field, column)
    _prompt(draft, columns)
    return draft


def _prompt(draft: Draft, columns: Mapping[str, str]) -> None:
    column = columns.get("prompt")
    said = draft.text(column) if column else ""
    extra = {
        field: draft.text(columns[field])
        for field in ("framing", "angle", "movement", "lens")
        if field in columns
    }
    extra = {field: text for field, text in extra.items() if text}
    if not extra or words.plain(column or "") in ("prompt", "videoprompt"):
        if column:
            draft.carry("prompt", column)
        return
    parts = [
        extra.get("framing", ""),
        extra.get("angle", ""),
        said,
        extra.get("movement", ""),
        extra.get("lens", ""),
    ]
    used = [columns[field] for field in extra] + ([column] if column else [])
    draft.guess("prompt", sentence(parts), ", ".join(used), "put together, since there is no prompt column")


def _size(draft: Draft, column: str) -> None:
    if found := draft.find(column):
        size = words.pixels(found[1])
        if size is None:
            draft.report(
                "size", None, column, f"{str(found[1])[:40]!r} is not a size in pixels; the default holds"
            )
        elif draft.carry("size", column) and size != draft.fields["size"]:
            draft.guess("size", size, column, "written with an asterisk")


def _start(draft: Draft, column: str) -> None:
    found = draft.find(column)
    if found is None:
        return
    text = str(found[1]).strip()
    draft.forget(column)
    if text in ("none", "prev_last_frame") or text.startswith("shot:"):
        draft.fields["start_from"] = text
    else:
        draft.guess("start_from", f"shot:{text}", column, "read as the id of the shot it continues")


def _typed(field: str, value: Any) -> Any:
    """CSV has only text: numbers, true and false become what they say."""
    if field in NUMBER_FIELDS:
        return number_in(value) if isinstance(value, str) else value
    word = str(value).strip().casefold()
    return {"true": True, "yes": True, "false": False, "no": False}.get(word, value)
