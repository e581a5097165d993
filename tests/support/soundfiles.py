"""Small real sound files for tests, and what is heard in a file."""

from __future__ import annotations

from array import array
from collections.abc import Callable
from math import cos, pi, sin, sqrt, tau
from pathlib import Path
from typing import Any

import av

RATE = 48_000
_CODECS = {
    ".wav": ("wav", "pcm_s16le"),
    ".mp3": ("mp3", "libmp3lame"),
    ".m4a": ("ipod", "aac"),
    ".aac": ("adts", "aac"),
    ".flac": ("flac", "flac"),
}


def make_music(
    path: Path,
    *,
    seconds: float = 2.0,
    hertz: float = 440.0,
    amplitude: float = 0.5,
    suffix: str | None = None,
    title: str | None = None,
    wave: Callable[[int], float] | None = None,
) -> Path:
    """Write a stereo tone (or `wave`, a sample for its number) in the format of `suffix`, else of the file's name."""
    format, codec = _CODECS[suffix or path.suffix]
    heard = wave or (lambda n: amplitude * sin(tau * hertz * n / RATE))
    total = round(seconds * RATE)
    with av.open(str(path), "w", format=format) as target:
        if title is not None:
            target.metadata["title"] = title
        stream: Any = target.add_stream(codec, rate=RATE)
        stream.layout = "stereo"
        resampler = av.AudioResampler(stream.codec_context.format, "stereo", RATE, stream.frame_size or 1024)
        for start in range(0, total, RATE):
            samples = array("f", (heard(n) for n in range(start, min(start + RATE, total))))
            frame: Any = av.AudioFrame("fltp", "stereo", len(samples))
            for plane in frame.planes:
                plane.update(samples.tobytes().ljust(plane.buffer_size, b"\0"))
            frame.sample_rate, frame.pts = RATE, start
            for piece in resampler.resample(frame):
                target.mux(stream.encode(piece))
        for piece in resampler.resample(None):
            target.mux(stream.encode(piece))
        target.mux(stream.encode(None))
    return path


def left_channel(file: Path) -> array[float]:
    """The samples of the first channel at 48 kHz."""
    heard = array("f")
    with av.open(str(file)) as container:
        resampler = av.AudioResampler("fltp", "stereo", RATE)
        for frame in container.decode(container.streams.audio[0]):
            for piece in resampler.resample(frame):
                heard.frombytes(bytes(piece.planes[0])[: piece.samples * 4])
    return heard


def amplitude_of(samples: array[float], hertz: float, start_s: float, end_s: float) -> float:
    """How strong a tone is in a stretch of whole tenths of a second (Goertzel's algorithm)."""
    part = samples[round(start_s * RATE) : round(end_s * RATE)]
    factor = 2 * cos(2 * pi * hertz / RATE)
    before = last = 0.0
    for sample in part:
        before, last = last, sample + factor * last - before
    return 2 * sqrt(max(0.0, before**2 + last**2 - factor * before * last)) / len(part)
