"""The visible mark: 「AI生成」 over the opening of a video, drawn with a font that lies beside this file.

GB 45438-2025, as read on 2026-11-28: a sign of AI and one of generation, not lower than 5 % of the short side, at the
opening and for 2 s at the least. `NotoSansSC-Medium-subset.ttf` has just these four signs of Noto Sans SC, so that a
machine without fonts draws the same picture; its licence is `OFL.txt` (SIL Open Font License 1.1).
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from functools import cache
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from PIL import Image, ImageFont

TEXT = "AI生成"
PLACE = "top right"
# 2 s are asked for, and a player may drop or fade the first frames.
SHOWN_S = 3.0
_LEAST_SHARE = 0.05
_FONT = Path(__file__).with_name("NotoSansSC-Medium-subset.ttf")
_INK, _GROUND = (255, 255, 255, 255), (0, 0, 0, 150)


@dataclass(frozen=True)
class VisibleLabel:
    """What is drawn: the text, where, for how many seconds from the start, and the height of its lowest sign."""

    text: str
    place: str
    shown_s: float
    letters_px: int

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def visible_label(width: int, height: int, duration_s: float) -> VisibleLabel:
    """What is drawn over a video of this size in pixels and length; a shorter one has it to its end."""
    return VisibleLabel(TEXT, PLACE, min(SHOWN_S, duration_s), _lowest_sign_px(_font_px(width, height)))


def draw_visible_label(width: int, height: int) -> tuple[Image.Image, int, int]:
    """The mark for a picture of this size as RGBA, and the column and the row of its upper left corner."""
    from PIL import Image, ImageDraw

    em_px = _font_px(width, height)
    font = _font(em_px)
    left, top, right, bottom = font.getbbox(TEXT)
    inset, margin = em_px // 3, em_px // 2
    size = (_even(right - left + 2 * inset), _even(bottom - top + 2 * inset))
    picture = Image.new("RGBA", size, _GROUND)
    ImageDraw.Draw(picture).text((inset - left, inset - top), TEXT, font=font, fill=_INK)
    # On even ones, because colours are stored for two pixels together.
    return picture, _even(width - size[0] - margin), _even(margin)


def _font_px(width: int, height: int) -> int:
    """The smallest font whose lowest sign is higher than has to be."""
    least = math.floor(min(width, height) * _LEAST_SHARE) + 1
    return next(em_px for em_px in count(least) if _lowest_sign_px(em_px) >= least)


@cache
def _lowest_sign_px(em_px: int) -> int:
    boxes = (_font(em_px).getbbox(sign) for sign in TEXT)
    return int(min(bottom - top for _, top, _, bottom in boxes))


@cache
def _font(em_px: int) -> ImageFont.FreeTypeFont:
    from PIL import ImageFont

    # The basic layout, because the other one is not in every build of Pillow.
    return ImageFont.truetype(str(_FONT), em_px, layout_engine=ImageFont.Layout.BASIC)


def _even(number: float) -> int:
    return int(number) // 2 * 2
