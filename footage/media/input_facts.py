"""What a clip or a sound is that goes into a model: read from its header, in a child process; nothing is decoded."""

from __future__ import annotations

import io
from typing import Any

import av
from av.error import FFmpegError


def video(data: bytes) -> dict[str, Any]:
    """Length, rate and sides of an MP4 or MOV; `format` is None for whatever is neither."""
    nothing: dict[str, Any] = {"format": None}
    try:
        # Of this demuxer alone: no other format is opened here.
        with av.open(io.BytesIO(data), mode="r", format="mp4") as container:
            if not container.streams.video:
                return nothing
            stream = container.streams.video[0]
            rate = stream.average_rate or stream.guessed_rate
            return {
                "format": "mov" if data[8:12] == b"qt  " else "mp4",
                "duration_s": (container.duration or 0) / av.time_base,
                "fps": float(rate or 0),
                "width": stream.width,
                "height": stream.height,
            }
    except (FFmpegError, ValueError, IndexError):
        return nothing


def sound(data: bytes) -> dict[str, Any]:
    """Length of a WAV or MP3; `format` is None for whatever is neither."""
    for kind in ("wav", "mp3"):
        try:
            with av.open(io.BytesIO(data), mode="r", format=kind) as container:
                if container.streams.audio and container.duration:
                    return {"format": kind, "duration_s": container.duration / av.time_base}
        except (FFmpegError, ValueError, IndexError):
            continue
    return {"format": None}
