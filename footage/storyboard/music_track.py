"""The music's own track: where each repetition of it begins and ends in the film."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import TYPE_CHECKING, NamedTuple

from footage.media import MUSIC_RATE

if TYPE_CHECKING:
    from footage.storyboard.music import Music


def music_path(music: Music, folder: str, media_root: str | None) -> str:
    """Where an editor finds the music of the board's folder in the store: beside the timeline, or from its root."""
    return music.kept_as if media_root is None else f"../../{folder}/{music.kept_as}"


class Repetition(NamedTuple):
    """From the music's start: `samples` of 48 kHz, heard from `record_in` to `record_out` in frames of the film."""

    samples: int
    record_in: int
    record_out: int


def repetitions(music: Music, frames: int, fps: Fraction) -> Iterator[Repetition]:
    """The music as it lies under a film of so many frames: once, or again until the film's end."""
    left, start, number = round(frames / fps * MUSIC_RATE), 0, 0
    while left > 0 and (number == 0 or music.options.loop):
        samples = min(left, music.samples)
        left, number = left - samples, number + 1
        # From the exact time each time, so that rounding does not add up.
        end = frames if not left else round(Fraction(number * music.samples, MUSIC_RATE) * fps)
        if end == frames:
            # What is left is less than half a frame, and no clip of its own.
            samples, left = samples + left, 0
        yield Repetition(samples, start, end)
        start = end
