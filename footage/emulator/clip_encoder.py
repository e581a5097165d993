"""Clips that are plainly emulated and still like the real ones: size, length, fps, audio, H.264, faststart.

Text to video is a pattern that moves as the seed says; image to video is a slow zoom into the actual image,
which fills the first frame. Work is done on the YUV planes, because converting 150 frames from RGB costs more
than encoding them. Everything is deterministic: the same job gives the same bytes.
"""

import math
from array import array
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

import av
from av.audio.frame import AudioFrame
from av.video.frame import VideoFrame
from PIL import Image, ImageDraw, ImageFilter

from footage.emulator.aigc_label import MOVFLAGS, put_label, rename_second
from footage.emulator.captions import CAPTION_SHARE, caption, counter

if TYPE_CHECKING:
    from av.audio.stream import AudioStream
    from av.container import OutputContainer
    from av.video.stream import VideoStream

Planes = tuple[Image.Image, Image.Image, Image.Image]

# Full-range JPEG levels to the video range 16-235 and 16-240 (ITU-R BT.601).
_LUMA = [16 + round(level * 219 / 255) for level in range(256)]
_CHROMA = [16 + round(level * 224 / 255) for level in range(256)]
_ZOOM = 0.18  # share of each side that has left the picture in the last frame of an i2v clip
_AUDIO_RATE = 48000
_AUDIO_FRAME = 1024
_BLEND = 15  # frames in which a clip melts into its last frame
_OVER = 1 << 30
_STILL_GOP = 15  # frames; divides every whole number of seconds at 30 fps


def film(job: dict[str, Any], target: Path) -> None:
    """Write the clip of `job` (a render request of the render_pool) to `target`."""
    fps = int(job["fps"])
    frames = round(fps * (int(job["duration_s"]) + float(job.get("overrun_s") or 0)))
    with av.open(str(target), "w", format="mp4", options={"movflags": "+faststart" + MOVFLAGS}) as container:
        put_label(container, job)
        video = _video_stream(container, job, fps)
        audio = _audio_stream(container) if job["audio"] else None
        if job["render"] == "full":
            _film_moving(container, video, _Scene(job, frames), frames)
        else:
            _film_still(container, video, job, frames)
        if audio is not None:
            _record(container, audio, job)
    rename_second(target, job)


def _still_group(job: dict[str, Any]) -> int:
    """Frames of a group of pictures; what all clips share may take longer to encode, and is quicker to decode."""
    return _STILL_GOP if job["render"] == "tiny" else 300


@dataclass(frozen=True, slots=True)
class _Still:
    """An encoded group of pictures: its packets, and whether each is a key frame."""

    packets: list[tuple[bytes, bool]]
    time_base: Fraction
    step: int


# What clips of a shape have in common, where only their labels differ.
_SAME: dict[tuple[Any, ...], _Still] = {}


def _video_stream(container: "OutputContainer", job: dict[str, Any], fps: int) -> "VideoStream":
    stream = container.add_stream("libx264", rate=fps)
    stream.width, stream.height, stream.pix_fmt = job["width"], job["height"], "yuv420p"
    stream.codec_context.thread_count = 1  # bytes differ with the number of threads
    stream.codec_context.gop_size = fps
    options = {"preset": "ultrafast", "crf": "30"}
    if job["render"] != "full":
        stream.codec_context.gop_size = _still_group(job)
        # CABAC: a still frame then costs bytes by its content, not by its number of blocks.
        options |= {"crf": "36", "x264-params": "cabac=1:scenecut=0:bframes=0"}
    stream.codec_context.options = options
    return stream


def _film_moving(container: "OutputContainer", stream: "VideoStream", scene: "_Scene", frames: int) -> None:
    for number in range(frames):
        container.mux(stream.encode(_frame(scene.shoot(number), number)))
    container.mux(stream.encode(None))


def _film_still(
    container: "OutputContainer", stream: "VideoStream", job: dict[str, Any], frames: int
) -> None:
    """Encode one closed group of pictures of a still and repeat its packets: a tenth of the cost."""
    group = min(_still_group(job), frames)
    if job["render"] == "same":
        job = {**job, "prompt": "the same clip as all of this size", "seed": 0}
    media = (job.get("image"), job.get("begins_with"), job.get("ends_with"))
    shape = (
        job["width"],
        job["height"],
        job["model"],
        bool(job["watermark"]),
        int(job["fps"]),
        group,
        *media,
    )
    still = _SAME.get(shape) if job["render"] == "same" else None
    if still is None:
        picture = _Scene(job, frames).shoot(0)
        packets = [packet for number in range(group) for packet in stream.encode(_frame(picture, number))]
        packets += stream.encode(None)
        base = packets[0].time_base
        step = round(1 / (base * stream.codec_context.framerate)) if stream.codec_context.framerate else 1
        still = _Still([(bytes(packet), packet.is_keyframe) for packet in packets], base, step)
        if job["render"] == "same":
            _SAME[shape] = still
    base, step = still.time_base, still.step
    for number in range(frames):
        payload, key = still.packets[number % group]
        packet = av.Packet(payload)
        packet.stream, packet.time_base, packet.is_keyframe = stream, base, key
        packet.pts = packet.dts = number * step
        packet.duration = step
        container.mux(packet)


