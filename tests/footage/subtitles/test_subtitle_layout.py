"""Words as pages that can be read."""

from __future__ import annotations

import pytest

from footage.subtitles import language_named, language_of, pages


@pytest.mark.parametrize(
    ("text", "tag"),
    [
        ("Who lit the lamp?", "en"),
        ("灯塔为什么亮了？", "zh"),
        ("灯台の上から海を見る", "ja"),
        ("등대가 켜졌다", "ko"),
        ("Кто зажёг лампу?", "ru"),
        ("Python 是一种语言", "zh"),
        ("…", "en"),
    ],
)
def test_the_language_is_told_by_the_script(text: str, tag: str):
    assert language_of(text).tag == tag


@pytest.mark.parametrize(
    "text",
    [
        "I have crossed seventeen seas, and never once did I see a light like that, burning on the rocks! Did you?",
        "我走遍了十七个海洋，从来没有见过这样的光，在礁石上燃烧着！你见过吗？用Python写的“灯塔”很好看。",
        "よく晴れた日に、灯台の上から海を見ていると、遠くに船が見えた。ちょっと待って！",
        "안녕하세요 저는 등대지기입니다 오늘은 바람이 많이 부는군요 조심하세요",
        "a" * 200,
    ],
)
def test_no_line_is_longer_than_its_language_allows_and_no_letter_is_lost(text: str):
    language = language_of(text)

    shown = [page.text for page in pages(text, language)]

    assert "".join("".join(shown).split()) == "".join(text.split())
    for page in shown:
        lines = page.split("\n")
        assert len(lines) <= 2
        for line in lines:
            width = sum(1 if ord(c) > 0x2E80 else 0.5 for c in line) if language.full_width else len(line)
            # Punctuation that must not begin a line may stand half a character beyond its end.
            assert width <= language.line_chars + 1


@pytest.mark.parametrize("chars", range(8, 34))
def test_chinese_breaks_between_characters_but_never_beside_a_mark_that_belongs_to_them(chars: int):
    text = "海" * chars + "，“灯塔”（Lighthouse）亮了"

    shown = pages(text, language_named("zh"))

    lines = [line for page in shown for line in page.text.split("\n")]
    assert len(lines) > 1
    assert not any(line[0] in "，”）" for line in lines)
    assert not any(line[-1] in "“（" for line in lines)
    assert any("Lighthouse" in line for line in lines)


def test_a_full_stop_inside_of_a_number_ends_no_sentence():
    assert [page.text for page in pages("It is 3.5 miles off. Row!", language_named("en"))] == [
        "It is 3.5 miles off. Row!"
    ]


def test_lines_of_one_page_are_of_about_the_same_length():
    (page,) = pages("We were never meant to see the other side of it", language_named("en"))

    first, second = page.text.split("\n")
    assert abs(len(first) - len(second)) < 12
