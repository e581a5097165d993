"""The visible label: as high as it has to be, within the picture, and of a font that is shipped."""

from __future__ import annotations

import pytest
from PIL import Image, ImageDraw, ImageFont

from footage.marks import visible_label as room
from footage.marks.visible_label import TEXT, draw_visible_label, visible_label

SIZES = [(832, 480), (480, 832), (624, 624), (1280, 720), (1920, 1080), (1632, 1248)]


def signs_px(picture: Image.Image) -> list[int]:
    """The height of each sign: of the white in every run of columns that have some."""
    white = picture.convert("RGB").convert("L").point([0] * 129 + [255] * 127)
    columns = [white.crop((x, 0, x + 1, white.height)).getbbox() is not None for x in range(white.width)]
    edges = [x for x in range(1, white.width) if columns[x] != columns[x - 1]]
    heights: list[int] = []
    for left, right in zip(edges[::2], edges[1::2], strict=True):
        box = white.crop((left, 0, right, white.height)).getbbox()
        assert box is not None
        heights.append(box[3] - box[1])
    return heights


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_each_sign_is_at_least_as_high_as_a_twentieth_of_the_short_side_and_the_mark_is_within_the_picture(
    width: int, height: int
) -> None:
    picture, left, top = draw_visible_label(width, height)

    heights = signs_px(picture)
    assert len(heights) >= len(TEXT)
    assert min(heights) >= min(width, height) / 20
    assert visible_label(width, height, 5.0).letters_px >= min(width, height) / 20
    # In the upper right, and not at the very edge.
    assert width / 2 < left
    assert left + picture.width < width
    assert top > 0
    assert top + picture.height < height / 3


def test_the_font_that_is_shipped_has_each_sign_and_its_licence_beside_it() -> None:
    folder = room.__path__[0]
    font = ImageFont.truetype(f"{folder}/NotoSansSC-Medium-subset.ttf", 100)

    def drawn(sign: str) -> bytes:
        picture = Image.new("L", (150, 150))
        ImageDraw.Draw(picture).text((10, 10), sign, fill=255, font=font)
        return picture.tobytes()

    assert all(drawn(sign) != drawn("☃") for sign in TEXT)
    with open(f"{folder}/OFL.txt", encoding="utf-8") as file:  # noqa: PTH123
        assert "SIL OPEN FONT LICENSE Version 1.1" in file.read()


@pytest.mark.parametrize(("duration_s", "shown_s"), [(15.0, 3.0), (2.0, 2.0)])
def test_it_is_shown_for_three_seconds_or_as_long_as_there_is_a_picture(
    duration_s: float, shown_s: float
) -> None:
    assert visible_label(1280, 720, duration_s).shown_s == shown_s
