"""Posters, small enough to stand inside the page."""

from __future__ import annotations

import base64
import io
import logging

logger = logging.getLogger(__name__)


def sizes(shots: int) -> tuple[int, int]:
    """Widths in pixels of the poster and of its picture in the contact sheet, so that the page stays some MB."""
    if shots <= 60:
        return 640, 240
    return (420, 180) if shots <= 300 else (260, 120)


def small(jpeg: bytes, width: int) -> str | None:
    """The picture as a data: URI of at most this width; None when it cannot be read as a picture."""
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(io.BytesIO(jpeg)) as picture:
            picture.draft("RGB", (width * 2, width * 2))
            shown = picture.convert("RGB")
        shown.thumbnail((width, width * 2))
    except (OSError, ValueError, UnidentifiedImageError, Image.DecompressionBombError) as error:
        logger.warning("A poster cannot be shown in the dailies: %s", error)
        return None
    file = io.BytesIO()
    shown.save(file, "JPEG", quality=72, optimize=True, progressive=True)
    return "data:image/jpeg;base64," + base64.b64encode(file.getvalue()).decode("ascii")
