"""What was measured in a video file."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class VideoFacts:
    """Measured values of one file; `problems` says why it is not a whole, playable video (empty: it is).

    The shares are over twelve frames spread evenly: `black_share` of them are (nearly) black, in
    `frozen_share` of the steps from one to the next nothing moved.
    """

    size_bytes: int = 0
    duration_s: float = 0.0
    fps: float = 0.0
    # The same as the exact rate that it is: "24", "24000/1001".
    rate: str = ""
    width: int = 0
    height: int = 0
    codec: str = ""
    frames: int = 0
    audio: bool = False
    audio_codec: str | None = None
    black_share: float = 0.0
    frozen_share: float = 0.0
    # Why it was not decoded although nothing is known to be wrong with it: a coding or a size that is not opened
    # here. Then what follows from the pictures is not known; length and rate are what the file says of itself.
    undecoded: str | None = None
    problems: tuple[str, ...] = ()

    @property
    def playable(self) -> bool:
        return not self.problems

    def to_json(self) -> dict[str, Any]:
        return asdict(self) | {"problems": list(self.problems)}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> VideoFacts:
        known: dict[str, Any] = {**data, "problems": tuple(data["problems"])}
        return cls(**known)
