"""ViMax: `storyboard.json`, or the list of its `shot_description.json` files (HKUDS/ViMax, read 2026-11).

ViMax makes a first frame per shot (`shots/<idx>/first_frame.png`) and animates it; its video prompt is
`motion_desc` and `audio_desc`. It has no durations.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from footage.storyboard.read.draft import Draft, Parsed, has, others, picture, sentence, shot_rows

FORMAT = "vimax"


def matches(data: object) -> bool:
    rows = shot_rows(data, "storyboard", "shots")
    return bool(rows) and has(rows[0], "visual_desc") and (has(rows[0], "cam_idx") or has(rows[0], "idx"))


def read(data: object, base: Path | None) -> Parsed:
    drafts = [
        _shot(row, position, base) for position, row in enumerate(shot_rows(data, "storyboard", "shots"))
    ]
    return Parsed(FORMAT, drafts, metadata=others(data, "storyboard", "shots"))


def _shot(row: Mapping[str, Any], position: int, base: Path | None) -> Draft:
    index = row.get("idx", position)
    draft = Draft(f"s{index}", row)
    draft.report(
        "id", draft.id, "idx", f"idx {index} counts from 0; shot s{index} is the film's number {position + 1}"
    )
    draft.carry("sound", "audio_desc")
    # ViMax itself writes none.
    draft.duration("duration", "duration_seconds")
    frame = picture(f"shots/{index}/first_frame.png", base)
    if frame:
        draft.guess(
            "reference_image", frame, "shots/<idx>/first_frame.png", "ViMax's own first frame of the shot"
        )
    # With the frame at hand only the movement has to be said; without it the picture as well.
    seen = () if frame and draft.text("motion_desc") else (draft.words_of("ff_desc", "visual_desc"),)
    parts = (*seen, draft.words_of("motion_desc"), draft.words_of("audio_desc"))
    used = [name for name in ("ff_desc", "visual_desc", "motion_desc", "audio_desc") if draft.text(name)]
    draft.guess("prompt", sentence(parts), " + ".join(used), "put together the way ViMax does")
    return draft
