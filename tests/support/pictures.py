"""Small pictures for tests of the reference image."""

from __future__ import annotations

import io
from typing import Any

from PIL import Image

from footage.catalogue import MODEL_NAMES, card
from footage.reference import ReferenceImage, read_reference
from footage.request import VideoRequest

RED, GREEN, BLUE, WHITE = (220, 30, 30), (30, 200, 30), (30, 30, 220), (255, 255, 255)


def encoded(image: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    """A picture as the bytes of a file."""
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def picture(
    width: int = 1280, height: int = 720, color: tuple[int, int, int] = RED, kind: str = "PNG"
) -> bytes:
    """A file with one plain picture."""
    return encoded(Image.new("RGB", (width, height), color), kind)


def decoded(data: bytes) -> Image.Image:
    """The picture in a file."""
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


def color_at(image: Image.Image, place: tuple[int, int]) -> tuple[int, ...]:
    """The colour of one pixel, as numbers of 0 to 255."""
    color = image.getpixel(place)
    assert isinstance(color, tuple)
    return color


def near(seen: tuple[int, ...], color: tuple[int, ...], by: int = 12) -> bool:
    """Whether two colours are the same but for compression."""
    return all(abs(a - b) <= by for a, b in zip(seen, color, strict=True))


_read: dict[tuple[Any, ...], ReferenceImage | None] = {}


def read_once(request: VideoRequest, behind_links: bytes | None = None) -> ReferenceImage | None:
    """What `read_reference` makes of it: once for each picture and shape, because each takes a process of its own."""
    kind = card(request.model).kind if request.model in MODEL_NAMES else request.model
    mark = (kind, request.reference_image, request.size, request.fit, request.pad_color, behind_links)
    if mark not in _read:
        _read[mark] = read_reference(request, lambda url: _behind(url, behind_links))
    return _read[mark]


def _behind(url: str, data: bytes | None) -> bytes:
    assert data is not None, f"nothing may be fetched: {url}"
    return data
