"""ArcReel: an episode script with `segments` (narration), `scenes` (drama), `shots` (ad) or `video_units`.

Field names from ArcReel/ArcReel, lib/script_models.py, read 2026-11.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from footage.storyboard.read.draft import Draft, Parsed, has, others, sentence, shot_rows
from footage.storyboard.read.plain_data import as_list, as_mapping

FORMAT = "arcreel"
_LISTS = ("segments", "scenes", "shots", "video_units")
_IDS = ("segment_id", "scene_id", "shot_id", "unit_id")


def matches(data: object) -> bool:
    rows = shot_rows(data, *_LISTS)
    if not rows or as_mapping(data) is None:
        return False
    if has(rows[0], "unit_id") and has(rows[0], "shots"):
        return True
    if has(rows[0], "shot_id") and not (
        has(rows[0], "generated_assets") or has(as_mapping(data) or {}, "content_mode")
    ):
        return False
    return any(has(rows[0], name) for name in _IDS) and has(rows[0], "video_prompt")


def read(data: object, base: Path | None) -> Parsed:
    drafts: list[Draft] = []
    scene = 1
    for row in shot_rows(data, *_LISTS):
        if row.get("segment_break") and drafts:
            scene += 1
        drafts.append(_shot(row, scene, base))
    around = as_mapping(data) or {}
    title = str(around.get("title") or "") or None
    return Parsed(FORMAT, drafts, title=title, metadata=others(data, *_LISTS, "title"))


def _shot(row: Mapping[str, Any], scene: int, base: Path | None) -> Draft:
    name = next((name for name in _IDS if name in row), "segment_id")
    assets = as_mapping(row.get("generated_assets")) or {}
    inner = {"generated_assets.storyboard_image": assets.get("storyboard_image")}
    draft = Draft(str(row.get(name) or ""), row, inner)
    draft.forget(name, "transition_to_next")
    draft.guess("scene", str(scene), "segment_break", "a break starts a new scene")
    draft.duration("duration_seconds")
    draft.transition("transition_to_next")
    draft.carry("notes", "note")
    draft.image(base, "generated_assets.storyboard_image")

    if not row.get("video_prompt") and as_list(row.get("shots")):
        _unit(draft, row)
        return draft
    motion = row.get("video_prompt")
    still = row.get("image_prompt")
    lines = _lines(row, as_mapping(motion) or {})
    if lines:
        draft.guess("dialogue", "\n".join(lines), "dialogue, utterances", "put together as speaker: line")
    elif spoken := draft.text("voiceover_text"):
        draft.guess("dialogue", spoken, "voiceover_text", "taken over")
    moving = as_mapping(motion)
    if moving is None:
        draft.guess("prompt", draft.words("video_prompt", motion), "video_prompt", "taken as it is")
    else:
        picture = [] if "reference_image" in draft.fields else _still(draft, still)
        motion_of_camera = draft.words("video_prompt.camera_motion", moving.get("camera_motion"))
        sound = draft.words("video_prompt.ambiance_audio", moving.get("ambiance_audio"))
        parts = [
            *picture,
            draft.words("video_prompt.action", moving.get("action")),
            f"Camera: {motion_of_camera}" if motion_of_camera else "",
            sound,
        ]
        draft.guess(
            "prompt",
            sentence(parts),
            "image_prompt, video_prompt",
            "picture, action, camera and sound in a row",
        )
        if sound:
            draft.guess("sound", sound, "video_prompt.ambiance_audio", "taken over")
    return draft


def _unit(draft: Draft, row: Mapping[str, Any]) -> None:
    """A clip of several shots, one after the other; its length is that of all of them."""
    shots = [shot for shot in map(as_mapping, as_list(row.get("shots")) or []) if shot is not None]
    draft.guess(
        "prompt",
        sentence([draft.words("shots[].text", shot.get("text")) for shot in shots]),
        "shots[].text",
        "one after the other",
    )
    lengths = [shot.get("duration") for shot in shots]
    if (
        "duration" not in draft.fields
        and lengths
        and all(isinstance(length, int | float) for length in lengths)
    ):
        total = sum(length for length in lengths if isinstance(length, int | float))
        draft.duration_of(float(total), "shots[].duration", f"{total:g} s")


def _still(draft: Draft, still: object) -> list[str]:
    said = as_mapping(still)
    if said is None:
        return [draft.words("image_prompt", still)]
    composition = as_mapping(said.get("composition")) or {}
    return [
        draft.words("image_prompt.composition.shot_type", composition.get("shot_type")),
        draft.words("image_prompt.scene", said.get("scene")),
        draft.words("image_prompt.composition.lighting", composition.get("lighting")),
        draft.words("image_prompt.composition.ambiance", composition.get("ambiance")),
    ]


def _lines(row: Mapping[str, Any], moving: Mapping[str, Any]) -> list[str]:
    spoken = as_list(row.get("utterances")) or as_list(moving.get("dialogue")) or []
    lines: list[str] = []
    for entry in map(as_mapping, spoken):
        if entry is not None:
            speaker = str(entry.get("speaker") or "voice-over")
            lines.append(f"{speaker}: {entry.get('line') or entry.get('text') or ''}")
    return lines
