"""OpenTimelineIO as a board: every clip without media (`MissingReference`) is a shot to be made."""

from __future__ import annotations

import math
from typing import Any

from footage.errors.actions import typed
from footage.storyboard.guesses import Guess
from footage.storyboard.read.draft import Draft, Parsed
from footage.storyboard.read.plain_data import as_mapping, unreadable

FORMAT = "otio"
# Where our own timelines keep what they know of a shot; other tools may use it to say what they want.
OURS = "wan_video"
_LONGEST_S = 86_400


def matches(data: object) -> bool:
    outer = as_mapping(data)
    return outer is not None and "OTIO_SCHEMA" in outer


def read(text: str, *, name: str) -> Parsed:
    """The clips of the video tracks in their order.

    Called in a child process only (`otio_child`), because OpenTimelineIO may end the one that it runs in.

    Raises:
        InvalidRequest: OpenTimelineIO itself cannot read the file, or a clip has no length that means something.
    """
    import opentimelineio as otio

    try:
        timeline: Any = otio.adapters.read_from_string(text, "otio_json")
        # OpenTimelineIO 0.18 ends the whole process when it searches a timeline without tracks.
        empty = getattr(timeline, "tracks", timeline) is None
        found: list[Any] = (
            list(timeline.find_children()) if hasattr(timeline, "find_children") and not empty else []
        )
    except Exception as error:  # its errors share no base class
        raise unreadable(f"OpenTimelineIO cannot read it: {str(error)[:200]}", name=name) from error

    if not isinstance(timeline, otio.core.SerializableObjectWithMetadata):
        kind = getattr(timeline, "original_schema_name", None) or type(timeline).__name__
        raise unreadable(f"it holds a {str(kind)[:60]}, not a timeline", name=name)
    parsed = Parsed(FORMAT, [], title=timeline.name or None, metadata=_plain(timeline.metadata))
    used: set[str] = set()
    for item in found:
        if isinstance(item, otio.schema.Transition):
            if parsed.drafts:
                _transition(parsed.drafts[-1], item)
            continue
        if not isinstance(item, otio.schema.Clip) or _track_kind(item) == "Audio":
            continue
        if not _is_enabled(item):
            parsed.guesses.append(Guess(None, "shots", f"clip {item.name}", None, "it is disabled; not made"))
            continue
        if not isinstance(item.media_reference, otio.schema.MissingReference):
            parsed.guesses.append(
                Guess(None, "shots", f"clip {item.name}", None, "it has media already; not made again")
            )
            continue
        parsed.drafts.append(_shot(item, used))
    return parsed


def _is_enabled(item: Any) -> bool:
    """Whether neither the clip nor a track or stack around it is disabled."""
    while item is not None:
        if not getattr(item, "enabled", True):
            return False
        item = item.parent()
    return True


def _track_kind(item: Any) -> str:
    parent = item.parent()
    while parent is not None and not hasattr(parent, "kind"):
        parent = parent.parent()
    return str(parent.kind) if parent is not None else "Video"


def _plain(metadata: Any) -> dict[str, Any]:
    """OTIO's own dictionary type as a plain one, through JSON, which is what it was."""
    import json

    import opentimelineio as otio

    return json.loads(otio.core.serialize_json_to_string(metadata)) if len(metadata) else {}


def _shot(clip: Any, used: set[str]) -> Draft:
    metadata = _plain(clip.metadata)
    said = as_mapping(metadata.get(OURS)) or {}
    given = str(said.get("shot_id") or clip.name or "")
    shot_id = given or f"clip-{len(used) + 1:03d}"
    while shot_id in used:
        shot_id += "_"
    used.add(shot_id)

    draft = Draft(shot_id, metadata, inner={f"{OURS}.{key}": value for key, value in said.items()})
    if shot_id != given:
        draft.report(
            "id", shot_id, "clip name", "clips share a name or have none" if given else "the clip has no name"
        )
    if clip.name and clip.name != shot_id:
        draft.fields["title"] = clip.name
    _prompt(draft, metadata, clip)
    for field in (
        "reference_image",
        "model",
        "size",
        "negative_prompt",
        "seed",
        "take",
        "region",
        "start_from",
        "scene",
        "slug",
    ):
        draft.carry(field, f"{OURS}.{field}", field)
    if (span := _span(clip)) is not None:
        length = span.duration
        draft.duration_of(_seconds(length, shot_id), "range", f"{length.value:g} frames at {length.rate:g}")
    return draft


def _seconds(time: Any, of: str) -> float:
    seconds = float(time.to_seconds()) if time.rate else math.inf
    if not math.isfinite(seconds) or not 0 <= seconds < _LONGEST_S:
        raise unreadable(f"{of}: {time.value:g} frames at a rate of {time.rate:g} are no length", name="")
    return seconds


def _prompt(draft: Draft, metadata: dict[str, Any], clip: Any) -> None:
    if draft.carry("prompt", f"{OURS}.prompt", "prompt"):
        return
    # Tools keep their own fields one level down: {"some tool": {"prompt": …}}.
    for name, inner in metadata.items():
        if text := (as_mapping(inner) or {}).get("prompt"):
            draft.guess("prompt", str(text), f"metadata.{name}.prompt", "the clip has no prompt of its own")
            return
    if text := draft.text("description"):
        draft.guess("prompt", text, "metadata.description", "the clip has no prompt")
        return
    notes = [(f"metadata.{key}", draft.text(key)) for key in ("comment", "notes")]
    notes += [
        ("a marker's comment", str(marker.comment))
        for marker in clip.markers
        if getattr(marker, "comment", "")
    ]
    for source, text in (*notes, ("the clip's name", str(clip.name or ""))):
        if text:
            draft.doubt(
                "prompt", text, source, text, "the clip has neither a prompt nor a description",
                settle=("--set", f"{draft.id}.prompt={text}"), others=(typed("--set", f"{draft.id}.prompt=TEXT"),),
            )  # fmt: skip
            return


def _span(clip: Any) -> Any:
    """What of the clip is in the cut: its own range, else all that its media has; None where neither is said."""
    if clip.source_range is not None:
        return clip.source_range
    return clip.media_reference.available_range


def _transition(draft: Draft, item: Any) -> None:
    length = sum(_seconds(offset, f"transition {item.name}") for offset in (item.in_offset, item.out_offset))
    kind = "dissolve" if item.transition_type == "SMPTE_Dissolve" else "fade"
    draft.guess("transition", {"kind": kind, "seconds": length}, item.transition_type, f"read as {kind}")
