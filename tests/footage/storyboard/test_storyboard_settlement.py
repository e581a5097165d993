"""What a person says about a board: wrong answers are refused by name, none is passed over."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from footage.errors import InvalidRequest
from footage.storyboard import read_board
from footage.storyboard.read.settlement import from_plain, settle


@pytest.mark.parametrize(
    ("answers", "field"),
    [
        ({"map": [1, 2]}, "mapping.map"),
        ({"map": "Beat=description"}, "mapping.map"),
        ({"set": 5}, "mapping.set"),
        ({"set": {"3": 5}}, "mapping.set"),
        ({"encoding": 5}, "mapping.encoding"),
        ({"assets": ["a"]}, "mapping.assets"),
        ({"columns": {}}, "mapping.columns"),
        ({"accept_guesses": "yes please"}, "mapping.accept_guesses"),
        ({"map": {}, "colour": "red"}, "mapping.colour"),
    ],
)
def test_an_answer_of_another_form_is_refused_by_name(answers: dict[str, Any], field: str):
    with pytest.raises(InvalidRequest) as refused:
        from_plain(answers, "mapping")

    assert [problem.field for problem in refused.value.problems] == [field]


@pytest.mark.parametrize("address", ["ftp://pictures.example/a", "https://me:hunter2@pictures.example/a"])
def test_pictures_are_read_from_plain_web_addresses_alone_and_a_password_is_not_repeated(address: str):
    with pytest.raises(InvalidRequest) as refused:
        settle(assets=address)

    assert [problem.field for problem in refused.value.problems] == ["assets"]
    assert "hunter2" not in str(refused.value)


def test_a_folder_of_pictures_that_is_not_there_is_named(tmp_path: Path):
    board = tmp_path / "list.csv"
    board.write_text("Shot,Description\n1,A bell rings in the square\n")

    with pytest.raises(InvalidRequest) as refused:
        read_board(board, settled=settle(assets=str(tmp_path / "frames")))

    assert [problem.field for problem in refused.value.problems] == ["assets"]


@pytest.mark.parametrize("answer", ["false", "true", "5", "none", "a bell", 5])
def test_a_value_typed_into_a_form_means_what_it_means_as_an_option(answer: Any) -> None:
    field = "skip" if answer in ("false", "true") else "seed"

    typed = from_plain({"set": {"2": {field: answer}}}, "mapping").shots

    assert typed == settle(sets=[f"2.{field}={answer}"]).shots
    assert not isinstance(typed["2"][field], str) or answer == "a bell"


@pytest.mark.parametrize("answer", ["no", "maybe", 0])
def test_whether_a_shot_is_skipped_is_answered_with_true_or_false(answer: Any) -> None:
    with pytest.raises(InvalidRequest, match="true, false"):
        from_plain({"set": {"2": {"skip": answer}}}, "mapping")


def test_no_answers_about_shots_are_none() -> None:
    assert from_plain({"map": {"Text": "prompt"}, "set": {}}, "mapping").shots == {}


def test_encodings_are_shown_by_a_line_that_they_read_differently() -> None:
    board = 'N° plan;Cadrage;Contenu;Durée\n1;PM;Le café fume près de la fenêtre;6"\n'.encode("mac_roman")

    with pytest.raises(InvalidRequest) as refused:
        read_board(board, "csv", name="plans.csv")

    assert "Le café fume près de la fenêtre" in str(refused.value)
