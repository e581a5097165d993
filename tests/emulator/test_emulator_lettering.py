"""The words on emulated frames break between words, fit the picture and leave the counter alone."""

import pytest
from PIL import Image, ImageFont

from footage.emulator import captions as lettering
from footage.emulator.captions import CAPTION_SHARE, caption, counter, wrapped

ENGLISH = (
    "The keeper lifts his lantern and looks out to sea, slow push in, well-worn coat, rain on the glass. " * 4
)
CHINESE = "黄昏时分，悬崖上的灯塔，灯光开始转动，长浪在下面拍打；" * 6
FONT = ImageFont.load_default(12)


def width_of(text: str) -> float:
    return FONT.getlength(text)


def test_a_row_breaks_between_words_and_the_last_one_says_that_more_follows():
    rows = wrapped(ENGLISH, width_of, [300, 300, 150])

    words = ENGLISH.replace("-", "- ").split()
    shown = " ".join(rows).removesuffix("…").replace("-", "- ").split()
    assert len(rows) == 3
    assert shown[:-1] == words[: len(shown) - 1]
    assert rows[-1].endswith("…")
    assert all(width_of(row) <= width for row, width in zip(rows, [300, 300, 150], strict=True))


@pytest.mark.parametrize("text", [CHINESE, "x" * 400, lettering.legible("纸船" * 60)])
def test_text_without_spaces_fills_its_rows(text: str):
    first, second = wrapped(text, width_of, [300, 200])

    assert text.startswith(first)
    assert width_of(first) > 300 - width_of("\\u7eb8") - width_of("黄")
    assert width_of(second) <= 200


def test_a_short_text_is_one_row_as_it_is():
    assert wrapped("A boat", width_of, [300, 300]) == ["A boat"]
    assert wrapped("", width_of, [300, 300]) == [""]


@pytest.mark.parametrize("size", [(1280, 720), (720, 1280), (832, 480), (480, 832), (624, 624)])
def test_the_longest_title_and_prompt_stay_in_the_picture_and_off_the_counter(size: tuple[int, int]):
    shade, letters, top = caption(size, ENGLISH * 3, 2**31 - 1, "wanx2.1-t2v-turbo", True)
    luma = Image.new("L", size)
    counter(luma, 1, 150, CAPTION_SHARE)

    words, number = letters.getbbox(), luma.getbbox()
    assert words is not None
    assert number is not None
    assert words[2] < size[0] - 2
    assert top + shade.height == size[1]
    both = Image.new("L", size)
    both.paste(letters, (0, top))
    overlap = [a and b for a, b in zip(both.crop(number).tobytes(), luma.crop(number).tobytes(), strict=True)]
    assert not any(overlap)
