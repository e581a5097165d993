"""What a reading depends on: the words and values of columns, and on nothing else."""

from __future__ import annotations

import csv
import io
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from footage.storyboard import Board, read_board
from footage.storyboard.read import lengths, words
from footage.storyboard.read.text_encoding import CANDIDATES

# A list in which every column is evident, by role.
LIST = {
    "id": ["1A", "1B", "2A"],
    "scene": ["1", "1", "2"],
    "description": ["A bell rings in the square", "Pigeons fly up", "The square is empty again"],
    "framing": ["WS", "", "CU"],
    "movement": ["Pan left", "Static", ""],
    "duration": ["5 s", "4s", "00:05"],
    "dialogue": ["Listen!", "", ""],
    "sound": ["A bell", "Wings", ""],
    "notes": ["", "early morning", ""],
}
UNKNOWN = ("Crew", "Catering", "Status", "Prop master", "XQ-7", "道具组", "Wetterlage")
LANGUAGES = {"en", "zh", "ja", "ko", "de", "fr", "es"}


def table(columns: dict[str, list[str]]) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(columns)
    writer.writerows(zip(*columns.values(), strict=True))
    return text.getvalue().encode()


def bought(board: Board) -> list[tuple[str, dict[str, Any]]]:
    return [(shot.id, board.asked(shot)) for shot in board.shots]


@given(data=some.data())
@settings(max_examples=60, deadline=None, derandomize=True)
def test_order_names_and_unknown_columns_do_not_change_what_is_bought(data: some.DataObject):
    names = {role: data.draw(some.sampled_from(sorted(words.ROLES[role]))) for role in LIST}
    columns = {names[role]: values for role, values in LIST.items()}
    for name in data.draw(some.lists(some.sampled_from(UNKNOWN), unique=True)):
        columns[name] = data.draw(some.lists(some.sampled_from(["x", "", "12"]), min_size=3, max_size=3))
    order = data.draw(some.permutations(list(columns)))

    board = read_board(table({name: columns[name] for name in order})).board

    assert bought(board) == bought(read_board(table(LIST)).board)
    assert [shot.dialogue for shot in board.shots] == ["Listen!", None, None]


def test_two_columns_of_one_role_stand_in_the_prompt_in_the_same_order_wherever_they_are():
    columns = {"Shot": ["1"], "Type": ["MS"], "Framing": ["Medium"], "Description": ["A bell rings"]}

    prompts = {
        read_board(table({name: columns[name] for name in order})).board.shots[0].request["prompt"]
        for order in (list(columns), list(reversed(columns)))
    }

    assert prompts == {"Medium. MS. A bell rings."}


def test_no_word_stands_under_two_roles():
    under = [(word, role) for role, known in words.ROLES.items() for word in known]
    twice = {word for word, _ in under if sum(word == other for other, _ in under) > 1}
    # In French and Spanish `fin` is the end, in both; a word may be shared by languages, not by roles.
    assert twice == set()
    assert not set(words.EITHER) & {word for word, _ in under}


@pytest.mark.parametrize(
    ("language", "name"),
    [
        ("en", "Visual Prompt"), ("en", "shot description"), ("en", "What we see"), ("zh", "视频提示词"),
        ("zh", "镜头描述"), ("zh", "画面（V）"), ("zh", "畫面內容"), ("ja", "映像内容"), ("ja", "ト書き"),
        ("ko", "화면 설명"), ("de", "Bildbeschreibung"), ("de", "Handlung"), ("fr", "Description du plan"),
        ("fr", "Visuel"), ("es", "Descripción del plano"), ("es", "Acción"),
    ],
)  # fmt: skip
def test_the_text_is_found_under_the_words_of_each_language(language: str, name: str):
    assert language in LANGUAGES

    board = read_board(table({"Shot": ["1"], name: ["A bell rings in the square"]})).board

    assert board.shots[0].request["prompt"] == "A bell rings in the square"


@pytest.mark.parametrize(
    ("written", "unit", "rate", "seconds"),
    [
        ("5", None, None, 5), ("5 sec", None, None, 5), ('5"', None, None, 5), ("5秒", None, None, 5),
        ("2,5 s", None, None, 2.5), ("1 min", None, None, 60), ("5000", "ms", None, 5), ("0:05", None, None, 5),
        ("00:00:05:00", None, None, 5), ("00:00:05:12", None, 24.0, 5.5), ("240f", None, 24.0, 10),
        ("120 frames", None, 25.0, 4.8), ("125", "frames", 25.0, 5), ("0:05-0:09", None, None, 4),
        # Nobody counts parts of a millisecond or of a frame: that is a mark of thousands.
        ("5,000", "ms", None, 5), ("12.500 ms", None, None, 12.5), ("1.200 frames @ 24", None, None, 50),
        ("1,200", "frames", 24.0, 50), ("5.000", "s", None, 5),
    ],
)  # fmt: skip
def test_lengths_as_people_write_them(written: str, unit: str | None, rate: float | None, seconds: float):
    length = lengths.parse(written, unit, rate)

    assert length is not None
    assert length.doubt is None
    assert length.seconds == pytest.approx(seconds)


@pytest.mark.parametrize(("written", "doubt"), [("240f", "rate"), ("00:00:05:12", "rate"), ("120", "unit")])
def test_a_length_that_needs_what_the_board_does_not_say_is_doubtful(written: str, doubt: str):
    length = lengths.parse(written)

    assert length is not None
    assert length.doubt == doubt


@pytest.mark.parametrize("written", ["soon", "DAY", "5 apples", "1:2:3:4:5", "-5", "", True])
def test_what_is_no_length_is_none(written: object):
    assert lengths.parse(written) is None


def test_every_candidate_is_an_encoding_that_python_knows():
    assert all("x".encode(name) for name in CANDIDATES)
