"""What size a model makes of an image, and of a size that it is asked for as tier and ratio."""

from __future__ import annotations

import math

from footage.catalogue import CATALOGUE, ModelCard, tier_of
from footage.request import VideoRequest


def delivered_size(width: int, height: int, tier: str) -> tuple[int, int]:
    """The clip's width and height in pixels: the image's shape, about the tier's area, in steps of 16.

    The rule is documented, the rounding is not; this one gives the documented example, 750*1000 at 720P becoming
    816*1104 (image-to-video API reference, read 2026-10). Measure what is delivered before relying on it.
    """
    area = math.prod(int(side) for side in CATALOGUE.tiers[tier][0].split("*"))
    return _in_steps(area * width // height), _in_steps(area * height // width)


def ratio_of(card: ModelCard, size: str) -> str:
    """The ratio that a model takes which is nearest to the shape of a "W*H"."""
    width, height = _sides(size)

    def distance(ratio: str) -> float:
        across, down = (int(side) for side in ratio.split(":"))
        return abs(math.log(width * down / (height * across)))

    return min((ratio for ratio in card.ratios if ":" in ratio), key=distance)


def size_of_ratio(card: ModelCard, size: str) -> tuple[int, int]:
    """Width and height in pixels that a model delivers when it is asked for the tier and ratio of a "W*H"."""
    width, height = _sides(size)
    listed = [_sides(one) for one in CATALOGUE.tier_sizes(card, tier_of(size) or "")]
    return min(
        listed, key=lambda one: abs(math.log(one[0] * height / (one[1] * width))), default=(width, height)
    )


def follows_picture(request: VideoRequest) -> bool:
    """Whether a clip gets its shape from its first frame, or from the clip that it continues."""
    return request.reference_image is not None or request.extend_from is not None


def _sides(size: str) -> tuple[int, int]:
    width, height = (int(side) for side in size.split("*"))
    return width, height


def _in_steps(side_squared: int) -> int:
    return math.isqrt(side_squared) // 16 * 16
