"""Shot lists as tables: CSV as crews write them, and JSON lists of no known tool, by their column names."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from footage.errors.actions import typed
from footage.storyboard.board import REQUEST_FIELDS
from footage.storyboard.guesses import Guess
from footage.storyboard.read import columns as column_roles
from footage.storyboard.read import delimited as table
from footage.storyboard.read import (
    left_out,
    lengths,
    lengths_in_text,
    nesting,
    not_shots,
    shot_lengths,
    shot_text,
    sizes,
    words,
)
from footage.storyboard.read.columns import Columns
from footage.storyboard.read.draft import Draft, Parsed
from footage.storyboard.read.mapping import NO_SHOT, Part, samples
from footage.storyboard.read.settlement import METADATA, Settlement

FORMAT = "csv"
JSON_FORMAT = "json"
_STORY = ("scene", "slug", "title", "dialogue", "sound", "notes", "negative_prompt")
_HANDLED = ("prompt", "duration", "reference_image", "size", "fps", "model")
_TEXT_ROLES = ("prompt", "description", "perhaps_prompt", "still_prompt")

has_head = table.has_head


def read_table(found: table.Table, base: Path | None, settlement: Settlement) -> Parsed:
    rows, unsure, skipped, shared = _shots_alone(found)
    shots = nesting.with_all_of(found.said, rows, nesting.OF_ALL[0])
    parsed = _read_rows(
        shots, base, FORMAT, settlement, _rate_in(found.said),
        unsure=unsure, hidden=found.hidden_columns, shared=shared,
    )  # fmt: skip
    parsed.shape = tuple(found.head)
    parsed.guesses += skipped
    titles = [line for line in found.above if not line.startswith(tuple(found.said))]
    if titles:
        parsed.title = titles[0]
        parsed.guesses.append(Guess(None, "title", "above the head", titles[0], "it names no column"))
    return parsed


def _rate_in(*levels: Mapping[str, Any]) -> float | None:
    """The frame rate that is said beside the shots."""
    return next(
        (rate for said in levels for key, value in said.items()
         if "rate" in words.roles_of(key) and (rate := lengths.rate_of(value))), None,
    )  # fmt: skip


class _Unsure(NamedTuple):
    """A line that may be no shot."""

    line: int
    cells: Mapping[str, str]
    why: str


def _shots_alone(
    found: table.Table,
) -> tuple[list[dict[str, Any]], dict[int, _Unsure], list[Guess], dict[int, str]]:
    """The lines that are shots, each with its scene; by place, those that are not certain to be one; what is none.

    The last are columns of lengths, by place, whose cell is one with that of the line above.
    """
    usual = not_shots.usual([cells for _, cells in found.rows])
    roles = {
        name: column_roles.role_of(name, [c[name] for _, c in found.rows if name in c]) for name in found.head
    }
    scene_column = next((name for name, role in roles.items() if role == "scene"), None)
    rows: list[dict[str, Any]] = []
    unsure: dict[int, _Unsure] = {}
    skipped: list[Guess] = []
    lengths_above: dict[int, str] = {}
    scene = next((text for text in reversed(found.above) if not_shots.is_heading(text)), None)
    for line, cells in found.rows:
        kind, text = not_shots.classify(cells, roles, usual)
        if kind == "heading":
            scene = text
        elif kind in ("shot", "unsure"):
            row: dict[str, Any] = {
                key: cell if roles[key] in ("id", "scene") else words.number(cell)
                for key, cell in cells.items()
            }
            if scene_column and not cells.get(scene_column) and scene:
                row[scene_column] = scene
            elif scene_column:
                scene = cells.get(scene_column)
            elif scene:
                row["scene"] = scene
            if kind == "unsure":
                unsure[len(rows)] = _Unsure(line, cells, text)
            elif line in found.hidden:
                unsure[len(rows)] = _Unsure(
                    line, cells, "the line is hidden or struck through in the workbook"
                )
            elif any(roles[name] in _TEXT_ROLES for name in found.shared.get(line, ())):
                unsure[len(rows)] = _Unsure(line, cells, "its text is one merged cell with the line above")
            for name in found.shared.get(line, ()):
                if roles[name] in ("duration", "frames"):
                    lengths_above[len(rows)] = name
            rows.append(row)
            continue
        skipped.append(Guess(None, "shots", f"line {line}", None, f"a {kind}, not a shot"))
    return rows, unsure, skipped, lengths_above


def _perhaps_no_shot(shot_id: str, unsure: _Unsure) -> Part:
    return Part(
        f"line {unsure.line}, {next(iter(unsure.cells))}", "shots", "guessed", unsure.why, shot_id,
        samples(unsure.cells.values()), NO_SHOT,
        others=(typed("--set", f"{shot_id}.skip=false"),), settle=("--set", f"{shot_id}.skip=true"),
    )  # fmt: skip


def matches(data: object) -> bool:
    rows = nesting.shots_of(data).rows
    known = {role for row in rows[:3] for key in row for role in words.roles_of(key)}
    return bool(rows) and bool(known.intersection(_TEXT_ROLES))


def read_json(data: object, base: Path | None, settlement: Settlement) -> Parsed:
    rows, around, _ = nesting.shots_of(data)
    # What holds for all of them often stands one level below: {"settings": {"fps": 24}}.
    rate = _rate_in(around, *nesting.settings_in(around))
    parsed = _read_rows(rows, base, JSON_FORMAT, settlement, rate)
    parsed.metadata = around
    parsed.shape = tuple(dict.fromkeys(name for row in rows for name in row))
    title = parsed.metadata.get("title") or parsed.metadata.get("name")
    if isinstance(title, str):
        parsed.title = title
    return parsed


def _read_rows(
    rows: Sequence[Mapping[str, Any]],
    base: Path | None,
    format: str,
    settlement: Settlement,
    rate: float | None = None,
    unsure: Mapping[int, _Unsure] | None = None,
    hidden: Collection[str] = (),
    shared: Mapping[int, str] | None = None,
) -> Parsed:
    columns = column_roles.assign(rows, settlement, hidden)
    source, parts = shot_text.find(rows, columns)
    ids = _ids(rows, columns)
    # Only here it has the id that everything else calls it by.
    perhaps = [_perhaps_no_shot(ids[place][0], line) for place, line in (unsure or {}).items()]
    lengths_above = {ids[place][0]: name for place, name in (shared or {}).items()}
    marked = not_shots.marked_columns(rows) if format == FORMAT else []
    rows, ids, out, doubts = left_out.sorted_out(rows, ids, [*marked, *not_shots.partly_made(rows)])
    made = {shot_id for shot_id, _ in ids}
    parts += [
        *(part for part in perhaps if part.shot_id in made),
        *doubts,
        *_again(rows, ids, columns, source),
    ]
    drafts: list[Draft] = []
    for row, (shot_id, why) in zip(rows, ids, strict=True):
        draft = _shot(row, shot_id, why, columns, base)
        shot_text.put(draft, row, source, columns)
        drafts.append(draft)
    parts += shot_lengths.put(drafts, rows, columns, rate)
    for draft in drafts:
        lengths_in_text.ask(draft)
        if draft.id in lengths_above:
            _ask_of_shared_length(draft, lengths_above[draft.id])
    parts += _sketches(rows, columns, drafts)
    guesses = [
        Guess(None, f"shots[].{part.field}", part.source, part.source, part.why)
        for part in columns.parts
        if part.sureness != "known"
    ]
    guesses += _not_used(rows, columns, source, settlement)
    return Parsed(format, drafts, guesses=[*guesses, *out], parts=[*columns.parts, *parts])


def _not_used(
    rows: Sequence[Mapping[str, Any]], columns: Columns, source: shot_text.TextSource, settlement: Settlement
) -> list[Guess]:
    """Columns with words that are no part of anything, such as a style, so that nobody pays for clips without it."""
    used = {*source.names, *(name for named in columns.roles.values() for name in named)}
    names = [
        name
        for name in dict.fromkeys(name for row in rows for name in row)
        if name not in used
        and settlement.of(name) is None
        and any(column_roles.has_words(row.get(name)) for row in rows)
    ]
    why = "in no prompt; --map NAME=description adds a column to the text, --map NAME=metadata says that it is right so"
    return [Guess(None, "not used", "the columns", ", ".join(names), why)] if names else []


def _ask_of_shared_length(draft: Draft, name: str) -> None:
    length = draft.fields.get("duration")
    if length is None or any(part.field == "duration" for part in draft.parts):
        return
    draft.doubt(
        "duration", length, name, draft.row.get(name),
        "it is one merged cell with the line above: of each, or together?",
        settle=("--set", f"{draft.id}.duration={length}"), others=(typed("--set", f"{draft.id}.duration=SECONDS"),),
    )  # fmt: skip


def _again(
    rows: Sequence[Mapping[str, Any]],
    ids: Sequence[tuple[str, str | None]],
    columns: Columns,
    source: shot_text.TextSource,
) -> list[Part]:
    """Shots whose number stands twice: takes or versions of one, or a slip of the pen?"""
    number, scene = columns.first("id"), columns.first("scene")
    if number is None:
        return []
    first: dict[tuple[str, str], tuple[str, list[str]]] = {}
    parts: list[Part] = []
    for row, (shot_id, _) in zip(rows, ids, strict=True):
        key = (_cell(row, scene), _cell(row, number))
        text = [_cell(row, name) for name in source.names]
        if not key[1] or key not in first:
            first.setdefault(key, (shot_id, text))
            continue
        skip, keep = f"{shot_id}.skip=true", f"{shot_id}.skip=false"
        same = text == first[key][1]
        why = f"its number is that of {first[key][0]}" + (", and so is its text" if same else "")
        parts.append(
            Part(
                number, "shots", "guessed", f"{why}: another take or version?", shot_id, samples(text),
                NO_SHOT if same else f"shot {shot_id}", (typed("--set", f"{keep if same else skip}"),),
                ("--set", skip if same else keep),
            )
        )  # fmt: skip
    return parts


def _ids(rows: Sequence[Mapping[str, Any]], columns: Columns) -> list[tuple[str, str | None]]:
    """An id for each shot, each once, and why it is not the one that the board has."""
    number, scene = columns.first("id"), columns.first("scene")
    # A list of scenes of one shot each numbers the scenes alone.
    shots = [_cell(row, number or scene).rstrip(":： ") for row in rows]
    said = [shot for shot in shots if shot]
    if len(set(said)) == len(said):
        return [
            (shot, None) if shot else (f"row{n}", "it has no number") for n, shot in enumerate(shots, start=1)
        ]
    # Crews count the shots of each scene from 1.
    scenes = [_cell(row, scene) if number else "" for row in rows]
    names = ["-".join(filter(None, pair)) for pair in zip(scenes, shots, strict=True)]
    used: Counter[str] = Counter()
    found: list[tuple[str, str | None]] = []
    for n, (name, shot) in enumerate(zip(names, shots, strict=True), start=1):
        used[name] += bool(name)
        if not name:
            found.append((f"row{n}", "it has no number"))
        elif names.count(name) > 1 and (used[name] > 1 or number is None):
            found.append((_free(f"{name}-{used[name]}", names), "its number stands on several lines"))
        else:
            why = "shot numbers start again in every scene, so the scene stands before them"
            found.append((name, why if name != shot else None))
    return found


def _free(name: str, taken: Sequence[str]) -> str:
    while name in taken:
        name += "_"
    return name


def _cell(row: Mapping[str, Any], column: str | None) -> str:
    value = row.get(column) if column is not None else None
    return "" if words.nothing(value) else str(value).strip()


def _shot(
    row: Mapping[str, Any], shot_id: str, why: str | None, columns: Columns, base: Path | None
) -> Draft:
    draft = Draft(shot_id, row)
    if name := columns.first("id"):
        draft.forget(name)
    if why:
        draft.report("id", shot_id, columns.first("id") or "position", why)
    for role in columns.roles:
        # Of two columns that are half filled each, the one that says something of this shot.
        names = [name for name in columns.all(role) if not words.nothing(row.get(name))]
        if (found := draft.find(*names)) is None:
            continue
        if role in _STORY:
            _put_story(draft, role, *found)
        elif role in REQUEST_FIELDS and role not in _HANDLED:
            draft.take(role, found[0], column_roles.typed(role, found[1]))
    draft.transition(*columns.all("transition"))
    draft.image(base, *columns.all("reference_image"))
    _start(draft, columns.all("start_from"))
    _model(draft, columns)
    _size(draft, columns)
    _rate(draft, columns)
    return draft


def _put_story(draft: Draft, role: str, name: str, said: Any) -> None:
    text = column_roles.text_of(said)
    if text is None and role == "negative_prompt":
        draft.doubt_words(name, said, role)
        return
    draft.take(role, name, column_roles.spoken(said) if text is None else text)


def _model(draft: Draft, columns: Columns) -> None:
    found = draft.find(*columns.all("model"))
    if found and (
        columns.of_requests
        or column_roles.is_video_model(found[1])
        or column_roles.request_value("model", found[1])
    ):
        draft.take("model", found[0], str(found[1]).strip())


def _size(draft: Draft, columns: Columns) -> None:
    if found := draft.find(*columns.all("size")):
        size = sizes.pixels(found[1])
        draft.take("size", found[0], size or found[1])
        if size and size != str(found[1]).strip():
            draft.report("size", size, found[0], "written with an asterisk")
    elif found := _said(draft, columns.all("aspect_ratio")):
        _shape(draft, *found)
    if (found := draft.find(*columns.all("resolution"))) and (tier := sizes.tier_in(found[1])):
        if "size" not in draft.fields and (size := sizes.pixels(found[1])):
            draft.guess("size", size, found[0], "written as width and height")
        draft.tier = found[0], tier


def _said(draft: Draft, names: Sequence[str]) -> tuple[str, Any] | None:
    return draft.find(*(name for name in names if not words.nothing(draft.row.get(name))))


def _shape(draft: Draft, name: str, said: Any) -> None:
    if size := sizes.size_of(said):
        draft.guess("size", size, name, f"{said} at 720P")
        return
    draft.doubt(
        "size", None, name, said, "it is no shape that we can read, such as 9:16",
        others=(typed("--set", f"{draft.id}.size=WIDTH*HEIGHT"), typed("--map", f"{name}={METADATA}")),
        acceptable=False,
    )  # fmt: skip


def _rate(draft: Draft, columns: Columns) -> None:
    """A rate that the request can have; `24 fps` and 23.976 are what the crew's camera runs at."""
    if columns.of_requests and (found := draft.find(*columns.all("fps"))):
        draft.take("fps", found[0], column_roles.typed("fps", found[1]))
        return
    found = draft.find(*columns.all("rate"))
    if (
        found
        and words.plain(found[0]) in ("fps", "framerate")
        and isinstance(found[1], int)
        and 1 <= found[1] <= 60
    ):
        draft.take("fps", found[0], found[1])


