"""Words of a board that are in no prompt are told, and what is said or unwanted in it is not lost."""

from __future__ import annotations

import json

import pytest
from doubtfulboards import MODEL, doubts, guessed, table

from footage.storyboard import read_board
from footage.storyboard.read import Settlement
from footage.storyboard.read.settlement import settle


def not_used(data: bytes) -> dict[str, str]:
    """What is said to be in no prompt, by where it stands."""
    guesses = read_board(data, name="list", defaults=MODEL).guesses
    return {guess.taken_from: guess.value for guess in guesses if guess.field == "not used"}


def test_words_that_are_in_no_prompt_are_told():
    columns = table(
        "Shot,Description,Style,Takes,Light", "1,A boat,watercolour,3,dusk", "2,A rope,watercolour,1,x"
    )
    chinese = table("镜号,画面,画风", "1,湖上有一条小船,水彩")
    beside = {
        "title": "Night", "style": "watercolour", "takes": "3", "settings": {"mood": "calm", "fps": 24},
        "shots": [{"prompt": "A boat"}],
    }  # fmt: skip

    assert not_used(columns) == {"the columns": "Style, Light"}
    assert not_used(chinese) == {"the columns": "画风"}
    in_scenes = {
        "scenes": [
            {"scene": "Pier", "style": "watercolour", "takes": "3", "shots": [{"prompt": "A boat"}]},
            {
                "scene": "Hall",
                "description": "All is blue",
                "shots": [{"prompt": "A rope"}],
            },
        ]
    }
    above = table("Style: watercolour,,", "Shot,Description,Duration", "1,A boat,5", "2,A rope,5")

    assert not_used(json.dumps(beside).encode()) == {"the columns": "style of the board, mood of the board"}
    assert not_used(json.dumps(in_scenes).encode()) == {
        "the columns": "style of the scene, description of the scene"
    }
    assert not_used(above) == {"the columns": "Style of the board"}


def test_words_of_the_whole_board_are_not_taken_for_the_text_of_its_shots():
    style = "Style: soft warm light over everything that is seen,,"
    board = table(style, "Shot,Happening,Duration", "1,A boat sails past,5", "2,A rope falls down,5")

    assert "Happening" in str(doubts(board))
    assert [shot.request["prompt"] for shot in guessed(board).shots] == [
        "A boat sails past",
        "A rope falls down",
    ]


def test_words_of_a_scene_are_in_its_shots_where_a_person_says_so():
    board = {
        "scenes": [
            {"style": "watercolour", "shots": [{"prompt": "A boat"}]},
            {"shots": [{"prompt": "A rope"}]},
        ]
    }
    said = settle(maps=["prompt=description", "style of the scene=description"])

    shots = read_board(json.dumps(board).encode(), name="list", defaults=MODEL, settled=said).board.shots

    assert ["watercolour" in shot.request["prompt"] for shot in shots] == [True, False]


def test_what_a_person_left_out_or_put_into_the_text_is_not_told_again():
    columns = table("Shot,Description,Style,Light", "1,A boat,watercolour,dusk")
    said = Settlement({"Description": "description", "Style": "description", "Light": "metadata"})

    read = read_board(columns, name="list", defaults=MODEL, settled=said)

    assert [guess for guess in read.guesses if guess.field == "not used"] == []
    assert "watercolour" in read.board.shots[0].request["prompt"]


@pytest.mark.parametrize(
    ("dialogue", "cue"),
    [
        ([{"character": "Ann", "line": "Late?"}, {"character": "Ben", "line": "Always."}], "Late? Always."),
        ({"speaker": "Ann", "text": "Late?"}, "Late?"),
        ([{"Ann": "Late?"}, {"Ben": "Always."}], "Late? Always."),
    ],
)
def test_dialogue_in_objects_is_what_is_said_in_them(dialogue: object, cue: str):
    board = {"shots": [{"id": "a", "prompt": "A boat", "duration": 5, "dialogue": dialogue}]}

    assert read_board(json.dumps(board).encode(), name="list", defaults=MODEL).board.shots[0].dialogue == cue


def test_a_negative_prompt_of_unknown_parts_is_asked_about():
    board = {"shots": [{"id": "a", "prompt": "A boat", "negative_prompt": {"bad": "blur"}}]}

    assert doubts(json.dumps(board).encode()) == {"shots[a].negative_prompt": "--set a.negative_prompt=TEXT"}
