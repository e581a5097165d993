"""Reading our own schema, and refusing what cannot be read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from footage.errors import InvalidRequest
from footage.storyboard import grouped, read_board

OWN = """
schema: wan-video/storyboard/1
title: Two
defaults: {model: wan2.2-t2v-plus, size: 832*480}
shots:
  - id: "01"
    prompt: A harbour
  - id: 02
    prompt: A boat
"""


def refused(source: Any, **options: Any) -> InvalidRequest:
    with pytest.raises(InvalidRequest) as caught:
        read_board(source, **options)
    return caught.value


def test_yaml_and_json_of_our_own_schema_are_the_same_board(tmp_path: Path):
    (tmp_path / "two.yaml").write_text(OWN)
    first = read_board(tmp_path / "two.yaml")
    (tmp_path / "two.json").write_text(json.dumps(first.board.model_dump(mode="json")))

    second = read_board(str(tmp_path / "two.json"))

    assert first.format == second.format == "wan-video"
    assert second.board == first.board
    assert first.guesses == ()


def test_shot_ids_stay_as_they_are_written():
    # YAML 1.1 would read 02 as 2, `no` as False and 12:30 as 750.
    shots = "".join(f"  - {{id: {name}, prompt: x}}\n" for name in ("02", "no", "12.30.1", "1e5", "on"))

    read = read_board(f"schema: wan-video/storyboard/1\nshots:\n{shots}".encode())

    assert [shot.id for shot in read.board.shots] == ["02", "no", "12.30.1", "1e5", "on"]


def test_a_reference_image_is_found_beside_the_board_from_any_folder(tmp_path: Path):
    (tmp_path / "board.yaml").write_text(
        "schema: wan-video/storyboard/1\n"
        "defaults: {reference_image: all.png}\n"
        "shots: [{id: a, prompt: x, reference_image: pictures/a.png}, {id: b, reference_image: 'https://e.x/b.png'}]"
    )

    board = read_board(tmp_path / "board.yaml").board

    assert board.shots[0].request["reference_image"] == str(tmp_path / "pictures/a.png")
    assert board.shots[1].request["reference_image"] == "https://e.x/b.png"
    assert board.defaults["reference_image"] == str(tmp_path / "all.png")


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("shots:\n  - id: a\n    prompt: [x\n", 4, "YAML"),
        ("shots:\n\t- id: a\n", 2, "YAML"),
        ("shots:\n  - id: a\n    prompt: x\n    prompt: y\n", 4, "'prompt' is given twice"),
        ('{"shots": [\n  {"id": "a",}\n]}', 2, "JSON"),
        ("shots: !!python/object/apply:os.system [ls]", 1, "YAML"),
    ],
)
def test_a_mistake_in_the_file_is_named_with_its_line(text: str, line: int, says: str):
    error = refused(text.encode(), name="board.yaml")

    assert error.details["line"] == line
    assert f"board.yaml, line {line}" in error.message
    assert says in error.message


def bomb() -> str:
    levels = ["a: &a [x, x, x, x, x, x, x, x, x, x]"]
    levels += [
        f"{new}: &{new} [{', '.join([f'*{old}'] * 10)}]"
        for old, new in zip("abcdefgh", "bcdefghi", strict=True)
    ]
    return "\n".join(levels)


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (bomb().encode(), "more than 250,000 values"),
        (b"[" * 5000 + b"]" * 5000, "nested deeper"),
        (b"a: " + b"[" * 3000, "nest"),
        (b"x" * (12 * 1024 * 1024 + 1), "allowed are"),
        (b'{"shots": NaN}', "JSON"),
        (b'{"a": 1, "a": 2}', "has the field 'a' twice"),
        (b'{"shots": [{"id": "a", "metadata": {"lens": 1, "lens": 2}}]}', "has the field 'lens' twice"),
        (b"\xff\xff\x00\x81", "neither UTF-8"),
        (b"", "empty"),
        (b"just some words", "format is not recognized"),
        (b'{"recipe": "cake"}', "format is not recognized"),
        (b"shots: [{id: a, seed: 1" + b"0" * 5000 + b"}]", "allowed are 400"),
        (b"shots:\ndefaults: {}", "has to be a list of shots"),
        (b"schema: wan-video/storyboard/1\nbudget: {max_cost: 1" + b"0" * 40 + b"}\nshots: []", "less than"),
    ],
)
def test_what_is_no_board_is_refused_quickly_and_in_words(data: bytes, says: str):
    assert says in refused(data).message


def test_a_file_that_is_not_there_is_refused_in_words(tmp_path: Path):
    assert "No such file" in refused(tmp_path / "none.yaml").message


def test_slips_in_field_names_are_refused_all_at_once_and_strangers_are_kept():
    error = refused(
        {
            "schema": "wan-video/storyboard/1",
            "titel": "x",
            "defaults": {"modell": "wan2.2-t2v-plus"},
            "shots": [
                {"id": "a", "prompt": "x", "durration": 10, "mood": "calm"},
                "not a shot",
                {"id": "c", "prompt": "x", "transition": {"kind": "wipe"}},
            ],
        }
    )

    fields = {problem.field for problem in error.problems}
    assert fields == {
        "titel", "defaults.modell", "shots[a].durration", "shots[2]", "shots[c].transition.kind",
    }  # fmt: skip
    assert "is duration meant?" in error.message


def test_a_field_that_nobody_knows_is_kept_as_metadata_and_reported():
    read = read_board(
        {"schema": "wan-video/storyboard/1", "shots": [{"id": "a", "prompt": "x", "mood": "calm"}]}
    )

    assert read.board.shots[0].metadata == {"mood": "calm"}
    assert [(guess.shot_id, guess.field) for guess in read.guesses] == [("a", "metadata.mood")]


@pytest.mark.parametrize("one", ["ella.png", {"picture": "ella.png"}, {"url": "https://example.com/ella"}])
@pytest.mark.parametrize("named", [["Ella"], "Ella"])
def test_a_character_whose_picture_has_another_word_is_refused_and_not_left_out(one: object, named: object):
    shot = {"id": "1", "prompt": "They meet", "characters": named}

    with pytest.raises(InvalidRequest) as refused:
        read_board({"schema": "wan-video/storyboard/1", "characters": {"Ella": one}, "shots": [shot]})

    assert [problem.field for problem in refused.value.problems] == ["characters.Ella"]


def test_a_shot_without_an_id_gets_one_and_that_is_reported():
    read = read_board({"schema": "wan-video/storyboard/1", "shots": [{"prompt": "x"}, {"prompt": "y"}]})

    assert [shot.id for shot in read.board.shots] == ["shot-001", "shot-002"]
    assert len(read.guesses) == 2


def test_an_unknown_format_is_refused_with_the_known_ones():
    assert "otio" in refused({"shots": []}, format="final draft").message


def test_the_same_guess_on_many_shots_is_one_line_for_people():
    shots = [{"prompt": f"p{n}"} for n in range(5)]

    lines = grouped(read_board({"shots": shots}).guesses)

    assert any(line.startswith("5 shots (row1, row2, row3, …)") for line in lines)
    assert len(lines) < 6


def test_a_line_break_within_a_cell_stays_as_it_was_written(tmp_path: Path) -> None:
    path = tmp_path / "shots.csv"
    path.write_bytes(b'shot,description\r\n1,"A harbour\r\nat dawn"\r\n')

    assert read_board(path).board.shots[0].request["prompt"] == "A harbour\r\nat dawn"