def _frame(planes: Planes, number: int) -> VideoFrame:
    frame = VideoFrame(*planes[0].size, "yuv420p")
    for plane, image in zip(frame.planes, planes, strict=True):
        if plane.line_size != image.width:
            wide = Image.new("L", (plane.line_size, image.height))
            wide.paste(image)
            image = wide
        plane.update(image.tobytes())
    frame.pts = number
    return frame


def _audio_stream(container: "OutputContainer") -> "AudioStream":
    return container.add_stream("aac", rate=_AUDIO_RATE, layout="mono")


def _record(container: "OutputContainer", stream: "AudioStream", job: dict[str, Any]) -> None:
    """A soft tone, whole waves per codec frame; its pitch depends on the seed and the audio sent."""
    waves = 5 + Random(f"{job['seed']} {job['sound']}").randrange(12)
    tone = array(
        "f", (0.1 * math.sin(2 * math.pi * waves * i / _AUDIO_FRAME) for i in range(_AUDIO_FRAME))
    ).tobytes()
    length_s = int(job["duration_s"]) + float(job.get("overrun_s") or 0)
    for start in range(0, round(_AUDIO_RATE * length_s), _AUDIO_FRAME):
        frame = AudioFrame(format="fltp", layout="mono", samples=_AUDIO_FRAME)
        frame.planes[0].update(tone)
        frame.sample_rate, frame.pts = _AUDIO_RATE, start
        container.mux(stream.encode(frame))
    container.mux(stream.encode(None))


@dataclass(frozen=True, slots=True)
class _Ball:
    radius: int
    level: int
    speed: tuple[float, float]
    phase: tuple[float, float]