def _start(draft: Draft, columns: Sequence[str]) -> None:
    found = _said(draft, columns)
    if found is None:
        return
    column, text = found[0], str(found[1]).strip()
    draft.forget(column)
    if text in ("none", "prev_last_frame") or text.startswith("shot:"):
        draft.fields["start_from"] = text
    else:
        draft.guess("start_from", f"shot:{text}", column, "read as the id of the shot it continues")


def _sketches(rows: Sequence[Mapping[str, Any]], columns: Columns, drafts: Sequence[Draft]) -> list[Part]:
    """Pictures of a board that may be drawings: whether clips start from them is a person's to say."""
    if any("reference_image" in draft.fields for draft in drafts):
        return []
    taken = {name for named in columns.roles.values() for name in named} - set(
        columns.roles.get("sketch", [])
    )
    return [
        Part(
            name, "reference_image", "guessed", "it holds pictures: drawings for people, or first frames?",
            values=samples(row[name] for row in rows if name in row), becomes="not used",
            others=(typed("--map", f"{name}=reference_image"),), settle=("--map", f"{name}={METADATA}"),
        )
        for name in dict.fromkeys(name for row in rows for name in row)
        if name not in taken and _holds_pictures(rows, name)
    ] + [
        Part(
            name, "reference_image", "guessed", "it is named as the first frame, and holds no picture that we can read",
            values=samples(row[name] for row in rows if not words.nothing(row.get(name))), becomes="not used",
            others=("--set SHOT.reference_image=PATH",), settle=("--map", f"{name}={METADATA}"),
        )
        for name in dict.fromkeys(name for row in rows for name in row)
        if name not in taken and words.roles_of(name) == ("reference_image",)
        and not _holds_pictures(rows, name) and any(not words.nothing(row.get(name)) for row in rows)
    ]  # fmt: skip


def _holds_pictures(rows: Sequence[Mapping[str, Any]], name: str) -> bool:
    """Whether pictures are all that it holds, or one is named there by its file; links alone may be anything."""
    values = [row[name] for row in rows if not words.nothing(row.get(name))]
    if any(column_roles.is_picture_file(value) for value in values):
        return True
    return bool(values) and all(map(column_roles.is_picture, values))
