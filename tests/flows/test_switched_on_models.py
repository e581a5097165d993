"""A model beyond the seven from the outside: commands, flow and board, with a real Prefect server and the emulator."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from emulatedrun import environment, fast_emulator
from emulatedrun import run as run_flow
from pictures import BLUE, picture

# The form and the flags are made when they are imported: here, before anything is switched on.
from flows.cli import request_flags, run
from flows.cli.provisioning.run_form import run_form
from flows.generate import generate_video
from flows.storyboard import storyboard
from footage.catalogue import MODEL_NAMES, SWITCHES
from footage.emulator import Emulator

# Third parties' warnings inside a run of ours.
pytestmark = pytest.mark.filterwarnings("default::DeprecationWarning", "default::ResourceWarning")


@pytest.fixture
def emulator(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Emulator]:
    with fast_emulator() as emulator:
        for name, value in environment(emulator, tmp_path / "out").items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv(SWITCHES, "+wan3.0-video,+wan2.7-i2v")
        yield emulator


@pytest.fixture
def people(tmp_path: Path) -> dict[str, str]:
    for name, color in (("ella", (220, 30, 30)), ("tom", BLUE)):
        (tmp_path / f"{name}.png").write_bytes(picture(640, 360, color))
    return {name: str(tmp_path / f"{name}.png") for name in ("ella", "tom")}


@pytest.mark.slow
def test_command_and_flow_make_the_same_clip_of_references(
    emulator: Emulator, people: dict[str, str], prefect_server: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = [
        "--model",
        "wan3.0-video",
        "--size",
        "832*480",
        "--duration",
        "2",
        "--prompt",
        "Image 1 greets Image 2",
    ]
    references = ["--references", f"image={people['ella']}", "--references", f"image={people['tom']}"]

    assert run(["generate", *asked, *references, "--json"]) == 0

    made = json.loads(capsys.readouterr().out)
    again = run_flow(
        generate_video,
        prompt="Image 1 greets Image 2",
        model="wan3.0-video",
        size="832*480",
        duration=2,
        references=[{"image": people["ella"]}, {"image": people["tom"]}],
    )
    assert again.is_completed()
    assert again.data.result["key"] == made["key"]
    (task,) = emulator.tasks()
    assert [item["type"] for item in task["body"]["input"]["media"]] == ["reference_image"] * 2


@pytest.mark.slow
def test_a_board_with_characters_says_how_each_shot_is_tied(
    emulator: Emulator, people: dict[str, str], prefect_server: Any
) -> None:
    document = {
        "schema": "wan-video/storyboard/1",
        "title": "Two people",
        "defaults": {"model": "wan3.0-video", "size": "832*480", "duration": 2},
        "characters": {"Ella": {"image": people["ella"]}, "Tom": {"image": people["tom"]}},
        "shots": [
            {"id": "1", "prompt": "they meet", "characters": ["Ella", "Tom"]},
            {"id": "2", "prompt": "they part", "characters": ["Tom"], "start_from": "prev_clip"},
        ],
    }

    state = run_flow(storyboard, board=document)

    assert state.is_completed(), state.message
    assert state.data.result["ties"] == {
        "1": "references: Ella, Tom",
        "2": "goes on from the clip of 1 and references: Tom",
    }
    bodies = {task["body"]["input"]["prompt"]: task["body"]["input"]["media"] for task in emulator.tasks()}
    assert [item["type"] for item in bodies["Extend Video 1: Tom is Image 1. they part"]] == [
        "reference_video",
        "reference_image",
    ]


def test_all_models_are_shown_with_what_is_doubtful_and_the_seven_alone_without_being_asked(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    assert run(["models", "--json"]) == 0
    assert set(json.loads(capsys.readouterr().out)["models"]) == {*MODEL_NAMES}

    assert run(["models", "--all"]) == 0

    shown = capsys.readouterr().out
    # Of 0.733924 CNY: rounded up, as all prices for people.
    assert "0.14–0.734 CNY" in shown
    assert "wan2.7-i2v +" in shown
    assert "first frame; last frame; clip that goes on" in shown
    assert "wan3.0-video: No page prints its sizes in pixels" in shown
    assert f"{SWITCHES}=+NAME" in shown


def test_a_switch_that_is_none_is_refused_by_a_command_and_nothing_is_sent(
    emulator: Emulator, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(SWITCHES, "+wan-latest")

    assert run(["explain", "--model", "wan2.2-t2v-plus", "--size", "832*480", "--prompt", "A boat"]) == 2

    assert "there are no aliases" in capsys.readouterr().err
    assert emulator.ledger()["requests"] == {}


def test_the_form_of_a_server_takes_lists_of_references() -> None:
    form = run_form(generate_video.parameters.model_dump_for_openapi())["properties"]

    assert form["references"]["type"] == "array"
    assert "references" in request_flags.Flags.model_fields
