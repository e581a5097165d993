"""Has an image brought into the form in which it is sent, by a child process under limits."""

from __future__ import annotations

import math
from typing import Literal

from footage.catalogue import CATALOGUE, IMAGE, tier_of
from footage.child import Bounds, ChildError, call
from footage.errors import InvalidRequest, Problem
from footage.reference.image import PreparedImage

Fit = Literal["crop", "pad", "keep"]

# Inline, an image grows by a third, and the service documents no limit for the body; larger is not tried.
INLINE_MAX_BYTES = 5_000_000

# A photo of 48 megapixels takes 0.3 s; a crafted JPEG of 830 KB took 207 s.
_BOUNDS = Bounds(wall_s=60, processor_s=4, data_bytes=190 << 20)


def prepare(data: bytes, size: str, fit: Fit, pad_color: str) -> PreparedImage:
    """Bring an image into the form in which it is sent: at most 5 MB, not larger than needed.

    It becomes upright, 8-bit sRGB and opaque, and with fit=crop or pad it gets the shape of `size`, a "W*H" from
    the catalogue. An image that needs none of this stays as it is, byte for byte.

    Raises:
        InvalidRequest: The bytes are not one still image within the provider's limits and ours.
    """
    tier = CATALOGUE.tiers[tier_of(size) or ""]
    try:
        facts, encoded = call(
            "footage.media.still:prepare",
            _BOUNDS,
            data=data,
            size=_sides(size),
            area=math.prod(_sides(tier[0])),
            fit=fit,
            pad_color=pad_color,
            limits=[IMAGE.formats, IMAGE.min_side_px, IMAGE.max_side_px, INLINE_MAX_BYTES],
        )
    except ChildError as error:
        raise _invalid(_IN_WORDS.get(error.cause, f"cannot be read: {error.reason}.")) from error
    if "problem" in facts:
        raise _invalid(facts["problem"], facts["allowed"])
    return PreparedImage(
        encoded or data, facts["mime"], facts["width"], facts["height"], tuple(facts["changes"])
    )


_IN_WORDS = {
    "memory": "takes too much memory to decode; make it smaller.",
    "time": "takes too long to decode; store it anew, as a plain JPEG or PNG.",
}


def _sides(size: str) -> list[int]:
    return [int(side) for side in size.split("*")]


def _invalid(message: str, allowed: str | None = None) -> InvalidRequest:
    return InvalidRequest(problems=(Problem("reference_image", "the image", message, allowed),))
