"""Music that goes under a film: which files it may be, and what is wrong with one, found out in a child process."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from footage.child import Bounds, ChildError, call

# At most: an hour of 48 kHz in 16 bit is 691 MB as WAV, and 24 bit fit as FLAC.
MAX_BYTES = 1_000_000_000
MAX_S = 3 * 3600
# Less is no music but a sound, and repeating it would be a buzz.
MIN_S = 1
# Samples a second that its length is counted in, and the film has.
MUSIC_RATE = 48_000

# By the ending of the name, in small letters.
MUSIC_SUFFIXES = (".wav", ".mp3", ".m4a", ".aac", ".flac")

# An hour takes 5 to 20 s to decode; a loaded machine takes longer.
_BOUNDS = Bounds(wall_s=600, processor_s=300, data_bytes=300 << 20)


@dataclass(frozen=True)
class MusicFacts:
    """How many samples of 48 kHz a file has, or the problem with it, in words that follow its name."""

    samples: int
    problem: str | None


@dataclass(frozen=True)
class Bed:
    """Music as it is laid under a film; times in seconds, the gain in dB of what the file has."""

    path: Path
    suffix: str
    # Of 48 kHz; a repetition begins behind so many.
    samples: int
    gain_db: float
    duck: bool
    loop: bool
    fade_in_s: float
    fade_out_s: float

    def to_json(self) -> dict[str, Any]:
        """For the child process."""
        return {**vars(self), "path": str(self.path.absolute())}


def inspect_music(path: Path, suffix: str, sha256: str) -> MusicFacts:
    """Decode all of a file that has these bytes; nothing that it says of itself is in the answer."""
    job = "footage.media.music_decoding:inspect"
    try:
        answer, _ = call(job, _BOUNDS, path=str(path.absolute()), suffix=suffix, sha256=sha256)
    except ChildError as error:
        if error.cause == "input":
            # What its reader says may quote the file.
            return MusicFacts(0, "cannot be read as music")
        return MusicFacts(0, f"cannot be read as music: {error.reason}")
    return MusicFacts(answer["samples"], answer["problem"])
