"""Small real videos for tests, made with PyAV."""

from __future__ import annotations

from array import array
from fractions import Fraction
from math import sin, tau
from pathlib import Path
from typing import Any

import av
from PIL import Image, ImageDraw

HUM = array("f", [0.125] * 1024)


def make_clip(
    path: Path,
    *,
    size: tuple[int, int] = (320, 180),
    fps: int | Fraction = 24,
    seconds: float = 1.0,
    picture: str = "moving",
    audio: bool = False,
    tone: float = 0.0,
    b_frames: int = 0,
    colour: tuple[int, int, int] = (200, 60, 30),
) -> Path:
    """Write an H.264 MP4; `picture` is "moving" (a bar crosses it once), "still" or "black".

    `audio` is a hum that nobody hears, or with `tone` a sine of 1 kHz of that amplitude.
    """
    rate = Fraction(fps)
    with av.open(str(path), "w", format="mp4", options={"movflags": "+faststart"}) as target:
        video: Any = target.add_stream(
            "libx264", rate=rate, options={"preset": "ultrafast", "crf": "28", "bf": str(b_frames)}
        )
        video.width, video.height = size
        video.pix_fmt = "yuv420p"
        video.codec_context.thread_count = 1
        sound: Any = target.add_stream("aac", rate=48_000) if audio else None
        if sound is not None:
            sound.layout = "stereo"
        frames = round(seconds * rate)
        frame = av.VideoFrame.from_image(_picture(picture, size, 0, colour)).reformat(format="yuv420p")
        for number in range(frames):
            if picture == "moving":
                frame = av.VideoFrame.from_image(_picture(picture, size, number / frames, colour))
            frame.pts, frame.time_base = number, 1 / rate
            target.mux(video.encode(frame))
        target.mux(video.encode(None))
        if sound is not None:
            for at in range(0, round(seconds * 48_000), 1024):
                frame_of_sound: Any = av.AudioFrame("fltp", "stereo", 1024)
                heard = array("f", (tone * sin(tau * n / 48) for n in range(at, at + 1024))) if tone else HUM
                for plane in frame_of_sound.planes:
                    plane.update(heard.tobytes().ljust(plane.buffer_size, b"\0"))
                frame_of_sound.sample_rate, frame_of_sound.pts = 48_000, at
                target.mux(sound.encode(frame_of_sound))
            target.mux(sound.encode(None))
    return path


def _picture(kind: str, size: tuple[int, int], share: float, colour: tuple[int, int, int]) -> Image.Image:
    image = Image.new("RGB", size, (0, 0, 0) if kind == "black" else (40, 90, 160))
    if kind != "black":
        left = round((size[0] * 0.8) * (share if kind == "moving" else 0.3))
        ImageDraw.Draw(image).rectangle((left, 0, left + size[0] // 5, size[1]), fill=colour)
    return image


def frame_times(path: Path) -> list[float]:
    """The time of every frame, as a player would show it."""
    with av.open(str(path)) as container:
        return sorted(float(frame.time or 0) for frame in container.decode(video=0))


def marker_position(path: Path, at_s: float) -> float:
    """Where the moving bar is at that time: 0 at the left, 1 at the right."""
    with av.open(str(path)) as container:
        best = min(container.decode(video=0), key=lambda frame: abs(float(frame.time or 0) - at_s))
        image: Any = best.to_image().convert("RGB")
    reds = [x for x in range(image.width) if image.getpixel((x, image.height // 2))[0] > 120]
    return (sum(reds) / len(reds) / image.width - 0.1) / 0.8
