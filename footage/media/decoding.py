"""Reading a video in the child process: facts, poster, contact sheet, last frame."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import av
import av.container
import av.error
import av.logging
from av.video.reformatter import VideoReformatter
from PIL import Image, ImageChops, ImageDraw, ImageFont, ImageStat

from footage.marks.mp4 import label_in
from footage.marks.xmp import jpeg_options
from footage.values.frame_rate import exact_rate

# The only decoders that videos of strangers ever reach, by FFmpeg's names; it has hundreds. Music has its own.
_VIDEO_CODECS = ("h264", "hevc")
_DECODERS = (*_VIDEO_CODECS, "aac", "mp3", "mp3float")
# More than any of the models makes; a 106 KB file can claim 8192x4320 and cost 355 MB.
_MAX_PIXELS = 2560 * 1440
# Each decoding thread keeps pictures of its own.
_THREADS = 4
# Pixels of all frames from which on they are quicker; below, they only cost more (480p of 5 s: 68 instead of 48 ms).
_WORTH_THREADS = 100_000_000
# Larger files are not searched for their index byte by byte.
_INDEX_BYTES = 100 << 20
_SAMPLES = 12
_COLUMNS, _ROWS = 4, 3
_CELL_WIDTH = 320
_POSTER_WIDTH = 1280
# Frames are compared as 64x36 grey pictures, where compression noise averages out.
_SMALL = (64, 36)
# Of 255: the mean below which a frame counts as black, and the change of the most changed cell below
# which nothing moved.
_BLACK_MEAN = 20
_STILL_CHANGE = 4

# FFmpeg's own log, to stderr. PyAV's goes through Python, and a decoder thread that logs damage while the
# container is closed waits for ever for the interpreter (PyAV 18.1.0, seen with 4 KB of zeros in a clip).
av.logging.restore_default_callback()


def loaded() -> dict[str, Any]:
    """Nothing but an answer: the decoder is loaded once there is one."""
    return {}


def has_sound(path: str) -> bool:
    """Whether the clip has a sound track, silent or not."""
    with open_video(path) as container:
        return bool(container.streams.audio)


def open_video(path: str) -> av.container.InputContainer:
    """Open a local MP4 and nothing else; opening decodes a little, too, with the decoders that are allowed.

    The format is fixed, because a playlist or session description would make FFmpeg open connections;
    the timeouts (open, read) are a second fence.
    """
    only = ",".join(_DECODERS)
    return av.open(
        path,
        format="mp4",
        timeout=(5, 10),
        options={"codec_whitelist": only},
        # What a file says of itself may be in any coding; strictly, it would not be opened.
        metadata_errors="replace",
    )


class _Sample(NamedTuple):
    seconds: float
    picture: Image.Image  # one cell of the contact sheet
    grey: Image.Image


def display_size(path: str) -> tuple[int, int] | None:
    """Width and height that the first track with a picture is shown at (tkhd, ISO/IEC 14496-12 section 8.3.2)."""
    data = Path(path).read_bytes() if Path(path).stat().st_size < _INDEX_BYTES else b""
    at = data.find(b"tkhd")
    while at >= 0:
        # The box has a version, and with version 1 longer times; its last eight bytes are the two sides.
        sides = at + (92 if data[at + 4 : at + 5] == b"\1" else 80)
        width, height = (int.from_bytes(data[sides + place : sides + place + 2]) for place in (0, 4))
        if width and height:
            return width, height
        at = data.find(b"tkhd", at + 4)
    return None


def inspect(
    path: str,
    poster: str | None,
    contact_sheet: str | None,
    label: str | None = None,
    not_decoded: str | None = None,
) -> dict[str, Any]:
    """Count the packets, decode every frame, keep twelve; see VideoFacts for what comes out.

    With `not_decoded`, the reason why not, only the packets are counted.
    """
    pictured = label_in(path)
    marks = jpeg_options(label if pictured is None else pictured)
    with open_video(path) as container:
        if not container.streams.video:
            return _facts(problems=["there is no video in it"])
        video = container.streams.video[0]
        context = video.codec_context
        problems: list[str] = []
        packets = sum(1 for packet in container.demux(video) if packet.size)
        # 0 in fragmented files, which do not say.
        if video.frames and packets != video.frames:
            problems.append(f"the index promises {video.frames} frames, {packets} are there")
        sound = container.streams.audio[0] if container.streams.audio else None
        known = {
            "width": context.width,
            "height": context.height,
            "codec": context.codec.canonical_name,
            "audio": sound is not None,
            "audio_codec": None if sound is None else sound.codec_context.name,
        }
        if not context.width and (size := display_size(path)):
            # Some codings tell the size only to their decoder.
            known |= {"width": size[0], "height": size[1]}
        if not known["width"] or not known["height"]:
            return _facts(problems=["it does not say how large its pictures are"])
        if reason := not_decoded or _not_opened(context):
            return _undecoded(container, reason, packets, problems, known, [poster, contact_sheet], marks)
    with open_video(path) as container:
        look = _Look(packets, poster is not None)
        problems += look.over(container)
    if problems or not look.samples:
        return _facts(problems=problems or ["no frame of it can be decoded"], **known)
    if poster is not None and look.best is not None:
        _poster(look.best).save(poster, "JPEG", quality=88, **marks)
    if contact_sheet is not None:
        _sheet(look.samples).save(contact_sheet, "JPEG", quality=85, **marks)
    rate = look.frames / look.duration if look.duration else Fraction(0)
    return _facts(
        duration_s=float(look.duration),
        fps=float(rate),
        rate=str(exact_rate(rate)),
        frames=look.frames,
        black_share=sum(_is_black(sample.grey) for sample in look.samples) / len(look.samples),
        frozen_share=_frozen_share(look.samples),
        problems=[],
        **known,
    )


def _not_opened(context: Any) -> str | None:
    """Why a video stream is not decoded here; None when it is."""
    if context.name not in _VIDEO_CODECS:
        name = context.codec.canonical_name
        return f"its pictures are coded as {name}, and only {' and '.join(_VIDEO_CODECS)} are decoded here"
    if context.width * context.height > _MAX_PIXELS:
        return f"its pictures have {context.width}x{context.height} pixels, and at most 2560x1440 are decoded here"
    return None


def _undecoded(
    container: av.container.InputContainer,
    reason: str,
    packets: int,
    problems: list[str],
    known: dict[str, Any],
    pictures: list[str | None],
    marks: dict[str, Any],
) -> dict[str, Any]:
    """What a file says of itself, with a plain picture in the place of its own."""
    if problems or not packets:
        return _facts(problems=problems or ["there is no frame in it"], **known)
    blank = Image.new("RGB", (_POSTER_WIDTH, _POSTER_WIDTH * 9 // 16), (24, 24, 24))
    text = f"Not decoded: {reason}"
    ImageDraw.Draw(blank).text((24, 24), text, font=ImageFont.load_default(size=20), fill=(220, 220, 220))
    for picture in pictures:
        if picture is not None:
            blank.save(picture, "JPEG", quality=85, **marks)
    video = container.streams.video[0]
    base = video.time_base or Fraction(0)
    rate = video.average_rate or Fraction(0)
    return _facts(
        problems=[],
        undecoded=reason,
        duration_s=float((video.duration or 0) * base),
        fps=float(rate),
        frames=packets,
        **known,
    )


class _Look:
    """One pass over all frames."""

    def __init__(self, packets: int, want_poster: bool) -> None:
        # The middles of twelve equal parts; short clips give each frame at most once.
        self._wanted = {int((i + 0.5) * packets / _SAMPLES) for i in range(_SAMPLES)}
        self._packets = packets
        self._want_poster = want_poster
        self._best_detail = -1.0
        # Each keeps what it needs for its one size and format.
        self._small, self._seen, self._cell = VideoReformatter(), VideoReformatter(), VideoReformatter()
        self.samples: list[_Sample] = []
        # What shows most; made into a picture at the end, because the next one may show more.
        self.best: av.VideoFrame | None = None
        self.frames = 0
        self.duration = Fraction(0)

    def over(self, container: av.container.InputContainer) -> list[str]:
        video = container.streams.video[0]
        video.thread_type = "AUTO"
        pixels = video.codec_context.width * video.codec_context.height * self._packets
        video.codec_context.thread_count = _THREADS if pixels > _WORTH_THREADS else 1
        corrupt = 0
        # In ticks of the track's clock: fractions of each frame would cost as much as decoding it.
        first = last = step = 0
        tick = Fraction(1)
        try:
            for frame in container.decode(video):
                corrupt += frame.is_corrupt
                at = frame.pts or 0
                if self.frames == 0:
                    first, tick = at, frame.time_base or tick
                step = frame.duration or at - last
                last = at
                if self.frames in self._wanted:
                    self._keep(frame, float((at - first) * tick))
                self.frames += 1
        except av.error.FFmpegError as error:
            return [
                f"decoding stopped after {self.frames} of {self._packets} frames ({type(error).__name__})"
            ]
        self.duration = (last - first + step) * tick
        if corrupt:
            return [f"{corrupt} of {self.frames} frames are damaged"]
        # An edit list may hide a few frames at the ends; more than that is loss.
        if self.frames < self._packets - max(2, self._packets // 20):
            return [f"only {self.frames} of {self._packets} frames can be decoded"]
        return []

    def _keep(self, frame: av.VideoFrame, seconds: float) -> None:
        small = self._small.reformat(frame, *_SMALL, format="gray")
        grey = self._seen.reformat(small, format="rgb24").to_image()
        height = round(frame.height * _CELL_WIDTH / frame.width / 2) * 2 or 2
        picture = self._cell.reformat(frame, _CELL_WIDTH, height, format="rgb24").to_image()
        self.samples.append(_Sample(seconds, picture, grey))
        detail = 0.0 if _is_black(grey) else ImageStat.Stat(grey).stddev[0]
        if self._want_poster and detail > self._best_detail:
            self._best_detail, self.best = detail, frame


def last_frame(path: str, out: str) -> dict[str, Any]:
    """Write the last frame; only what comes after the last key frame is decoded."""
    with open_video(path) as container:
        video = container.streams.video[0]
        if (reason := _not_opened(video.codec_context)) is not None:
            raise ValueError(reason)
        if video.duration:
            container.seek(video.duration + (video.start_time or 0), stream=video, backward=True)
        frame = _last(container.decode(video))
    if frame is None:
        # Some files cannot be sought; then all of it is read.
        with open_video(path) as container:
            frame = _last(container.decode(container.streams.video[0]))
    if frame is None:
        raise ValueError("no frame of it can be decoded")
    frame.reformat(format="rgb24").to_image().save(out, "PNG", compress_level=3)
    return {}


def _last(frames: Iterator[av.VideoFrame]) -> av.VideoFrame | None:
    last: av.VideoFrame | None = None
    for frame in frames:
        last = frame
    return last


def _facts(problems: list[str], **known: Any) -> dict[str, Any]:
    return {"problems": problems, **known}


def _is_black(grey: Image.Image) -> bool:
    return ImageStat.Stat(grey).mean[0] < _BLACK_MEAN


def _frozen_share(samples: list[_Sample]) -> float:
    if len(samples) < 2:
        return 0.0
    still = 0
    for before, after in pairwise(samples):
        # Of each of its three equal bands the least and the most.
        changes: Any = ImageChops.difference(before.grey, after.grey).getextrema()
        still += changes[0][1] < _STILL_CHANGE
    return still / (len(samples) - 1)


def _poster(frame: av.VideoFrame) -> Image.Image:
    width = min(_POSTER_WIDTH, frame.width)
    height = round(frame.height * width / frame.width / 2) * 2 or 2
    return frame.reformat(width, height, format="rgb24").to_image()


def _sheet(samples: list[_Sample]) -> Image.Image:
    width, height = samples[0].picture.size
    label, gap = 20, 4
    sheet = Image.new(
        "RGB", (_COLUMNS * (width + gap) + gap, _ROWS * (height + label + gap) + gap), (24, 24, 24)
    )
    draw = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(size=14)
    for i, sample in enumerate(samples):
        x = gap + (i % _COLUMNS) * (width + gap)
        y = gap + (i // _COLUMNS) * (height + label + gap)
        sheet.paste(sample.picture, (x, y))
        draw.text((x + 4, y + height + 2), f"{sample.seconds:.2f} s", font=font, fill=(220, 220, 220))
    return sheet
