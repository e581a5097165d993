"""A board whose shots are made by workers that the provider does not answer: what is bought decides how it ends."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from emulatedrun import environment, fast_emulator
from records import INTENT

from flows.cli import run
from footage.context import open_context
from footage.emulator import Emulator
from footage.evidence.clip_evidence import ClipEvidence

# Third parties' warnings inside a run of ours.
pytestmark = pytest.mark.filterwarnings("default::DeprecationWarning", "default::ResourceWarning")

SHOT = {"id": "a", "prompt": "Nobody hears of it", "model": "wanx2.1-t2v-turbo", "size": "832*480"}


@pytest.fixture
def emulator(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, set_up: Any) -> Iterator[Emulator]:
    with fast_emulator() as emulator:
        for name, value in environment(emulator, tmp_path / "out").items():
            monkeypatch.setenv(name, value)
        yield emulator


@contextmanager
def worker(api: httpx.Client, *, books: bool) -> Generator[None]:
    """Within this block somebody takes the first run of a shot, and ends it as one that nobody answered."""

    def work() -> None:
        deadline_s = time.monotonic() + 90
        while time.monotonic() < deadline_s:
            wanted = {"flows": {"name": {"any_": ["generate-videos"]}}, "sort": "EXPECTED_START_TIME_DESC"}
            for child in api.post("flow_runs/filter", json=wanted).raise_for_status().json():
                if child["state_type"] == "SCHEDULED":
                    if books:
                        key = child["parameters"]["requests"][0]["key"]
                        ClipEvidence(open_context().store, key).write_intent(
                            INTENT.model_copy(update={"key": key, "model": SHOT["model"]})
                        )
                    ended = {"type": "FAILED", "name": "Unreachable", "message": "No answer."}
                    api.post(f"flow_runs/{child['id']}/set_state", json={"state": ended, "force": True})
                    return
            time.sleep(0.2)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        thread.join()


@pytest.mark.parametrize(
    ("books", "code"),
    [pytest.param(False, 8, id="nothing was bought"), pytest.param(True, 5, id="it may have been bought")],
)
def test_workers_that_nothing_answered_end_a_board_as_its_evidence_says(
    books: bool,
    code: int,
    emulator: Emulator,
    prefect_api: httpx.Client,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    board = tmp_path / "board.json"
    board.write_text(
        json.dumps({"schema": "wan-video/storyboard/1", "title": "Over workers", "shots": [SHOT]})
    )

    with worker(prefect_api, books=books):
        ended = run(["storyboard", str(board), "--run", "deployments", "--json"])

    told = capsys.readouterr()
    assert ended == code, told.err
    assert json.loads(told.out)["shots"] == {"a": "unfinished"}
    assert emulator.ledger()["creates"] == 0