class _Scene:
    """What is in front of the camera; `shoot(number)` gives the planes of one frame."""

    def __init__(self, job: dict[str, Any], frames: int) -> None:
        self._frames = max(2, frames)
        self._size: tuple[int, int] = (job["width"], job["height"])
        self._source = job.get("image")
        self._positions: dict[int, Planes] = {}
        self._rng = Random(f"{job['seed']} {job['prompt']}")
        if self._source:
            with Image.open(self._source) as image:
                self._planes = _to_planes(_cover(image.convert("RGB"), self._size))
        else:
            self._planes = _to_planes(self._pattern())
            self._drift = self._rng.uniform(0, 2 * math.pi)
            self._balls = [self._ball() for _ in range(3)]
        begins, ends = job.get("begins_with"), job.get("ends_with")
        self._clip = _ClipBefore(Path(begins), self._size) if begins else None
        self._last: Planes | None = None
        if ends:
            with Image.open(ends) as image:
                self._last = _to_planes(_cover(image.convert("RGB"), self._size))
        shade, self._letters, self._caption_top = caption(
            self._size, job["prompt"], job["seed"], job["model"], bool(job["watermark"])
        )

        self._shade = shade
        self._small_shade = shade.resize((shade.width // 2, shade.height // 2))

    def shoot(self, number: int) -> Planes:
        t = number / (self._frames - 1)
        luma, blue, red = self._pictured(number, t)
        luma.paste(16, (0, self._caption_top), self._shade)
        luma.paste(235, (0, self._caption_top), self._letters)
        for plane in (blue, red):
            plane.paste(128, (0, self._caption_top // 2), self._small_shade)
        counter(luma, number + 1, self._frames, CAPTION_SHARE)
        return luma, blue, red

    def _pictured(self, number: int, t: float) -> Planes:
        if self._clip is not None and (taken := self._clip.frame(number)) is not None:
            return taken
        if self._last is not None and number >= self._frames - _BLEND:
            # What comes before it melts into the last frame, which stands whole at the very end.
            share = 1 - (self._frames - 1 - number) / _BLEND
            before = self._zoomed(number) if self._source else self._drifted(t)
            luma, blue, red = (
                Image.blend(one, other, share) for one, other in zip(before, self._last, strict=True)
            )
            return luma, blue, red
        if self._source:
            return self._zoomed(number)
        luma, blue, red = self._drifted(t)
        self._draw_balls(luma, t)
        return luma, blue, red

    def _zoomed(self, number: int) -> Planes:
        """The image on its way from whole to zoomed in, and to the lower right a little."""
        # Scaling is most of the work: every second position is shown twice, except for the very last.
        number -= number % 2 if number < self._frames - 1 else 0
        t = number / (self._frames - 1)
        gone = _ZOOM * t * t * (3 - 2 * t)
        zoomed: list[Image.Image] = []
        for plane in self._planes if number not in self._positions else ():
            left, top = gone * plane.width * 0.75, gone * plane.height * 0.5
            box = (left, top, left + plane.width * (1 - gone), top + plane.height * (1 - gone))
            zoomed.append(plane.resize(plane.size, Image.Resampling.BILINEAR, box=box) if gone else plane)
        if zoomed:
            self._positions = {number: (zoomed[0], zoomed[1], zoomed[2])}
        luma, blue, red = self._positions[number]
        return luma.copy(), blue.copy(), red.copy()

    def _drifted(self, t: float) -> Planes:
        """A window that circles over a larger picture. Its steps are even, so the chroma planes follow."""
        width, height = self._size
        room_x, room_y = self._planes[0].width - width, self._planes[0].height - height
        angle = self._drift + 2 * math.pi * t
        left = int(room_x * (0.5 + 0.5 * math.cos(angle))) // 2 * 2
        top = int(room_y * (0.5 + 0.5 * math.sin(angle))) // 2 * 2
        luma = self._planes[0].crop((left, top, left + width, top + height))
        small = (left // 2, top // 2, (left + width) // 2, (top + height) // 2)
        return luma, self._planes[1].crop(small), self._planes[2].crop(small)

    def _pattern(self) -> Image.Image:
        width, height = self._size
        cells = Image.new("RGB", (8, 6))
        cells.putdata([tuple(self._rng.randrange(40, 216) for _ in range(3)) for _ in range(48)])
        large = (width * 5 // 4 // 2 * 2, height * 5 // 4 // 2 * 2)
        return (
            cells.resize((160, 120), Image.Resampling.BICUBIC)
            .filter(ImageFilter.GaussianBlur(4))
            .resize(large)
        )

    def _ball(self) -> _Ball:
        radius = int(min(self._size) * self._rng.uniform(0.05, 0.1))
        speed = self._rng.choice((1, 2, 3)), self._rng.choice((1, 2, 3))
        phase = self._rng.uniform(0, 6.28), self._rng.uniform(0, 6.28)
        return _Ball(radius, self._rng.choice((30, 220)), speed, phase)

    def _draw_balls(self, luma: Image.Image, t: float) -> None:
        draw = ImageDraw.Draw(luma)
        width, height = self._size
        for ball in self._balls:
            x = width * (0.5 + 0.4 * math.sin(ball.phase[0] + 2 * math.pi * ball.speed[0] * t))
            y = height * (0.45 + 0.3 * math.sin(ball.phase[1] + 2 * math.pi * ball.speed[1] * t))
            r = ball.radius
            draw.ellipse((x - r, y - r, x + r, y + r), fill=ball.level)


class _ClipBefore:
    """The frames of the clip that this one begins with, in their order; none once it is over."""

    def __init__(self, path: Path, size: tuple[int, int]) -> None:
        self._container = av.open(str(path))
        self._frames = self._container.decode(video=0)
        self._size = size
        self._next = 0
        self._shown: Planes | None = None

    def frame(self, number: int) -> Planes | None:
        while self._next <= number:
            taken = next(self._frames, None)
            if taken is None:
                self._container.close()
                self._next = _OVER
                return None
            self._next += 1
            if self._next > number:
                self._shown = _to_planes(_cover(taken.to_image(), self._size))
        if self._next == _OVER or self._shown is None:
            return None
        luma, blue, red = self._shown
        return luma.copy(), blue.copy(), red.copy()


def _cover(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    """The image scaled to the clip; only the rounding to 16 pixels changes its ratio."""
    return image.resize(size, Image.Resampling.LANCZOS)


def _to_planes(image: Image.Image) -> Planes:
    luma, blue, red = image.convert("YCbCr").split()
    half = (image.width // 2, image.height // 2)
    return (
        luma.point(_LUMA),
        blue.resize(half, Image.Resampling.BOX).point(_CHROMA),
        red.resize(half, Image.Resampling.BOX).point(_CHROMA),
    )
