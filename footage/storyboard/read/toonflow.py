"""Toonflow, both shapes (HBAI-Ltd/Toonflow-app, read 2026-11).

New: rows of `o_storyboard`, where `prompt` describes the still picture, `videoDesc` the clip and `filePath`
is the finished still. Old: `Shot` with `cells`, each cell a still, and a `videoConfig` per shot.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from footage.errors.actions import typed
from footage.storyboard.guesses import Guess
from footage.storyboard.read import sizes
from footage.storyboard.read.draft import Draft, Parsed, has, others, sentence, shot_rows
from footage.storyboard.read.plain_data import as_list, as_mapping

FORMAT = "toonflow"
_LISTS = ("o_storyboard", "storyboards", "storyboard", "shots", "list")


def matches(data: object) -> bool:
    rows = shot_rows(data, *_LISTS)
    if not rows:
        return False
    new = has(rows[0], "videoDesc") and (has(rows[0], "index") or has(rows[0], "trackId"))
    return new or has(rows[0], "cells")


def read(data: object, base: Path | None) -> Parsed:
    given = shot_rows(data, *_LISTS)
    rows = _in_order(given)
    segments = {str(row.get("id", row.get("index"))): row for row in shot_rows(_inside(data, "segments"))}
    drafts = [
        _old_shot(row, segments, base) if has(row, "cells") else _new_shot(row, position, base)
        for position, row in enumerate(rows, start=1)
    ]
    parsed = Parsed(FORMAT, drafts, metadata=others(data, *_LISTS))
    if rows != given:
        order = ", ".join(draft.id for draft in drafts)
        parsed.guesses.append(
            Guess(None, "shots", "index", order, "in the order of their index, not of the file")
        )
    return parsed


def _in_order(rows: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The rows as Toonflow shows them: a table has no order of its own. As they are where an index stands twice."""
    places = [row.get("index") for row in rows]
    if any(not isinstance(place, int) for place in places) or len({*places}) < len(places):
        return [*rows]
    return sorted(rows, key=lambda row: int(row["index"]))


def _inside(data: object, name: str) -> object:
    return (as_mapping(data) or {}).get(name) or []


def _new_shot(row: Mapping[str, Any], position: int, base: Path | None) -> Draft:
    index = row.get("index") if row.get("index") is not None else row.get("id", position)
    draft = Draft(str(index), row)
    draft.forget("index" if row.get("index") is not None else "id")
    draft.carry("dialogue", "dialogue")
    draft.carry("sound", "soundEffect")
    draft.carry("scene", "track", "trackId")
    draft.duration("duration")
    if draft.words_of("videoDesc"):
        parts = (draft.words_of("shotType"), draft.text("videoDesc"), draft.words_of("cameraMovement"))
        used = [name for name in ("shotType", "videoDesc", "cameraMovement") if draft.text(name)]
        if len(used) == 1:
            draft.carry("prompt", "videoDesc")
        else:
            draft.guess("prompt", sentence(parts), ", ".join(used), "put together")
    else:
        still = draft.text("prompt")
        if still:
            draft.doubt(
                "prompt", still, "prompt", still, "it is the still picture's; there is no videoDesc for the clip",
                settle=("--set", f"{draft.id}.prompt={still}"), others=(typed("--set", f"{draft.id}.prompt=TEXT"),),
            )  # fmt: skip
    draft.image(base, "filePath")
    return draft


def _old_shot(row: Mapping[str, Any], segments: Mapping[str, Mapping[str, Any]], base: Path | None) -> Draft:
    config = as_mapping(row.get("videoConfig")) or {}
    cells = [cell for cell in map(as_mapping, as_list(row.get("cells")) or []) if cell is not None]
    first = as_mapping(config.get("startFrame")) or (cells[0] if cells else {})
    inner = {f"videoConfig.{key}": value for key, value in config.items()}
    inner["first cell"] = first.get("src") or first.get("filePath")
    draft = Draft(str(row.get("id", "")), row, inner)
    draft.forget("id")
    draft.carry("title", "title")
    draft.carry("scene", "segmentId")
    draft.duration("videoConfig.duration")
    if not draft.carry("prompt", "videoConfig.prompt"):
        segment = segments.get(str(row.get("segmentId")), {})
        said = [
            ("segment.action", segment.get("action")),
            *(("cells[].prompt", cell.get("prompt")) for cell in cells),
        ]
        parts = [draft.words(name, value) for name, value in said]
        draft.guess(
            "prompt",
            sentence(parts),
            "segment.action, cells[].prompt",
            "there is no video prompt; put together",
        )
    ratio = config.get("ratio") or config.get("aspectRatio")
    if size := sizes.size_of(ratio):
        draft.guess("size", size, "videoConfig.ratio", f"{ratio} at 720P")
    if tier := sizes.tier_in(config.get("resolution")):
        draft.tier = "videoConfig.resolution", tier
    draft.image(base, "first cell")
    return draft
