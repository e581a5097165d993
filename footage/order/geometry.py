"""What size an i2v model makes of an image."""

from __future__ import annotations

import math

from footage.catalogue import CATALOGUE


def delivered_size(width: int, height: int, tier: str) -> tuple[int, int]:
    """The clip's width and height in pixels: the image's shape, about the tier's area, in steps of 16.

    The rule is documented, the rounding is not; this one gives the documented example, 750*1000 at 720P becoming
    816*1104 (image-to-video API reference, read 2026-10). Measure what is delivered before relying on it.
    """
    area = math.prod(int(side) for side in CATALOGUE.tiers[tier][0].split("*"))
    return _in_steps(area * width // height), _in_steps(area * height // width)


def _in_steps(side_squared: int) -> int:
    return math.isqrt(side_squared) // 16 * 16
