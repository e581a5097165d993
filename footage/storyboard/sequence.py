"""The frames of the film: which of each clip are shown, and where.

Film, subtitles, timeline and edit lists all follow from it, so that they agree to the frame. Only where the board
asks for transitions are clips trimmed: a dissolve shows two clips at once and needs frames of both, a fade goes
through black within the clips' own lengths. A shot that starts from the last frame of the one before it would show
that frame twice; where the film is encoded anyway, the second one is dropped.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from footage.order import Expected
    from footage.request import VideoResponse
    from footage.storyboard.cut import Event
    from footage.storyboard.plan import BoardPlan, Format
    from footage.values.shape_fit import Fit

# Of a transition that says none; half a second is what editing programs use for short ones.
USUAL_TRANSITION_S = 0.5
# A clip is stretched to the film's size only where nobody sees it: i2v models round the sides to steps of 16,
# which is at most 16 of 480 pixels.
_SAME_SHAPE = 0.04


@dataclass(frozen=True)
class Seam:
    """How one clip goes into the next, in frames of the film.

    A dissolve shows both clips in all its frames: `before` of them before the cut, `after` behind it. A fade
    darkens the last `before` frames of the one and brightens the first `after` frames of the other.
    """

    kind: Literal["dissolve", "fade"]
    before: int
    after: int

    @property
    def frames(self) -> int:
        return self.before + self.after


@dataclass(frozen=True)
class Placed:
    """A shot in the film, in frames of the film: `source_in` to `source_out` of its clip, from `record_in` on."""

    event: Event
    # How many the clip has.
    total: int
    source_in: int
    source_out: int
    record_in: int
    # How it goes into the next one, and the one before into it.
    into_next: Seam | None
    from_last: Seam | None
    # Whether the film is encoded, so that every clip has its whole number of the film's frames.
    encoded: bool

    @property
    def frames(self) -> int:
        return self.source_out - self.source_in

    @property
    def record_out(self) -> int:
        return self.record_in + self.frames


def sequence(plan: BoardPlan, events: Sequence[Event]) -> tuple[Placed, ...]:
    """Put the events one after the other, with the transitions that the board asks for and the clips allow."""
    seams = [_seam(plan, event, after) for event, after in zip(events, [*events[1:], None], strict=False)]
    encoded = any(seam is not None for seam in seams)
    placed: list[Placed] = []
    now = 0
    for event, before, last, seam in zip(events, [None, *events], [None, *seams], seams, strict=False):
        total = film_frames(event, plan.format.fps)
        first = last.before if last is not None and last.kind == "dissolve" else 0
        if encoded and last is None and before is not None and _repeats_last_frame(plan, before, event):
            first = 1
        end = total - (seam.after if seam is not None and seam.kind == "dissolve" else 0)
        placed.append(Placed(event, total, first, end, now, seam, last, encoded))
        now = placed[-1].record_out
    return tuple(placed)


def film_frames(event: Event, fps: Fraction) -> int:
    """How many frames the whole clip has at the film's rate."""
    if event.fps == fps:
        return event.frames
    # Halves up, as FFmpeg's filter for frame rates does.
    return max(1, math.floor(Fraction(event.frames) / event.fps * fps + Fraction(1, 2)))


def in_film(event: Event, wanted: Format) -> bool:
    """Whether the film has the shot: there is a clip, and of the film's shape unless the board says how it fits."""
    return event.clip is not None and (wanted.fit is not None or same_shape(event.clip, wanted))


def same_shape(clip: VideoResponse, wanted: Format) -> bool:
    return _alike(*picture_size(clip), wanted)


def fit_of(clip: VideoResponse, wanted: Format) -> Fit | None:
    """How a clip that is in the film meets its shape; None: it has that shape."""
    return None if same_shape(clip, wanted) else wanted.fit


def planned_in_film(planned: Expected, wanted: Format) -> bool:
    """Whether a clip that comes as planned is in the film."""
    return wanted.fit is not None or planned_same_shape(planned, wanted)


def planned_same_shape(planned: Expected, wanted: Format) -> bool:
    """Whether a clip that comes as planned is of the film's shape."""
    return _alike(planned.width, planned.height, wanted)


def _alike(width: int, height: int, wanted: Format) -> bool:
    return abs(width / height / (wanted.width / wanted.height) - 1) <= _SAME_SHAPE


def picture_size(clip: VideoResponse) -> tuple[int, int]:
    width, height = clip.size.split("*")
    return int(width), int(height)


def transition_s(event_seconds: float) -> float:
    """The length of a transition that says `event_seconds`, in seconds."""
    return event_seconds or USUAL_TRANSITION_S


def _seam(plan: BoardPlan, event: Event, after: Event | None) -> Seam | None:
    wanted = event.shot.shot.transition
    if not plan.board.film.transitions or wanted.kind == "cut" or not in_film(event, plan.format):
        return None
    fps = plan.format.fps
    frames = max(2, round(Fraction(transition_s(wanted.seconds)) * fps))
    most = film_frames(event, fps) // 2
    if after is None:
        # The end of the film: there is nothing to dissolve into.
        last = event.shot.number == len(plan.shots) and wanted.kind == "fade"
        return Seam("fade", min(frames, most), 0) if last and most else None
    if after.shot.number != event.shot.number + 1 or not in_film(after, plan.format):
        return None
    # A clip may have come shorter than it was asked.
    frames = min(frames, most, film_frames(after, fps) // 2)
    # Of both clips the same, so that "centred on the cut" means one frame in every format.
    half = frames // 2
    return Seam(wanted.kind, half, half) if half else None


def _repeats_last_frame(plan: BoardPlan, before: Event, event: Event) -> bool:
    return (
        event.shot.starts_from == before.shot.id
        and in_film(before, plan.format)
        and in_film(event, plan.format)
        and film_frames(event, plan.format.fps) > 2
    )
