"""A board whose shots are made by runs of their own: same clips, same evidence as in one process."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from emulatedrun import environment, fast_emulator, run

from flows.storyboard import storyboard
from footage.emulator import Emulator

pytestmark = [
    pytest.mark.scaleout,
    pytest.mark.filterwarnings("default::DeprecationWarning", "ignore:unclosed:ResourceWarning"),
]

PLAIN = {"model": "wanx2.1-t2v-turbo", "duration": 5, "audio": None}
BOARD: dict[str, Any] = {
    "schema": "wan-video/storyboard/1",
    "title": "Over workers",
    "defaults": {"model": "wan2.6-i2v-flash", "size": "1280*720", "duration": 2, "audio": False},
    "shots": [
        {"id": "a", "prompt": "A harbour at dawn", **PLAIN},
        {"id": "b", "prompt": "The harbour wakes", "start_from": "prev_last_frame"},
        {"id": "c", "prompt": "A road", **PLAIN},
    ],
}


@pytest.fixture
def emulator(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Emulator]:
    with fast_emulator() as emulator:
        for name, value in environment(emulator, tmp_path / "out").items():
            monkeypatch.setenv(name, value)
        yield emulator


@pytest.fixture
def worker(prefect_server: Any, set_up: Any, emulator: Emulator, tmp_path: Path) -> Iterator[None]:
    """One worker of the pool, in a folder of its own."""
    process = subprocess.Popen(
        [sys.executable, "-m", "prefect", "worker", "start", "--pool", "wan-video"],
        env={**os.environ, **prefect_server.environment, "PREFECT_WORKER_QUERY_SECONDS": "1",
             **{name: os.environ[name] for name in environment(emulator, tmp_path / "out")}},
        cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    yield
    process.kill()
    process.wait()


@pytest.mark.timeout(280)
def test_shots_made_by_runs_of_their_own_are_the_same_clips(worker: None, emulator: Emulator) -> None:
    spread = run(storyboard, board=BOARD, run="deployments")

    assert spread.name == "Completed", spread.message
    assert emulator.ledger()["accepted"] == 3

    here = run(storyboard, board=BOARD, run="inline")

    assert here.data.result["keys"] == spread.data.result["keys"]
    assert emulator.ledger()["accepted"] == 3

    failing = {"id": "bad", "prompt": "A storm [[emulator: fail=DataInspectionFailed]]", **PLAIN}
    # A signature does not travel, so this one is sent from here; nobody answers under that address.
    link = "http://127.0.0.1:1/rain.wav?Expires=1&Signature=canary"
    signed = {"id": "signed", "prompt": "Rain", **PLAIN, "model": "wan2.6-t2v-us", "audio_url": link}
    shots = [failing, signed, *BOARD["shots"]]
    failed = run(storyboard, board={**BOARD, "shots": shots}, run="deployments")

    told = failed.data.result
    made = {"a": "delivered", "b": "delivered", "c": "delivered"}
    assert told["shots"] == {"bad": "failed", "signed": "failed", **made}
    assert "DataInspectionFailed" in told["reasons"]["bad"]
    assert "--retry-failed" in told["commands"]["bad"]
    assert told["cost"]["bought"] == "0.00"
    assert float(told["cost"]["paid_before"]) > 0
