"""The first question to the provider: asked once, told first, and a mistake in its address before Prefect is loaded."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from emulatedrun import environment, fast_emulator
from rawserver import RawServer, reply

from flows.cli import run

# Third parties' warnings inside a run of ours.
pytestmark = pytest.mark.filterwarnings("default::DeprecationWarning", "default::ResourceWarning")

PAGE = reply(b"<!DOCTYPE html><html>Welcome</html>", headers={"Content-Type": "text/html"})
SHOT = {"id": "a", "prompt": "A kite", "model": "wan2.2-t2v-plus", "size": "832*480", "duration": 5}


@pytest.mark.parametrize("command", ["generate", "storyboard"])
def test_a_wrong_address_ends_a_command_before_its_run_starts(command: str, tmp_path: Path) -> None:
    board = tmp_path / "board.json"
    board.write_text(json.dumps({"name": "kites", "shots": [SHOT]}))
    request = ["--prompt", "A kite", "--model", "wan2.2-t2v-plus", "--size", "832*480"]
    with RawServer(PAGE) as server:
        done = subprocess.run(
            [
                Path(sys.executable).with_name("wan-video"),
                command,
                *([str(board)] if command == "storyboard" else request),
            ],
            env=os.environ
            | {
                "DASHSCOPE_HTTP_BASE_URL": server.base_url,
                "DASHSCOPE_API_KEY": "sk-emulator",
                "OUTPUT_DIR": str(tmp_path / "out"),
                "HOME": str(tmp_path),
            },
            capture_output=True,
            text=True,
            check=False,
        )

    assert done.returncode == 2, done.stderr
    assert f"Asking {server.base_url}" in done.stderr
    assert "Starting the run" not in done.stderr


def test_a_command_and_its_run_ask_one_question_before_they_buy(
    prefect_server: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with fast_emulator() as emulator:
        for name, value in environment(emulator, tmp_path).items():
            monkeypatch.setenv(name, value)

        code = run(["generate", "--prompt", "A kite", "--model", "wan2.2-t2v-plus", "--size", "832*480"])

        asked = emulator.ledger()
    told = capsys.readouterr().err
    assert (code, asked["accepted"]) == (0, 1), told
    assert asked["lists"] == 1
    assert "as it was asked before this run" in told
