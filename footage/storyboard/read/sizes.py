"""Picture sizes and shapes as boards write them."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

from footage.catalogue import CATALOGUE, tier_of

_TIER = re.compile(r"(\d{3,4})\s*p", re.IGNORECASE)
# Names of the trade for a number of lines; Wan makes none of those above 1080, which is for a person to hear.
_LINES = {
    "hd": 720,
    "fullhd": 1080,
    "fhd": 1080,
    "2k": 1440,
    "qhd": 1440,
    "4k": 2160,
    "uhd": 2160,
    "8k": 4320,
}
_RATIO = re.compile(r"(?<![\d.])(\d{1,5}(?:[.,]\d{1,4})?)\s*[:：/x×X*]\s*(\d{1,5}(?:[.,]\d{1,4})?)(?![\d.])")
# Spreadsheets take 9:16 for a time of day.
_TIME_OF_DAY = re.compile(r"(\d{1,2}):(\d{2}):00")
_WORDS = {
    16 / 9: (
        "landscape",
        "horizontal",
        "widescreen",
        "querformat",
        "横屏",
        "横版",
        "横構図",
        "paysage",
        "가로",
    ),
    9 / 16: ("portrait", "vertical", "upright", "hochformat", "竖屏", "竖版", "豎屏", "縦型", "縦", "세로"),
    1.0: ("square", "quadratisch", "carré", "cuadrado", "方形", "正方形"),
}
_SIZE = re.compile(r"^\s*(\d{2,5})\s*[*x×X:]\s*(\d{2,5})\s*$")


def shape_of(ratio: object) -> float | None:
    """Width by height of `16:9`, `9x16` or `1280*720`; None when it is neither."""
    match = re.fullmatch(r"\s*(\d{1,5})\s*[:/x×X*]\s*(\d{1,5})\s*", str(ratio or ""))
    return int(match[1]) / int(match[2]) if match and int(match[1]) and int(match[2]) else None


def shape_said(ratio: object) -> float | None:
    """Width by height of one shape as people write it: `9:16 (vertical)`, `2.39:1`, 0.5625, `portrait`; else None."""
    text = str(ratio).strip().casefold()
    if re.fullmatch(r"\d(?:[.,]\d{1,20})?", text):
        number = float(text.replace(",", "."))
        return number if 0.25 <= number <= 4 and "." in text.replace(",", ".") else None
    if time := _TIME_OF_DAY.fullmatch(text):
        text = f"{time[1]}:{time[2]}"
    said = {
        (round(shape, 3), shape)
        for first, second in _RATIO.findall(text)
        if (shape := _quotient(first, second)) is not None
    }
    said = said or {
        (round(shape, 3), shape)
        for shape, known in _WORDS.items()
        if any(word in known for word in re.findall(r"[^\W\d_]+", text))
    }
    return said.pop()[1] if len(said) == 1 else None


def _quotient(first: str, second: str) -> float | None:
    width, height = (float(number.replace(",", ".")) for number in (first, second))
    return width / height if width and height else None


def size_of(ratio: object) -> str | None:
    """Width*height at 720P nearest to a shape such as 9:16; None for no shape."""
    shape = shape_said(ratio)
    return None if shape is None else nearest_shape(shape, CATALOGUE.tiers["720P"])


def nearest_shape(shape: float, sizes: Sequence[str]) -> str | None:
    """The size whose shape is nearest; None when there are no sizes."""
    return min(sizes, key=lambda size: abs(math.log((shape_of(size) or shape) / shape)), default=None)


def tier_in(value: object) -> str | None:
    """The tier that `720p`, `Full HD` or `1920 x 1080` asks for, whether a model has it or not; None if none."""
    text = str(value).strip()
    if match := _TIER.fullmatch(text):
        return f"{match[1]}P"
    if size := pixels(text):
        return tier_of(size) or f"{min(map(int, size.split('*')))}P"
    lines = _LINES.get(text.casefold().replace(" ", "").replace("-", ""))
    return f"{lines}P" if lines else None


def is_tier(value: object) -> bool:
    """Whether it asks for a tier that Wan has; a column of 4K alone is what the crew's camera makes."""
    return tier_in(value) in CATALOGUE.tiers


def pixels(value: object) -> str | None:
    """`1280x720` in our spelling, `1280*720`; None when it is not a size."""
    match = _SIZE.match(str(value))
    return f"{match[1]}*{match[2]}" if match else None
