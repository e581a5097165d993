"""Schedules keep their parameters and what a person switched; Prefect's own command takes both away."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest
from emulatedrun import run as run_flow

from flows.cli import run
from flows.generate import generate_video

pytestmark = pytest.mark.filterwarnings("default::DeprecationWarning", "ignore:unclosed:ResourceWarning")

NAME = "generate-video/generate-video"
SLUG = "example-every-morning"


def _schedule(api: httpx.Client) -> dict[str, Any]:
    (found,) = api.get(f"deployments/name/{NAME}").json()["schedules"]
    return found


def test_a_schedule_is_switched_with_its_parameters_kept(
    set_up: Any, prefect_api: httpx.Client, capsys: pytest.CaptureFixture[str]
) -> None:
    before = _schedule(prefect_api)
    assert before["active"] is False
    assert before["parameters"]

    assert run(["schedule", "resume", NAME]) == 0
    after = _schedule(prefect_api)
    assert (after["active"], after["parameters"]) == (True, before["parameters"])

    assert run(["schedule", "pause", NAME, SLUG]) == 0
    paused = _schedule(prefect_api)
    assert (paused["active"], paused["parameters"]) == (False, before["parameters"])


def test_the_schedules_of_one_deployment_are_shown_alone(
    set_up: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["schedule", "ls", NAME, "--json"]) == 0

    assert [(one["deployment"], one["slug"]) for one in json.loads(capsys.readouterr().out)] == [(NAME, SLUG)]


@pytest.mark.slow
@pytest.mark.parametrize("switch", ["resume", "pause"])
def test_parameters_that_prefects_own_command_takes_away_are_seen_and_given_back(
    switch: str,
    set_up: Any,
    prefect_api: httpx.Client,
    prefect_server: Any,
    capsys: pytest.CaptureFixture[str],
) -> None:
    # Prefect pauses none that is paused.
    run(["schedule", "pause" if switch == "resume" else "resume", NAME])
    before = _schedule(prefect_api)
    command = [sys.executable, "-m", "prefect", "deployment", "schedule", switch, NAME, before["id"]]
    subprocess.run(command, env=prefect_server.environment, check=True, capture_output=True)
    assert _schedule(prefect_api)["parameters"] == {}

    # Both tell the command that leaves it on or off, as it is.
    again = f"wan-video schedule {switch} {NAME} {SLUG}"
    run(["doctor"])
    told = capsys.readouterr().out
    assert f"without parameters: {SLUG} of {NAME}" in told
    assert again in told
    run(["schedule"])
    assert f"its parameters are lost: {again} gives them back" in capsys.readouterr().out

    assert run(["schedule", "pause", NAME]) == 0
    after = _schedule(prefect_api)
    assert (after["active"], after["parameters"]) == (False, before["parameters"])


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["resume"], "deployment"),
        (["resume", "generate-video/nothing"], "generate-video/nothing"),
        (["pause", NAME, "every-full-moon"], "every-full-moon"),
        (["pause", "storyboard/storyboard"], "storyboard/storyboard"),
        (["ls", "generate-video/nothing"], "generate-video/nothing"),
        (["ls", NAME, "every-full-moon"], "every-full-moon"),
    ],
)
def test_a_schedule_that_is_not_there_is_named(
    arguments: list[str], words: str, set_up: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["schedule", *arguments]) == 2

    assert words in capsys.readouterr().err


def test_a_run_of_a_schedule_without_parameters_is_refused_in_words(
    prefect_server: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OUTPUT_DIR", str(tmp_path))

    state = run_flow(generate_video)

    assert (state.type.value, state.name) == ("FAILED", "Failed")
    assert "prompt = (nothing)" in state.message
    assert "wan-video schedule resume" in state.message
    assert list(tmp_path.iterdir()) == []
