"""What a person says about a board: wrong answers are refused by name, none is passed over."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from boards import no_links

from footage.errors import InvalidRequest
from footage.storyboard import plan_board, read_board
from footage.storyboard.read.settlement import from_plain, settle

ONE_SHOT = b"Shot,Description\n1,A bell rings in the square\n"


@pytest.mark.parametrize(
    ("answers", "field"),
    [
        ({"map": [1, 2]}, "mapping.map"),
        ({"map": "Beat=description"}, "mapping.map"),
        ({"set": 5}, "mapping.set"),
        ({"set": {"3": 5}}, "mapping.set"),
        ({"film": 5}, "mapping.film"),
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


@pytest.mark.parametrize("value", ["model=wan9-t2v", "duration=99"])
def test_a_value_that_a_person_said_and_no_model_has_is_asked_about_and_not_replaced(value: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        read_board(ONE_SHOT, name="list", settled=settle(sets=[f"1.{value}"]))

    assert [problem.field for problem in refused.value.problems] == [f"shots[1].{value.partition('=')[0]}"]


@pytest.mark.parametrize("field", ["model", "region", "size", "duration"])
@pytest.mark.parametrize("value", [["wan2.6-t2v-us"], {"a": 1}], ids=["list", "mapping"])
def test_a_list_in_the_place_of_one_value_is_refused_by_the_field(field: str, value: Any) -> None:
    said = from_plain({"set": {"1": {field: value}}}, "mapping")

    with pytest.raises(InvalidRequest) as refused:
        plan_board(read_board(ONE_SHOT, name="list", settled=said).board, no_links)

    assert [problem.field for problem in refused.value.problems] == [f"shots[1].{field}"]


def test_no_answers_about_shots_are_none() -> None:
    assert from_plain({"map": {"Text": "prompt"}, "set": {}}, "mapping").shots == {}


def test_encodings_are_shown_by_a_line_that_they_read_differently() -> None:
    board = 'N° plan;Cadrage;Contenu;Durée\n1;PM;Le café fume près de la fenêtre;6"\n'.encode("mac_roman")

    with pytest.raises(InvalidRequest) as refused:
        read_board(board, "csv", name="plans.csv")

    assert "Le café fume près de la fenêtre" in str(refused.value)


def test_a_person_may_say_of_the_film_what_a_table_cannot(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    table = tmp_path / "boards" / "list.csv"
    table.parent.mkdir()
    table.write_text("Shot,Description\n1,A bell rings in the square\n")
    (table.parent / "list.map.yaml").write_text(
        "film: {music: bed.mp3, subtitles: {en: en.srt}, size: 640*480, fit: crop}"
    )

    beside = read_board(table).board.film
    said = read_board(
        table,
        settled=settle(
            films=["music=own.mp3", "size=[640*360, 360*640]", "loudness=-20", "transitions=true"]
        ),
    ).board.film

    # Paths count from the map file, and in a command from where it is typed.
    assert beside.music is not None
    assert beside.music.file == str(tmp_path / "boards/bed.mp3")
    assert beside.subtitles == {"en": str(tmp_path / "boards/en.srt")}
    assert said.music is not None
    assert said.music.file == str(tmp_path / "own.mp3")
    assert (said.size, said.fit, said.loudness, said.transitions) == (
        ((640, 360), (360, 640)),
        "crop",
        -20,
        True,
    )
    assert said.subtitles == beside.subtitles


def test_what_is_said_of_the_film_stands_over_the_board_and_goes_into_map_files_and_deployments() -> None:
    board = {
        "schema": "wan-video/storyboard/1",
        "film": {"language": "en", "chapters": False},
        "shots": [{"id": "a"}],
    }
    said = settle(films=["language=zh", "visible_label=none"])

    film = read_board(board, settled=said).board.film

    assert (film.language, film.chapters, film.visible_label) == ("zh", False, "none")
    assert said.plain() == {"film": {"language": "zh", "visible_label": "none"}}
    assert from_plain(said.plain(), "mapping") == said
    assert from_plain({"film": {"chapters": "true", "loudness": "-20"}}, "mapping").film == {
        "chapters": True,
        "loudness": -20,
    }


@pytest.mark.parametrize(
    ("option", "field"),
    [
        ("nothing", "film"),
        ("=3", "film"),
        ("sise=640*360", "film.sise"),
        ("size=7", "film.size"),
        ("chapters=maybe", "film.chapters"),
    ],
)
def test_what_is_no_field_of_a_film_is_refused_by_name(option: str, field: str, tmp_path: Path) -> None:
    table = tmp_path / "list.csv"
    table.write_text("Shot,Description\n1,A bell rings in the square\n")

    with pytest.raises(InvalidRequest) as refused:
        read_board(table, settled=settle(films=[option]))

    assert [problem.field for problem in refused.value.problems] == [field]


def test_what_is_said_of_a_film_is_not_said_of_another_board_of_the_same_columns(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / f"{name}.csv").write_text("Shot,Beat\n1,A bell rings in the square\n")
        kept = f"columns: [Shot, Beat]\nmap: {{Beat: description}}\nfilm: {{music: {name}.mp3}}\n"
        (tmp_path / f"{name}.map.yaml").write_text(kept)
    (tmp_path / "c.csv").write_text("Shot,Beat\n1,Pigeons fly up\n")

    board = read_board(tmp_path / "c.csv").board

    assert board.shots[0].request["prompt"] == "Pigeons fly up"
    assert board.film.music is None


def test_the_command_that_settles_a_board_has_what_was_said_of_the_film(tmp_path: Path) -> None:
    table = tmp_path / "list.csv"
    table.write_text("Shot,Beat\n1,A bell rings in the square\n")

    with pytest.raises(InvalidRequest) as refused:
        read_board(table, settled=settle(films=["loudness=-20", "size=[640*360, 360*640]"]))

    assert '--film loudness=-20 --film \'size=["640*360", "360*640"]\'' in str(refused.value.next_step)


def test_a_column_that_is_called_film_can_be_mapped_in_short() -> None:
    assert from_plain({"film": "description"}, "mapping").columns == {"film": "description"}


@pytest.mark.parametrize("film", [5, [], True])
def test_a_film_that_is_neither_a_name_nor_fields_is_refused(film: Any) -> None:
    with pytest.raises(InvalidRequest) as refused:
        read_board({"schema": "wan-video/storyboard/1", "film": film, "shots": [{"id": "a"}]})

    assert [problem.field for problem in refused.value.problems] == ["film"]


def test_subtitles_of_another_form_are_one_problem() -> None:
    board = {"schema": "wan-video/storyboard/1", "film": {"subtitles": ["a.srt"]}, "shots": [{"id": "a"}]}

    with pytest.raises(InvalidRequest) as refused:
        read_board(board)

    (problem,) = refused.value.problems
    assert (problem.field, problem.message) == (
        "film.subtitles",
        "write false, a path, or a path for each language",
    )
