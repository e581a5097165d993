"""The picture that stands for a film, chosen by sharpness, in the child process."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from PIL import Image, ImageFilter, ImageOps, ImageStat

from footage.marks.xmp import jpeg_options
from footage.media.decoding import open_video

# What video platforms take: 16:9, at most 2 MB (read 2026-09).
_SIZE = (1280, 720)
_MOST_BYTES = 2_000_000
_SMALL = (320, 180)
_COLUMNS = 6


def thumbnail(paths: list[str], out: str, strip: str, label: str | None) -> dict[str, Any]:
    """Write the sharpest of the clips' first, middle and last frames, and all of them small, as JPEG.

    They carry the AIGC label. A picture of another shape is shown whole between black bars.
    """
    best: tuple[float, Image.Image] | None = None
    small: list[Image.Image] = []
    for path in paths:
        for picture in _candidates(path):
            shown = ImageOps.pad(picture, _SIZE, color="black")
            small.append(shown.resize(_SMALL))
            # Not of the bars, whose edges are the sharpest of all.
            sharpness = _sharpness(ImageOps.contain(picture, _SIZE))
            if best is None or sharpness > best[0]:
                best = sharpness, shown
    marks = jpeg_options(label)
    if best is not None:
        Path(out).write_bytes(_jpeg(best[1], marks))
        Path(strip).write_bytes(_jpeg(_sheet(small), marks))
    return {"made": best is not None}


def _candidates(path: str) -> Iterator[Image.Image]:
    with open_video(path) as container:
        video = container.streams.video[0]
        middle = video.frames // 2
        last: Any = None
        for number, frame in enumerate(container.decode(video)):
            if number in (0, middle):
                yield frame.to_image()
            last = frame
        if last is not None:
            yield last.to_image()


def _sharpness(picture: Image.Image) -> float:
    """How much its edges differ from its plain parts; compared at one size."""
    edges = picture.convert("L").filter(ImageFilter.FIND_EDGES)
    # The outermost pixels come through the filter as they are.
    return ImageStat.Stat(ImageOps.crop(edges, 1)).var[0]


def _sheet(pictures: list[Image.Image]) -> Image.Image:
    columns = min(_COLUMNS, len(pictures))
    rows = -(-len(pictures) // columns)
    sheet = Image.new("RGB", (columns * _SMALL[0], rows * _SMALL[1]))
    for number, picture in enumerate(pictures):
        sheet.paste(picture, (number % columns * _SMALL[0], number // columns * _SMALL[1]))
    return sheet


def _jpeg(picture: Image.Image, marks: dict[str, Any]) -> bytes:
    data = b""
    for quality in range(92, 10, -8):
        file = io.BytesIO()
        picture.save(file, "JPEG", quality=quality, **marks)
        data = file.getvalue()
        if len(data) <= _MOST_BYTES:
            break
    return data
