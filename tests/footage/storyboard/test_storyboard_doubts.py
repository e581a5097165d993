"""What of a shot list is doubtful is asked about that very shot, and never bought unasked."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from doubtfulboards import MODEL, doubts, guessed, table, workbook

from footage.errors import InvalidRequest
from footage.storyboard import read_board
from footage.storyboard.read import Settlement
from footage.storyboard.read.settlement import settle

REMARK = "Everything from here is at night"
NO_SHOT_FOR_SURE = {
    "shots count from 1 in each scene": (
        table("Scene,Shot,Description,Duration", "1,1,A boat sails,5", "1,2,The boat turns,5", "2,1,A street,5",
              f",,{REMARK},", "2,2,The lamp goes out,5"),
        "2",
    ),
    "scenes of several shots, and no numbers": (
        table("Scene,Description,Duration", "1,A boat sails,5", "2,A street,5", f",{REMARK},", "2,A lamp goes out,5"),
        "2-2",
    ),
    "dashes stand for what is empty": (
        table("Shot,Framing,Description,Duration", "1,CU,A boat sails,5", "2,WS,A street,5", f"-,-,{REMARK},"),
        "row3",
    ),
    "a hidden line where shots count from 1": (
        workbook(5, "Scene,Shot,Description,Duration", "1,1,A boat sails,5", "1,2,The boat turns,5", "2,1,A street,5",
                 f"2,2,{REMARK},5"),
        "2-2",
    ),
    "a hidden line whose number is a dash": (
        workbook(3, "Shot,Description,Duration", "1,A boat sails,5", f"-,{REMARK},5"),
        "row2",
    ),
    "a hidden line of scenes alone": (
        workbook(4, "Scene,Description,Duration", "1,A boat sails,5", "2,A street,5", f"3,{REMARK},5"),
        "3",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("data", "shot"), NO_SHOT_FOR_SURE.values(), ids=NO_SHOT_FOR_SURE)
def test_a_line_that_may_be_no_shot_is_asked_about_by_the_id_that_it_would_have(data: bytes, shot: str):
    asked = doubts(data)
    made = read_board(data, name="list", settled=settle(sets=[f"{shot}.skip=false"])).board

    assert list(asked) == [f"shots[{shot}].shots"]
    assert f"{shot}.skip=true" in str(asked)
    assert [one.id for one in made.shots if one.request["prompt"] == REMARK] == [shot]
    assert [one.id for one in guessed(data).shots] == [one.id for one in made.shots if one.id != shot]


HIDDEN_COLUMN = {
    "what is not to be seen": ("Negative prompt", "people", "negative_prompt"),
    "a model": ("Model", "wan2.6-t2v-us", "model"),
    "a length": ("Duration", "10", "duration"),
}


@pytest.mark.parametrize(("name", "value", "field"), HIDDEN_COLUMN.values(), ids=HIDDEN_COLUMN)
def test_a_hidden_column_that_would_be_bought_is_asked_about(name: str, value: str, field: str):
    data = workbook("C", f"Shot,Description,{name}", f"1,A boat sails,{value}", f"2,The boat turns,{value}")

    asked = doubts(data)
    metadata = read_board(data, name="list", settled=settle(maps=[f"{name}=metadata"]), defaults=MODEL).board
    bought = read_board(data, name="list", settled=settle(maps=[f"{name}={field}"]), defaults=MODEL).board

    assert list(asked) == [field]
    assert f"--map '{name}=metadata'" in str(asked) or f"--map {name}=metadata" in str(asked)
    assert {str(shot.request.get(field)) for shot in bought.shots} == {value}
    assert field == "model" or value not in {str(shot.request.get(field)) for shot in metadata.shots}


def test_a_hidden_column_of_remarks_is_not_asked_about():
    data = workbook("C", "Shot,Description,Notes", "1,A boat sails,ask Ella", "2,The boat turns,done")

    board = read_board(data, name="list", defaults=MODEL).board

    assert [shot.request["prompt"] for shot in board.shots] == ["A boat sails", "The boat turns"]


HALF_FILLED = {
    "two lengths": ("Duration,Est. time", "10,10", ",10", "-,10 s"),
    "a length and frames": ("Duration,Frames,FPS", "10,240,24", ",240,24", ",240,24"),
    "a length, and where it starts and ends": ("Length,Start,End", "10,0:00,0:10", ",0:10,0:20", ",0:20,0:30"),
    "frame numbers, and where it starts and ends": (
        "Frame in,Frame out,FPS,Start,End", "1,240,24,0:00,0:10", ",,24,0:10,0:20", ",,24,0:20,0:30",
    ),
    "a length, and start times that rise": ("Duration,Time", ",0:00", "10,0:10"),
}  # fmt: skip


@pytest.mark.parametrize("lines", HALF_FILLED.values(), ids=HALF_FILLED)
def test_a_length_that_only_another_column_gives_is_the_shots(lines: tuple[str, ...]):
    head, *cells = lines
    data = table(f"Description,{head}", *(f"Rain falls on roof {n},{text}" for n, text in enumerate(cells)))

    board = read_board(data, name="list", defaults=MODEL).board

    assert [shot.request["duration"] for shot in board.shots] == [10] * len(cells)


def test_a_doubt_about_the_other_column_is_asked_of_the_shots_that_need_it_alone():
    data = table("Shot,Description,Duration,Frames", "1,Rain falls,10,250", "2,Rain stops,,240")

    assert list(doubts(data)) == ["shots[2].duration"]
    assert "2.duration=10" in str(doubts(data))


def test_a_picture_that_only_another_column_gives_is_the_shots():
    data = table(
        "Shot,Description,First frame,Image,Negative prompt,Negative", "1,Rain falls,https://x.test/a.png,,fog,",
        "2,Rain stops,-,https://x.test/b.png,-,snow",
    )  # fmt: skip

    board = read_board(data, name="list").board

    assert [shot.request["reference_image"] for shot in board.shots] == [
        "https://x.test/a.png", "https://x.test/b.png",
    ]  # fmt: skip
    assert [shot.request["negative_prompt"] for shot in board.shots] == ["fog", "snow"]


@pytest.mark.parametrize(
    ("head", "cell"),
    [("Duration", "0,005"), ("Duration", "1,5 ms"), ("Duration (ms)", "5"), ("Frames", "1f@24")],
)
def test_what_is_too_short_for_a_shot_is_asked_about_and_not_bought_as_the_shortest(head: str, cell: str):
    cells = [cell, "10 s", "10 s"]
    data = table(
        f"Shot;Description;{head}", *(f"{n};Rain falls;{text}" for n, text in enumerate(cells, start=1))
    )

    assert list(doubts(data)) == ["shots[1].duration"]


# Left out; asked about. All others of the four shots are made.
ANSWERS = {
    "Include": (["[x]", "[ ]", "-", "no - cut for time"], [], ["2", "3", "4"]),
    "Use?": (["yes", "no", "maybe", "ja"], ["2"], ["3"]),
    "Approved": (["yes", "Anna", "-", "y"], [], ["2", "3"]),
    "Omit": (["-", "yes, cut", "[ ]", "x"], ["4"], ["2"]),
    # Of a column in which nobody says yes nothing is empty.
    "Selected": (["[ ]", "-", "Anna", ""], [], []),
}


@pytest.mark.parametrize(("name", "said", "out", "asked"), [(name, *rest) for name, rest in ANSWERS.items()])
def test_an_answer_whether_a_shot_is_made_that_is_neither_yes_nor_no_is_asked_about(
    name: str, said: list[str], out: list[str], asked: list[str]
):
    shots = [f"{n},Rain falls on roof {n},{answer}" for n, answer in enumerate(said, start=1)]
    data = table(f"Shot,Description,{name}", *(line.replace(", cut", "; cut") for line in shots))

    assert list(doubts(data) if asked else []) == [f"shots[{shot}].shots" for shot in asked]
    made = [shot for shot in "1234" if shot not in (*out, *asked)]
    assert [shot.id for shot in guessed(data).shots] == made


def test_an_answer_of_json_that_is_neither_yes_nor_no_is_asked_about():
    shots = [
        {"id": n, "prompt": f"Rain {n}", "omit": said} for n, said in enumerate([True, "yes, cut", {}, False])
    ]

    assert list(doubts(json.dumps(shots).encode())) == ["shots[1].shots"]


# Lines that read like something else: the list, and the shot that perhaps is none.
PERHAPS_SHOTS = {
    "a scene's heading and what happens": (
        ("Scene,Description", "1,INT. KITCHEN - DAY. Anna pours coffee", "2,A cat sleeps"), "1",
    ),
    "a heading that goes on, alone on its line": (
        ("Shot,Framing,Description,Duration", "1,CU,A boat sails,5", ",,INT. KITCHEN. Anna pours coffee,"), "row2",
    ),
    "a word of omission that is read in the picture": (
        ("Shot,Description,On screen", "1,A phone on a table,Hello", "2,A finger taps,Deleted"), "2",
    ),
    "a word of omission that is spoken": (("镜号,画面,台词", "1,女孩看着手机,你好", "2,女孩按下按钮,取消"), "2"),
    "a label with all its cells": (
        ("Shot,Description,Duration", "1,A boat sails,5", "Epilogue:,A whale dives,5"), "Epilogue",
    ),
    "a sum in other words": (
        ("Shot,Description,Duration", "1,A boat sails,5", ",Total estimated runtime,5"), "row2",
    ),
    "the head of another table": (
        ("Shot,Action,Camera", "1,A boat sails,pan", "Shot,Visual,Movement", "2,A man walks,static"), "Shot",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("lines", "shot"), PERHAPS_SHOTS.values(), ids=PERHAPS_SHOTS)
def test_a_line_that_reads_like_something_else_is_neither_bought_nor_dropped_unasked(
    lines: tuple[str, ...], shot: str
):
    data = table(*lines)
    made = read_board(data, name="list", settled=settle(sets=[f"{shot}.skip=false"])).board

    assert list(doubts(data)) == [f"shots[{shot}].shots"]
    assert len(made.shots) == len(lines) - 1
    assert [one.id for one in guessed(data).shots] == [one.id for one in made.shots if one.id != shot]


def test_what_stands_above_the_head_by_name_is_not_its_title_and_a_length_there_is_the_films():
    lines = (
        "Aspect ratio: 9:16",
        "The Mill",
        "Duration: 10 s",
        "Shot,Description,Duration",
        "1,A wheel turns,5",
    )

    board = read_board(table(*lines), name="list", defaults=MODEL).board

    assert board.title == "The Mill"
    assert [board.asked(shot)["duration"] for shot in board.shots] == [5]
    without = [*lines[2:3], "Shot,Description", "1,A wheel turns"]
    assert list(doubts(table(*without))) == ["duration"]


@pytest.mark.parametrize("said", ["16:9 and 9:16", "see client", 5])
def test_a_shape_that_cannot_be_read_is_asked_about_and_not_bought_as_the_usual_one(said: object):
    shots = [{"id": n, "prompt": f"Rain falls on roof {n}"} for n in (1, 2)]
    columns = [{**shots[0], "aspect_ratio": said}, {**shots[1], "aspect_ratio": "9:16"}]

    assert list(doubts(json.dumps(columns).encode())) == ["shots[1].size"]
    around = json.dumps({"orientation": said, "shots": shots}).encode()
    assert list(doubts(around)) == ["shots[1].size", "shots[2].size"]


def test_a_length_beside_the_shots_is_asked_about_where_they_have_none():
    shots = [{"id": 1, "prompt": "Rain falls"}, {"id": 2, "prompt": "Rain stops"}]
    without = {"duration": 10, "shots": shots}
    with_own = {"duration": 10, "shots": [{**shot, "duration": 5} for shot in shots]}
    in_scenes = [{"scene": 1, "duration": 10, "shots": shots}]

    assert list(doubts(json.dumps(without).encode())) == ["duration"]
    assert list(doubts(json.dumps({"scenes": in_scenes}).encode())) == ["duration"]
    each = settle(maps=["duration of the board=duration:s"])
    board = read_board(json.dumps(without).encode(), defaults=MODEL, settled=each).board
    assert [shot.request["duration"] for shot in board.shots] == [10, 10]
    assert len(read_board(json.dumps(with_own).encode(), defaults=MODEL).board.shots) == 2


@pytest.mark.parametrize("head", ["Duration v2", "Länge neu", "新时长"])
def test_bare_numbers_under_a_name_with_a_word_for_lengths_are_asked_about(head: str):
    assert list(doubts(table(f"Shot,Description,{head}", "1,Rain falls,3", "2,Rain stops,10"))) == [
        "duration"
    ]


@pytest.mark.parametrize(
    ("field", "held"),
    [
        ("shots", ["WS", "CU"]),
        ("prompts", ["A boat sails", "It sinks"]),
        ("beats", [{"description": "A boat sails", "duration": 3}]),
        ("keyframes", [{"prompt": "A boat sails"}]),
    ],
)
def test_a_scene_that_holds_what_may_be_its_shots_is_refused_and_not_bought_as_one(field: str, held: object):
    scenes = [{"scene": 1, "description": "The harbour by night", field: held}]

    for board in (scenes, {"scenes": scenes}, {"project": {"scenes": scenes}}):
        with pytest.raises(InvalidRequest, match=f"its field '{field}'.*make it a list `shots`"):
            read_board(json.dumps(board).encode())


@pytest.mark.parametrize("named", ["Reference", "Image", "Moodboard"])
def test_a_picture_among_other_words_is_asked_about_and_not_passed_over(named: str):
    lines = ("1,Rain falls,boat.jpg", "2,Rain stops,a drawing of rain", "3,A rainbow,")

    assert list(doubts(table(f"Shot,Description,{named}", *lines))) == ["reference_image"]
    links = ("1,Rain falls,https://rain.example/", "2,Rain stops,see the article")
    assert len(read_board(table("Shot,Description,Links", *links)).board.shots) == 2


@pytest.mark.parametrize("named", ["AI Model", "Engine", "视频模型"])
def test_a_model_under_another_name_is_the_shots_and_one_of_others_is_asked_about(named: str):
    of_ours = table(f"Shot,Description,{named}", "1,Rain falls,wanx2.1-t2v-turbo")
    of_others = table(f"Shot,Description,{named}", "1,Rain falls,Kling 2.1")
    of_cars = table(f"Shot,Description,{named}", "1,A car starts,V8 Diesel")

    assert read_board(of_ours).board.shots[0].request["model"] == "wanx2.1-t2v-turbo"
    with pytest.raises(InvalidRequest, match="not one of the models"):
        read_board(of_others)
    assert read_board(of_cars).board.shots[0].request["model"] == "wan2.2-t2v-plus"


@pytest.mark.parametrize("done", ["Done", "completed", "已完成", "Erledigt"])
def test_a_shot_that_is_done_already_is_asked_about_where_others_are_not(done: str):
    some = [{"id": n, "prompt": f"Rain {n}", "status": said} for n, said in ((1, done), (2, "open"))]
    every = [{**shot, "status": done} for shot in some]

    assert list(doubts(json.dumps(some).encode())) == ["shots[1].shots"]
    assert [shot.id for shot in guessed(json.dumps(some).encode()).shots] == ["2"]
    assert len(read_board(json.dumps(every).encode()).board.shots) == 2


# The text or the name of a shot, and the length that it says.
WITH_LENGTHS = {
    "A boat sails (8s)": 8, "[0:00-0:03] A boat sails": 3, "0-3s: A boat sails": 3, "A boat sails – 7 sec": 7,
    "船が進む（３秒）": 3, "A boat sails (ca. 3,5 Sekunden)": 4,
}  # fmt: skip


@pytest.mark.parametrize("said", WITH_LENGTHS)
def test_a_length_in_the_words_of_a_shot_is_asked_about_where_no_field_says_one(said: str):
    for shot in ({"id": "1", "prompt": said}, {"id": "1", "title": said, "prompt": "A boat sails"}):
        data = json.dumps([shot]).encode()
        with_field = json.dumps([{**shot, "duration": 5}]).encode()

        assert list(doubts(data)) == ["shots[1].duration"]
        read = read_board(data, defaults={"model": "wan2.6-i2v"}, settled=Settlement(accept_guesses=True))
        assert read.board.shots[0].request["duration"] == WITH_LENGTHS[said]
        assert read_board(with_field, defaults=MODEL).board.shots[0].request["duration"] == 5


@pytest.mark.parametrize(
    "said", ["A boat sails (5s)", "A clock (10:30) ticks", "He waits 8 seconds and goes"]
)
def test_other_words_about_time_are_only_words(said: str):
    assert (
        read_board(json.dumps([{"id": "1", "prompt": said}]).encode()).board.shots[0].request["prompt"]
        == said
    )


def test_two_doubts_about_one_length_are_asked_as_one_with_one_answer():
    data = json.dumps([{"id": "1", "prompt": "A boat sails (12s)"}]).encode()

    with pytest.raises(InvalidRequest) as refused:
        read_board(data, defaults=MODEL)

    assert [problem.field for problem in refused.value.problems] == ["shots[1].duration"]
    assert str(refused.value.next_step).count("1.duration=") == 1


@pytest.mark.skipif(os.sep != "/", reason="there it is the usual spelling")
def test_a_picture_with_the_slashes_of_windows_is_found_beside_the_board_and_in_the_assets(tmp_path: Path):
    (tmp_path / "frames").mkdir()
    (tmp_path / "frames" / "boat.png").write_bytes(b"a picture")
    board = tmp_path / "list.csv"
    settled = Settlement(assets=str(tmp_path))

    board.write_text("Shot,Description,First frame\n1,A boat,frames\\boat.png\n")
    beside = read_board(board).board.shots[0].request["reference_image"]
    board.write_text("Shot,Description,First frame\n1,A boat,D:\\film\\frames\\boat.png\n")
    in_assets = read_board(board, settled=settled).board.shots[0].request["reference_image"]

    assert beside == in_assets == str((tmp_path / "frames" / "boat.png").resolve())
