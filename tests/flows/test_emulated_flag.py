"""`--emulator` and `wan-video emulator` as a person types them, with what can be wrong around them."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from emulatedrun import stop_shared_emulator

from flows.cli import guarded, run
from flows.cli.console import remember_flags
from flows.cli.emulator_client import emulated
from flows.mcp.command_anywhere import command_anywhere
from footage.emulated_environment import EMULATOR_KEY, base_of_emulated, below, state_folder
from footage.emulator import DEMO_KEY
from footage.errors.actions import Harvest

COMMAND = [sys.executable, "-c", "from flows.cli import main; main()"]
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
    remember_flags([])
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


@pytest.mark.parametrize("place", ["memory://", "memory://films", "s3://bucket/films", "out", "/out"])
def test_the_place_of_emulated_clips_tells_where_the_others_are(place: str) -> None:
    assert base_of_emulated(below(place)) == place


def test_a_command_for_a_person_finds_the_emulated_clips(output: Any, tmp_path: Path) -> None:
    output(str(tmp_path / "out"))

    # As each command does with its own words.
    remember_flags(["mcp", "--emulator"])
    with emulated():
        told = command_anywhere(Harvest())

    # The flag leads from there to the emulated ones.
    assert f"OUTPUT_DIR={tmp_path}/out " in told
    assert told.endswith("wan-video harvest --emulator")


@pytest.mark.parametrize("server", [True, False])
def test_what_doctor_says_to_do_about_emulated_clips_is_about_those(
    server: bool, output: Any, tmp_path: Path, prefect_server: Any
) -> None:
    output(str(tmp_path / "out"))
    assert run(["stop-buying", "--emulator"]) == 0
    surroundings = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    own = prefect_server.environment if server else {"HOME": str(tmp_path)}

    done = subprocess.run(
        [*COMMAND, "doctor", "--emulator", "--json"],
        env=surroundings | own | {"OUTPUT_DIR": str(tmp_path / "out")},
        capture_output=True,
        text=True,
    )

    findings = json.loads(done.stdout)
    (buying,) = (one for one in findings if one["name"] == "buying")
    assert buying["fix"] == "wan-video resume-buying --emulator"


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
