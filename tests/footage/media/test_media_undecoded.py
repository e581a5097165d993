"""Results that are not decoded here, or claim what they do not have: delivered as they came, or refused, in bounds."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import av
import pytest
from clips import make_clip
from deliveries import expecting
from measured import Measured
from PIL import Image

from footage.errors import BadDelivery
from footage.media import conform, inspect, last_frame
from footage.steps.delivery_verdict import judge


def coded(path: Path, codec: str, *, size: tuple[int, int] = (320, 180), frames: int = 12) -> Path:
    with av.open(str(path), "w", format="mp4") as target:
        stream: Any = target.add_stream(codec, rate=24)
        stream.width, stream.height = size
        stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
        for number in range(frames):
            image = Image.new("RGB", size, (number * 20, 90, 10))
            target.mux(stream.encode(av.VideoFrame.from_image(image)))
        target.mux(stream.encode(None))
    return path


@pytest.mark.parametrize("codec", ["mpeg4", "mjpeg", "libvpx-vp9"])
def test_a_video_in_another_coding_is_not_decoded_and_not_refused(codec: str, tmp_path: Path) -> None:
    clip = coded(tmp_path / "clip.mp4", codec)
    poster, sheet = tmp_path / "poster.jpg", tmp_path / "sheet.jpg"

    facts = inspect(clip, poster=poster, contact_sheet=sheet)

    assert facts.playable
    assert "only h264 and hevc are decoded here" in (facts.undecoded or "")
    assert (facts.width, facts.height, facts.frames, facts.fps) == (320, 180, 12, 24.0)
    assert facts.duration_s == pytest.approx(0.5)
    for picture in (poster, sheet):
        Image.open(picture).verify()
    with pytest.raises(BadDelivery, match="are decoded here"):
        last_frame(clip, tmp_path / "last.png")
    with pytest.raises(BadDelivery):
        conform(clip, tmp_path / "conformed.mp4", fps=30.0)


def test_hevc_is_decoded(tmp_path: Path) -> None:
    facts = inspect(coded(tmp_path / "clip.mp4", "libx265"))

    assert (facts.codec, facts.undecoded, facts.frames) == ("hevc", None, 12)


def test_more_pixels_than_any_model_makes_are_not_decoded(tmp_path: Path) -> None:
    facts = inspect(make_clip(tmp_path / "clip.mp4", size=(4096, 2160), seconds=0.1))

    assert facts.playable
    assert "4096x2160 pixels" in (facts.undecoded or "")


def test_a_clip_that_was_not_decoded_is_delivered_as_it_came_with_a_warning(tmp_path: Path) -> None:
    facts = inspect(coded(tmp_path / "clip.mp4", "mpeg4"))

    verdict = judge(facts, expecting())

    assert verdict.refuse is None
    assert not verdict.conform
    assert any("its pictures were not looked at" in warning for warning in verdict.warnings)


def boxes(data: bytes, *path: bytes) -> int:
    """Where the content of the box at the end of this path begins."""
    at = 0
    for kind in path:
        at = data.index(kind, at) + 4
    return at


def claims(change: str, data: bytearray) -> bytearray:
    """The clip with a head that claims what is not there."""
    if change == "10^9 samples of one size":
        at = boxes(bytes(data), b"moov", b"stsz")
        data[at + 4 : at + 12] = struct.pack(">II", 100, 10**9)
    elif change == "10^9 times of samples":
        at = boxes(bytes(data), b"moov", b"stts")
        data[at + 8 : at + 16] = struct.pack(">II", 10**9, 1)
    elif change == "no length":
        at = boxes(bytes(data), b"moov", b"stts")
        data[at + 12 : at + 16] = bytes(4)
    elif change == "65535 pixels a side":
        at = boxes(bytes(data), b"stsd", b"avc1")
        data[at + 24 : at + 28] = b"\xff\xff\xff\xff"
    elif change == "an edit list of nonsense":
        at = boxes(bytes(data), b"moov", b"elst")
        data[at + 8 : at + 16] = b"\x7f\xff\xff\xff" * 2
    elif change == "a time scale of 0":
        at = boxes(bytes(data), b"moov", b"mdhd")
        data[at + 12 : at + 16] = bytes(4)
    return data


@pytest.mark.parametrize(
    "change",
    [
        "10^9 samples of one size",
        "10^9 times of samples",
        "no length",
        "65535 pixels a side",
        "an edit list of nonsense",
        "a time scale of 0",
    ],
)
def test_a_head_that_lies_is_dealt_with_in_bounds(change: str, tmp_path: Path) -> None:
    whole = make_clip(tmp_path / "whole.mp4", size=(64, 64), seconds=0.5, b_frames=2).read_bytes()
    path = tmp_path / "clip.mp4"
    path.write_bytes(claims(change, bytearray(whole)))

    with Measured("hostilevideos") as process:
        cost = process.call("looked_at", str(path))

    assert cost.within_bounds(), cost
