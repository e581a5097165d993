"""Images that were made to hurt, and what preparing one says; the latter is called by `measured`."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

from PIL import Image

from footage.errors import FootageError
from footage.reference.preparation import prepare

_HERE = Path(__file__).parents[1] / "footage" / "reference" / "hostile"


def png(width: int, height: int, depth: int, kind: int, row_bytes: int, extra: bytes = b"") -> bytes:
    """A PNG of zeros: `kind` 0 grey, 2 RGB, 3 palette, 4 grey with alpha, 6 RGBA."""
    packer, packed = zlib.compressobj(1), b""
    for _ in range(height):
        packed += packer.compress(bytes(1 + row_bytes))
    packed += packer.flush()
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, kind, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + extra + chunk(b"IDAT", packed) + chunk(b"IEND", b"")


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _saved(image: Image.Image, kind: str, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


_PALETTE = chunk(b"PLTE", bytes(768))

# What it is -> the bytes, and a word of the refusal; "" where it is prepared.
IMAGES: dict[str, tuple[Callable[[], bytes], str]] = {
    "200 scans of 64 megapixels": (lambda: (_HERE / "scan200.jpg").read_bytes(), "too much memory"),
    "64 megapixels of RGB": (lambda: png(8000, 8000, 8, 2, 24_000), "too much memory"),
    "64 megapixels of a palette": (lambda: png(8000, 8000, 8, 3, 8000, _PALETTE), "too much memory"),
    "64 megapixels of one bit": (lambda: png(8000, 8000, 1, 3, 1000, _PALETTE), "too much memory"),
    "64 megapixels of RGBA": (lambda: png(8000, 8000, 8, 6, 32_000), "too much memory"),
    "32 megapixels of RGB": (lambda: png(5700, 5700, 8, 2, 17_100), ""),
    "25 megapixels of a transparent palette": (
        lambda: png(5000, 5000, 8, 3, 5000, _PALETTE + chunk(b"tRNS", b"\x80" * 256)),
        "too much memory",
    ),
    "16 megapixels of RGBA in 16 bits": (lambda: png(4100, 4100, 16, 6, 32_800), ""),
    "64 megapixels of WebP": (lambda: _saved(Image.new("RGB", (8000, 8000)), "WEBP", method=0), "too much memory"),
    "more pixels than anybody has": (
        lambda: (
            b"\x89PNG\r\n\x1a\n"
            + chunk(b"IHDR", struct.pack(">IIBBBBB", 50_000, 50_000, 8, 2, 0, 0, 0))
            + chunk(b"IDAT", zlib.compress(bytes(1000)))
            + chunk(b"IEND", b"")
        ),
        "240 to 8000 pixels a side",
    ),
    "240 MB of text": (
        lambda: png(
            300, 300, 8, 2, 900, b"".join(
                chunk(b"zTXt", b"k%d\0\0" % n + zlib.compress(bytes(60 << 20))) for n in range(4))
        ),
        "is broken",
    ),
    "a colour profile of 200 MB": (
        lambda: png(300, 300, 8, 2, 900, chunk(b"iCCP", b"k\0\0" + zlib.compress(bytes(200 << 20)))),
        "is broken",
    ),
    "camera data that points at itself": (
        lambda: _saved(
            Image.new("RGB", (640, 360)), "JPEG", exif=b"Exif\0\0II*\0\x08\0\0\0" + b"\xff\xff" * 20_000
        ),
        "",
    ),
    "a photo of 48 megapixels": (
        lambda: _saved(Image.effect_noise((8000, 6000), 30).convert("RGB"), "JPEG", quality=40), ""
    ),
    "a progressive photo of 21 megapixels": (
        lambda: _saved(Image.effect_noise((5400, 4000), 30).convert("RGB"), "JPEG", progressive=True), ""
    ),
}  # fmt: skip


def made(name: str) -> bytes:
    return IMAGES[name][0]()


def read(path: str) -> str:
    """The refusal of the image in this file, or nothing where it can be sent."""
    try:
        prepare(Path(path).read_bytes(), "1280*720", "crop", "#000000")
    except FootageError as error:
        return f"{type(error).__name__}: {error.message}"
    return ""
