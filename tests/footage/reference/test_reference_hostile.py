"""Images that were made to hurt, and 16 bits a colour."""

from __future__ import annotations

import gzip
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from hostileimages import IMAGES, chunk, made, png
from measured import Measured
from pictures import decoded, picture

from footage.errors import InvalidRequest
from footage.reference.preparation import prepare

_HERE = Path(__file__).parent / "hostile"


@pytest.fixture(scope="module")
def process() -> Iterator[Measured]:
    with Measured("hostileimages") as process:
        yield process


@pytest.mark.parametrize("name", IMAGES)
def test_a_hostile_image_is_prepared_or_refused_within_5_s_and_200_mb(
    name: str, process: Measured, tmp_path: Path
) -> None:
    path = tmp_path / "image"
    path.write_bytes(made(name))

    cost = process.call("read", str(path))

    wanted = IMAGES[name][1]
    assert (wanted in cost.said and cost.said.startswith("InvalidRequest")) if wanted else cost.said == ""
    assert cost.within_bounds(), cost


def test_16_bits_a_colour_are_brought_to_8() -> None:
    given = (_HERE / "rgb16.png").read_bytes()

    sent = prepare(given, "1280*720", "crop", "#000000")

    assert sent.changes == ("16 to 8 bits",)
    assert sent.data != given
    assert sent.data[24] == 8  # the bit depth in a PNG's head
    assert decoded(sent.data).getpixel((3, 3)) == (128, 128, 128)


@pytest.mark.parametrize(("kind", "samples"), [(0, 1), (2, 3), (4, 2), (6, 4)])
def test_16_bits_of_every_kind_keep_their_brightness(kind: int, samples: int) -> None:
    # Half of white, opaque.
    pixel = struct.pack(">4H", *[0x8080] * 4)[: 2 * samples]
    if kind in (4, 6):
        pixel = pixel[:-2] + b"\xff\xff"
    rows = b"".join(b"\0" + pixel * 640 for _ in range(360))
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", 640, 360, 16, kind, 0, 0, 0))
    data = b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")

    sent = prepare(data, "1280*720", "crop", "#000000")

    assert "16 to 8 bits" in sent.changes
    assert decoded(sent.data).getpixel((3, 3)) == (128, 128, 128)


def test_8_bits_stay_as_they_are() -> None:
    data = png(640, 360, 8, 2, 640 * 3)

    assert prepare(data, "1280*720", "crop", "#000000").data == data


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (gzip.compress(picture(), mtime=0), "is gzip-compressed data"),
        (b"%PDF-1.7", "is a PDF document"),
        (b"\xef\xbb\xbf <!doctype html>", "is an HTML or XML page"),
        (b"GIF89a" + bytes(20), "is a GIF"),
        (b"\0\0\0\x20ftypavif", "AVIF"),
    ],
)
def test_what_is_no_image_is_called_what_it_is(data: bytes, says: str) -> None:
    with pytest.raises(InvalidRequest, match=says):
        prepare(data, "1280*720", "crop", "#000000")
