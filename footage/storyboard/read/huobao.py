"""huobao-drama: rows of its `storyboards` table, as its API or database gives them (read 2026-11)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from footage.storyboard.read.draft import Draft, Parsed, has, others, sentence, shot_rows
from footage.storyboard.read.plain_data import as_mapping

FORMAT = "huobao-drama"
_LISTS = ("storyboards", "storyboard", "shots", "list", "items")


def matches(data: object) -> bool:
    rows = shot_rows(data, *_LISTS)
    if not rows:
        return False
    numbered = has(rows[0], "storyboard_number") or has(rows[0], "shot_number")
    return numbered and (has(rows[0], "video_prompt") or has(rows[0], "bgm_prompt"))


def read(data: object, base: Path | None) -> Parsed:
    parsed = Parsed(
        FORMAT, [_shot(row, base) for row in shot_rows(data, *_LISTS)], metadata=others(data, *_LISTS)
    )
    around = as_mapping(data) or {}
    drama = as_mapping(around.get("drama")) or around
    parsed.title = str(drama.get("title") or "") or None
    parsed.metadata = {
        **{key: drama[key] for key in ("aspect_ratio", "aspectRatio") if key in drama},
        **parsed.metadata,
    }
    return parsed


def _shot(row: Mapping[str, Any], base: Path | None) -> Draft:
    number = row.get("shot_number", row.get("storyboard_number", row.get("storyboardNumber", "")))
    draft = Draft(str(number), row)
    draft.forget("shot_number", "storyboard_number")
    draft.carry("title", "title")
    draft.carry("scene", "scene_id")
    draft.carry("dialogue", "dialogue")
    draft.duration("duration")
    place = " - ".join(part for part in (draft.text("location"), draft.text("time")) if part)
    if place:
        draft.guess("slug", place, "location, time", "put together")
    sound = sentence((draft.text("sound_effect"), draft.text("bgm_prompt")))
    if sound:
        draft.guess("sound", sound, "sound_effect, bgm_prompt", "put together")
    if not draft.carry("prompt", "video_prompt"):
        names = ("shot_type", "angle", "movement", "description", "action", "result", "atmosphere")
        parts = [draft.words_of(name) for name in names]
        draft.guess(
            "prompt", sentence(parts), ", ".join(name for name in names if draft.text(name)),
            "there is no video_prompt; put together from the description",
        )  # fmt: skip
    draft.image(base, "first_frame_image", "composed_image", "reference_images")
    return draft
