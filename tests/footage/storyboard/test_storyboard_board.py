"""The board as a document of our own schema."""

from __future__ import annotations

import json
import subprocess
import sys
from decimal import Decimal
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from boards import board
from pydantic import ValidationError

from footage.errors import InvalidRequest
from footage.request import VideoRequest
from footage.storyboard import Board, Budget, Transition, json_schema, read_board
from footage.storyboard.read.yaml_text import parse_yaml

EXAMPLE = Path(__file__).parents[3] / "footage/storyboard/examples/lighthouse.yaml"


def test_the_published_json_schema_is_the_one_that_the_code_has():
    published = files("footage.storyboard").joinpath("storyboard.schema.json").read_text(encoding="utf-8")

    assert json.loads(published) == json_schema(), "write json_schema() to storyboard.schema.json again"


def test_every_field_of_a_video_request_may_stand_on_a_shot_and_under_defaults():
    schema = json_schema()

    assert set(VideoRequest.model_fields) <= set(schema["$defs"]["Shot"]["properties"])
    assert set(VideoRequest.model_fields) == set(schema["properties"]["defaults"]["properties"])


def test_a_board_written_out_and_read_again_is_the_same_board():
    first = board(
        {"id": "a", "scene": 1, "transition": {"kind": "fade", "seconds": 0.5}, "metadata": {"lens": "35mm"}},
        {"id": "b", "start_from": "prev_last_frame", "model": "wan2.6-i2v-flash", "duration": 3},
        title="Two shots",
        budget={"max_cost": 12.1, "currency": "CNY"},
        film={"visible_label": "own"},
    )

    written = json.loads(json.dumps(first.model_dump(mode="json")))

    assert read_board(written).board == first
    assert written["shots"][1] == {
        "id": "b", "start_from": "prev_last_frame", "model": "wan2.6-i2v-flash", "duration": 3,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("film", "field"),
    [
        ({"visible_label": "provider"}, "film.visible_label"),  # films are made here
        ({"visible_label": True}, "film.visible_label"),
        ({"visible_lable": "own"}, "film.visible_lable"),
    ],
)
def test_what_a_film_cannot_have_is_refused_by_its_name(film: dict[str, Any], field: str):
    with pytest.raises(InvalidRequest) as refused:
        board({"id": "a"}, film=film)

    assert [problem.field for problem in refused.value.problems] == [field]


def test_a_film_that_is_only_a_name_stays_the_boards_own():
    assert board({"id": "a"}, film="The Keeper").metadata == {"film": "The Keeper"}


def test_a_shot_overrides_the_defaults_and_nothing_takes_one_away():
    one = board(
        {"id": "a", "duration": 10, "negative_prompt": None},
        defaults={"duration": 5, "negative_prompt": "text", "seed": 1},
    )

    asked = one.asked(one.shots[0])

    assert (asked["duration"], asked["seed"]) == (10, 1)
    assert "negative_prompt" not in asked


def test_numbers_as_ids_and_scenes_mean_their_digits():
    shot = board({"id": 7, "scene": 12}).shots[0]

    assert (shot.id, shot.scene) == ("7", "12")


def test_money_is_exact_to_the_written_digit():
    assert Budget.model_validate({"max_cost": 0.1}).max_cost == Decimal("0.1")


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"kind": "wipe"}, "not one of the three"),
        ({"kind": "cut", "seconds": 1}, "a cut has no length"),
        ({"kind": "fade", "seconds": -1}, "time runs forward"),
    ],
)
def test_a_transition_that_cannot_be_is_refused(given: dict[str, Any], why: str):
    with pytest.raises(ValidationError):
        Transition.model_validate(given)


def test_image_bytes_from_python_become_text_so_that_the_board_stays_a_document():
    given = {"schema": "wan-video/storyboard/1", "shots": [{"id": "a", "reference_image": b"\x89PNG"}]}

    assert Board.model_validate(given).shots[0].request["reference_image"].startswith("data:")


def test_the_example_fits_the_published_schema_and_a_wrong_type_does_not():
    schema = jsonschema.Draft202012Validator(json_schema())
    schema.check_schema(schema.schema)
    board = parse_yaml(EXAMPLE.read_text(encoding="utf-8"), name=EXAMPLE.name)

    assert list(schema.iter_errors(board)) == []

    board["shots"][0]["duration"] = "five"
    board["shots"][1]["transition"] = "wipe"
    assert len(list(schema.iter_errors(board))) == 2


def test_reading_and_planning_load_no_heavy_library_before_it_is_needed():
    heavy = ["av", "opentimelineio", "PIL", "yaml", "fsspec", "dashscope", "prefect", "requests"]
    rooms = "".join(f"import footage.storyboard.{room};" for room in ("timeline", "edl", "film", "dailies"))
    code = f"import sys; {rooms} print([name for name in {heavy!r} if name in sys.modules])"

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"
