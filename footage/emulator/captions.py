"""The words on emulated frames: EMULATED, model, seed, the prompt, and a frame counter."""

import re
import unicodedata
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont

# The lower part of a frame that carries the words; the picture above it stays untouched.
CAPTION_SHARE = 0.16

# What a row may break after: white space, a hyphen, any Chinese, Japanese or Korean letter or punctuation, and the
# code point that stands for one.
_CJK = r"\u2e80-\u9fff\uac00-\ud7af\uf900-\ufaff\uff00-\uffef"
_PIECES = re.compile(rf"\\u[0-9a-f]{{4,5}}\s*|[{_CJK}]\s*|[^\s{_CJK}\\-]+(?:-|\s+)?|[-\\]\s*")

# Fonts with Chinese, Japanese and Korean letters, by the places where systems keep them.
_CJK_FONTS = (
    "/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc",
    "/usr/share/fonts/noto-cjk/NotoSansCJK-Regular.ttc",
    "/usr/share/fonts/google-noto-cjk/NotoSansCJK-Regular.ttc",
    "/usr/share/fonts/truetype/wqy/wqy-microhei.ttc",
    "/usr/share/fonts/truetype/wqy/wqy-zenhei.ttc",
    "/usr/share/fonts/truetype/droid/DroidSansFallbackFull.ttf",
    "/System/Library/Fonts/PingFang.ttc",
    "/System/Library/Fonts/Hiragino Sans GB.ttc",
    "C:/Windows/Fonts/msyh.ttc",
    "C:/Windows/Fonts/simsun.ttc",
)


@cache
def _font(size: int, cjk: bool) -> Font:
    if cjk:
        for path in _CJK_FONTS:
            if Path(path).exists():
                return ImageFont.truetype(path, size)
    return ImageFont.load_default(size)


def legible(text: str) -> str:
    """The text itself, or, when no font here has its letters, its code points: `U+4E00` can be looked up."""
    if text.isascii() or any(Path(path).exists() for path in _CJK_FONTS):
        return text
    # The built-in font has no accents: the letter below one is better than an empty box.
    bare = (letter for letter in unicodedata.normalize("NFKD", text) if not unicodedata.combining(letter))
    return "".join(letter if letter.isascii() else f"\\u{ord(letter):04x}" for letter in bare)


def caption(
    size: tuple[int, int], prompt: str, seed: int, model: str, watermark: bool
) -> tuple[Image.Image, Image.Image, int]:
    """Two masks over the lower part of a frame, shade and letters, and the row where that part starts."""
    width, height = size
    top = int(height * (1 - CAPTION_SHARE)) // 2 * 2
    shade = Image.new("L", (width, height - top), 210)
    letters = Image.new("L", shade.size)
    draw = ImageDraw.Draw(letters)
    line = _line(width, shade.height)
    title = f"EMULATED   {model}   seed {seed}" + ("   AI generated" if watermark else "")
    draw.text((line // 2, 0), title, font=_font(line, cjk=False), fill=255)
    text = legible(prompt)
    font = _font(int(line * 0.8), cjk=not text.isascii())
    most = max(2, int((shade.height - line * 1.3) / (line * 1.1)) - 1)
    # The last row ends before the counter.
    widths = [width - line] * (most - 1) + [width - line * 8]
    for number, row in enumerate(wrapped(text, lambda row: draw.textlength(row, font=font), widths)):
        draw.text((line // 2, int(line * (1.3 + 1.1 * number))), row, font=font, fill=230)
    return shade, letters, top


def _line(width: int, height: int) -> int:
    """Height of a line: a quarter of the dark part, and so that the longest title fits into the width."""
    return max(10, min(height // 4, width // 32))


def counter(luma: Image.Image, number: int, total: int, share: float) -> None:
    """`0042/0150` in the lower right corner of the luma plane."""
    line = _line(luma.width, int(luma.height * share))
    text = f"{number:04d}/{total:04d}"
    font = _font(line, cjk=False)
    draw = ImageDraw.Draw(luma)
    draw.text((luma.width - line // 2, luma.height - line * 0.2), text, font=font, fill=235, anchor="rs")


def wrapped(text: str, width_of: Callable[[str], float], widths: Sequence[int]) -> list[str]:
    """A row for each width at most, broken between words; `…` ends the last one where more follows."""
    rows = [""]

    def fits(row: str) -> bool:
        return width_of(row) <= widths[min(len(rows), len(widths)) - 1]

    for piece in _PIECES.findall(" ".join(text.split())):
        if len(rows) > len(widths):
            break
        if fits(rows[-1] + piece.rstrip()):
            rows[-1] += piece
            continue
        if rows[-1]:
            rows.append("")
        # A word longer than a row is broken where the row ends.
        for letter in piece:
            if rows[-1] and not fits(rows[-1] + letter):
                rows.append("")
            rows[-1] += letter
    shown = [row.strip() for row in rows[: len(widths)]]
    if len(rows) > len(widths):
        while shown[-1] and not fits(f"{shown[-1]}…"):
            shown[-1] = shown[-1][:-1].rstrip()
        shown[-1] += "…"
    return shown
