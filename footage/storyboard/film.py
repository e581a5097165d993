"""The delivered shots one after the other, in one file."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from footage import media
from footage.errors import BadDelivery
from footage.request import VideoResponse
from footage.storyboard.cut import ShotOutcome, cut
from footage.storyboard.plan import BoardPlan, Format
from footage.values.frame_rate import exact_rate

# A clip is stretched to the film's size only where nobody sees it: i2v models round the sides to steps of 16,
# which is at most 16 of 480 pixels.
_SAME_SHAPE = 0.04


@dataclass(frozen=True)
class Film:
    """A finished film: its length, and its shot ids by what was done with them."""

    duration_s: float
    included: tuple[str, ...]
    # Converted to the film's size and rate on the way.
    converted: tuple[str, ...]
    # Not in the film, with the reason.
    left_out: Mapping[str, str]
    # Whether the pictures are the delivered ones, untouched.
    copied: bool


def make_film(
    plan: BoardPlan, outcomes: Mapping[str, ShotOutcome], files: Mapping[str, Path], out: Path
) -> Film | None:
    """Join the delivered clips in the board's order into `out`; None when there is none to join.

    A shot without a clip is left out, and so is one of another shape than the film (it stays in the timeline):
    stretching it would distort it.

    Args:
        plan: The board.
        outcomes: What became of each shot, by id.
        files: The local file of each delivered clip, by shot id.
        out: An MP4 file to write.

    Raises:
        BadDelivery: A clip cannot be read, or the film that was written is not whole.
        StorageProblem: The disk does not take the result.
    """
    left_out: dict[str, str] = {}
    converted: list[str] = []
    clips: dict[str, Path] = {}
    duration_s = 0.0
    with tempfile.TemporaryDirectory(dir=out.parent, prefix="film-") as folder:
        for event in cut(plan, outcomes):
            shot_id, clip = event.shot.id, event.clip
            file = files.get(shot_id)
            if file is None or clip is None:
                left_out[shot_id] = "it has no clip"
                continue
            if not _same_shape(clip, plan.format):
                size = f"{plan.format.width}*{plan.format.height}"
                left_out[shot_id] = f"its shape {clip.size} is not the film's {size}"
                continue
            if not _fits(clip, plan.format):
                converted.append(shot_id)
                file = _converted(file, clip, plan.format, Path(folder) / f"{event.shot.number}.mp4")
            clips[shot_id] = file
            duration_s += event.duration_s
        if not clips:
            return None
        copied = media.join(list(clips.values()), out)
    if problems := media.walk(out):
        raise BadDelivery(f"The film that was written is not whole: {problems[0]}.")
    return Film(duration_s, tuple(clips), tuple(converted), left_out, copied)


def _size(clip: VideoResponse) -> tuple[int, int]:
    width, height = clip.size.split("*")
    return int(width), int(height)


def _fits(clip: VideoResponse, wanted: Format) -> bool:
    return _size(clip) == (wanted.width, wanted.height) and exact_rate(clip.fps) == wanted.fps


def _same_shape(clip: VideoResponse, wanted: Format) -> bool:
    width, height = _size(clip)
    return abs(width / height / (wanted.width / wanted.height) - 1) <= _SAME_SHAPE


def _converted(file: Path, clip: VideoResponse, wanted: Format, out: Path) -> Path:
    size = (wanted.width, wanted.height)
    media.conform(
        file,
        out,
        fps=None if exact_rate(clip.fps) == wanted.fps else wanted.fps,
        size=None if _size(clip) == size else size,
    )
    return out
