"""What became of the shots, and the cut that follows from it: the common ground of film, timeline and dailies."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Literal

from footage.request import VideoResponse
from footage.values.frame_rate import exact_rate

if TYPE_CHECKING:
    from footage.storyboard.plan import BoardPlan, ShotPlan

# delivered: there is a clip. failed: it will not come as asked. unfinished: it is bought, or may be, and goes on
# later. held: not bought, because the budget or a person said so. skipped: the shot it starts from did not come.
# waiting: not bought, until a take of the shot that it starts from is picked. rejected: nobody wants its takes.
OutcomeState = Literal["delivered", "failed", "unfinished", "held", "skipped", "waiting", "rejected"]


# File systems take 255 bytes; a bundle adds a number and an ending.
_NAME_CHARS = 80


@dataclass(frozen=True)
class ShotOutcome:
    """How one shot ended. `reason` and `command` are for people: why there is no clip, and what mends that."""

    shot_id: str
    state: OutcomeState
    response: VideoResponse | None = None
    # Measured; the response does not say it.
    audio: bool = False
    reason: str | None = None
    command: str | None = None
    # The provider or the network did not answer, and nothing was bought for it.
    unreachable: bool = False
    # In a cut: which take it is, and whether a person picked it.
    take: int | None = None
    picked: bool = False
    # Why it does not follow from what is used now of the shot that it starts from, and what remaking it costs.
    stale: str | None = None

    def __post_init__(self) -> None:
        if (self.state == "delivered") != (self.response is not None):
            raise ValueError(
                f"shot {self.shot_id}: a clip is delivered when there is a response, and only then"
            )


@dataclass(frozen=True)
class Event:
    """One shot in the cut: its place and its length in frames of its own rate; a gap where there is no clip."""

    shot: ShotPlan
    outcome: ShotOutcome | None
    fps: Fraction
    frames: int
    starts_at_s: float

    @property
    def clip(self) -> VideoResponse | None:
        return self.outcome.response if self.outcome is not None else None

    @property
    def audio(self) -> bool:
        return self.outcome is not None and self.outcome.audio

    @property
    def duration_s(self) -> float:
        return float(self.frames / self.fps)

    @property
    def name(self) -> str:
        """What an editor reads on the clip."""
        title = self.shot.shot.title
        return f"{self.shot.id} {title}" if title else self.shot.id


def cut(plan: BoardPlan, outcomes: Mapping[str, ShotOutcome]) -> tuple[Event, ...]:
    """The board's shots in their order, with measured lengths; a missing shot keeps its planned length."""
    events: list[Event] = []
    now = 0.0
    for shot in plan.shots:
        outcome = outcomes.get(shot.id)
        clip = outcome.response if outcome is not None else None
        fps = exact_rate(clip.fps) if clip is not None and clip.fps > 0 else plan.format.fps
        length = clip.duration if clip is not None else shot.expected.duration_s
        event = Event(shot, outcome, fps, max(1, round(Fraction(length) * fps)), now)
        events.append(event)
        now += event.duration_s
    return tuple(events)


def file_name(text: str, otherwise: str = "shot") -> str:
    """A shot id or a title as a name that every system and store takes.

    Where letters are lost on the way, or the end of a long text, a short hash of the whole keeps names apart.
    """
    text = unicodedata.normalize("NFC", text)
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", text).strip("-.")
    if name and len(name) <= _NAME_CHARS and not any(c.isalnum() and not c.isascii() for c in text):
        return name
    return f"{name[:_NAME_CHARS] or otherwise}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"
