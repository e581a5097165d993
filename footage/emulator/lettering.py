"""The words on emulated frames: EMULATED, model, seed, the prompt, and a frame counter."""

from functools import cache
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont

# The lower part of a frame that carries the words; the picture above it stays untouched.
CAPTION_SHARE = 0.16

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
    known = (letter if ord(letter) < 0x250 else f"\\u{ord(letter):04x}" for letter in text)
    return "".join(known)


def caption(
    size: tuple[int, int], prompt: str, seed: int, model: str, watermark: bool
) -> tuple[Image.Image, Image.Image, int]:
    """Two masks over the lower part of a frame, shade and letters, and the row where that part starts."""
    width, height = size
    top = int(height * (1 - CAPTION_SHARE)) // 2 * 2
    shade = Image.new("L", (width, height - top), 210)
    letters = Image.new("L", shade.size)
    draw = ImageDraw.Draw(letters)
    line = max(10, int(shade.height / 4))
    title = f"EMULATED   {model}   seed {seed}" + ("   AI generated" if watermark else "")
    draw.text((line // 2, 0), title, font=_font(line, cjk=False), fill=255)
    text = legible(prompt)
    font = _font(int(line * 0.8), cjk=not text.isascii())
    for number, row in enumerate(_wrap(draw, text, font, width - line)[:2]):
        draw.text((line // 2, int(line * (1.3 + 1.1 * number))), row, font=font, fill=230)
    return shade, letters, top


def counter(luma: Image.Image, number: int, total: int, share: float) -> None:
    """`0042/0150` in the lower right corner of the luma plane."""
    line = max(10, int(luma.height * share / 4))
    text = f"{number:04d}/{total:04d}"
    font = _font(line, cjk=False)
    draw = ImageDraw.Draw(luma)
    draw.text((luma.width - line // 2, luma.height - line * 0.2), text, font=font, fill=235, anchor="rs")


def _wrap(draw: ImageDraw.ImageDraw, text: str, font: Font, width: int) -> list[str]:
    rows, row = [], ""
    for letter in " ".join(text.split())[:400]:
        if row and draw.textlength(row + letter, font=font) > width:
            rows.append(row)
            row = ""
        row += letter
    return [*rows, row]
