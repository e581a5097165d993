"""`--emulator` and `wan-video emulator` as a person types them, with what can be wrong around them."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from emulatedrun import stop_shared_emulator

from flows.cli import guarded, run
from flows.cli.emulator_client import emulated
from footage.emulated_environment import EMULATOR_KEY, below, state_folder
from footage.emulator import DEMO_KEY

EXPLAIN = ["explain", "--model", "wan2.2-t2v-plus", "--size", "832*480", "--prompt", "a cat", "--json"]


@pytest.fixture
def output(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Says where the output is to be, and stops the emulator that belongs to it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PREFECT_HOME", str(tmp_path / "home"))
    chosen: list[str] = []

    def choose(place: str) -> None:
        monkeypatch.setenv("OUTPUT_DIR", place)
        chosen.append(place)

    yield choose
    for place in chosen:
        stop_shared_emulator(state_folder(below(place)))


def test_the_emulator_of_a_store_elsewhere_keeps_its_state_here(
    output: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    output("memory://")
    monkeypatch.setenv("WAN_VIDEO_PUBLIC_BASE_URL", "https://clips.example/")

    with emulated():
        assert os.environ["OUTPUT_DIR"] == "memory://emulated"
        assert os.environ["WAN_VIDEO_PUBLIC_BASE_URL"] == "https://clips.example/emulated"
        assert list(tmp_path.iterdir()) == [tmp_path / "home"]

    assert os.environ["WAN_VIDEO_PUBLIC_BASE_URL"] == "https://clips.example/"
    assert os.environ["OUTPUT_DIR"] == "memory://"
    assert "DASHSCOPE_HTTP_BASE_URL" not in os.environ


def test_a_proxy_does_not_stand_between(output: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    output(str(tmp_path / "out"))
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("no_proxy", "intranet.example")
    monkeypatch.setenv("NO_PROXY", "intranet.example")

    def ask() -> int:
        with emulated():
            return httpx.get(os.environ["DASHSCOPE_HTTP_BASE_URL"] + "/models").status_code

    assert guarded(ask) == 401
    assert "intranet.example" in os.environ["NO_PROXY"]


def test_explain_takes_the_flag_and_shows_the_emulators_address(
    output: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output(str(tmp_path / "out"))

    assert run([*EXPLAIN, "--emulator"]) == 0

    assert json.loads(capsys.readouterr().out)["endpoint"].startswith("http://127.0.0.1:")
    assert (tmp_path / "out" / "emulated" / ".emulator" / "address.json").exists()


def test_an_output_folder_that_cannot_be_made_is_one_clear_error(
    output: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("in the way")
    output(str(tmp_path / "file"))

    assert run([*EXPLAIN, "--emulator"]) == 7

    told = capsys.readouterr().err
    assert "file/emulated/.emulator: nothing can be kept there" in told
    assert "set OUTPUT_DIR" in told


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (["--port", "99999"], 2, "port = 99999: must be from 0"),
        (["--speed", "nan"], 2, "speed = nan: must be above 0"),
        (["--faults", "nowhere.json"], 2, "nowhere.json: cannot be read"),
        (["--state", __file__], 7, "nothing can be kept there"),
    ],
)
def test_a_slip_in_the_emulators_options_is_one_clear_error(
    arguments: list[str], code: int, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["emulator", *arguments]) == code
    assert told in capsys.readouterr().err


def test_no_run_sends_another_key_to_the_stand_in_than_its_own() -> None:
    assert EMULATOR_KEY == DEMO_KEY
