"""Posters, small enough to stand inside a page."""

from __future__ import annotations

import base64
import io
import logging
from collections.abc import Sequence

logger = logging.getLogger(__name__)


def sizes(shots: int) -> tuple[int, int]:
    """Widths in pixels of the poster and of its picture in the contact sheet, so that the page stays some MB."""
    if shots <= 60:
        return 640, 240
    return (420, 180) if shots <= 300 else (260, 120)


def small(picture: bytes, widths: Sequence[int]) -> tuple[str, ...] | None:
    """The picture as one data: URI per width, widest first; None when it cannot be read as a picture."""
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(io.BytesIO(picture)) as opened:
            # JPEG halves itself while it is decoded, down to the wanted size at most: far cheaper than afterwards.
            opened.draft("RGB", (widths[0], max(1, widths[0] * opened.height // opened.width)))
            shown = opened.convert("RGB")
    except (OSError, ValueError, UnidentifiedImageError, Image.DecompressionBombError) as error:
        logger.warning("A poster cannot be shown: %s", error)
        return None
    uris: list[str] = []
    for width in widths:
        shown.thumbnail((width, width * 2))
        file = io.BytesIO()
        shown.save(file, "JPEG", quality=72)
        uris.append("data:image/jpeg;base64," + base64.b64encode(file.getvalue()).decode("ascii"))
    return tuple(uris)
