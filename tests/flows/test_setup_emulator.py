"""`wan-video setup --emulator`: deployments for the stand-in beside the real ones, and nothing left of them."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from emulatedrun import stop_shared_emulator

from flows.cli import run
from footage.emulated_environment import state_folder

pytestmark = pytest.mark.filterwarnings("default::DeprecationWarning", "ignore:unclosed:ResourceWarning")

EMULATED = "deployments/name/generate-video/emulated"
REAL_KEY = "sk-4ea14ea14ea14ea14ea14ea14e"


@pytest.fixture
def emulated_set_up(
    set_up: Any,
    run_setup_again: Any,
    prefect_api: httpx.Client,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Any]:
    monkeypatch.setenv("OUTPUT_DIR", str(tmp_path / "out"))
    yield run_setup_again(set_up.clone, "--emulator", key=None)
    if prefect_api.get(EMULATED).status_code == 200:
        run_setup_again(set_up.clone, "--emulator", "--remove", key=None)
    stop_shared_emulator(state_folder(str(tmp_path / "out" / "emulated")))


@pytest.fixture
def worker(prefect_server: Any, tmp_path: Path) -> Iterator[None]:
    """A worker of somebody who has a real key and real output."""
    process = subprocess.Popen(
        [sys.executable, "-m", "prefect", "worker", "start", "--pool", "wan-video"],
        env={
            **prefect_server.environment,
            "PREFECT_WORKER_QUERY_SECONDS": "1",
            "DASHSCOPE_API_KEY": REAL_KEY,
            "OUTPUT_DIR": str(tmp_path / "out"),
        },
        cwd=tmp_path,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    yield
    process.kill()
    process.wait()


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_a_deployed_run_works_with_the_stand_in_and_remove_leaves_nothing(
    emulated_set_up: Any,
    worker: None,
    prefect_api: httpx.Client,
    run_setup_again: Any,
    tmp_path: Path,
) -> None:
    deployments = emulated_set_up.became("deployment")
    assert set(deployments.values()) == {"made"}
    assert {name.split("/")[1] for name in deployments} == {"emulated"}
    assert emulated_set_up.became("credentials") == {}

    deployment = prefect_api.get(EMULATED).json()
    request = {"prompt": "A paper boat", "model": "wan2.2-t2v-plus", "size": "832*480", "duration": 5}
    created = prefect_api.post(
        f"deployments/{deployment['id']}/create_flow_run", json={"parameters": request}
    ).json()
    run = _ended(prefect_api, created["id"])

    assert run["state"]["name"] == "Completed", run["state"]
    (clip,) = (tmp_path / "out" / "emulated").rglob("videos/*[0-9a-f].mp4")
    # A harvest of the real deployments may come by its schedule, and finds nothing.
    (receipt,) = (tmp_path / "out").rglob("receipt.json")
    assert receipt.is_relative_to(tmp_path / "out" / "emulated")
    assert json.loads(receipt.read_text())["endpoint"].startswith("http://127.0.0.1:")
    assert clip.stat().st_size

    # What waits for a worker must not be run against the provider one day.
    waiting = prefect_api.post(
        f"deployments/{deployment['id']}/create_flow_run",
        json={
            "parameters": request,
            "state": {"type": "SCHEDULED", "state_details": {"scheduled_time": "2099-01-01T00:00:00Z"}},
        },
    ).json()
    removed = run_setup_again(Path.cwd(), "--emulator", "--remove", key=None)

    assert set(removed.became("deployment").values()) == {"removed"}
    assert prefect_api.get(EMULATED).status_code == 404
    assert prefect_api.get(f"flow_runs/{waiting['id']}").status_code == 404
    names = [one["name"] for one in prefect_api.post("automations/filter", json={}).json()]
    assert not [name for name in names if "emulated" in name]
    assert not (tmp_path / "out" / "emulated").exists()
    assert prefect_api.get("deployments/name/generate-video/generate-video").status_code == 200


def _ended(api: httpx.Client, run_id: str) -> dict[str, Any]:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        run = api.get(f"flow_runs/{run_id}").json()
        if run["state"]["type"] in ("COMPLETED", "FAILED", "CRASHED", "CANCELLED"):
            return run
        time.sleep(0.5)
    raise AssertionError(f"the run did not end: {run['state']}")


def test_only_what_emulator_made_can_be_removed(capsys: pytest.CaptureFixture[str]) -> None:
    from flows.cli import run

    assert run(["setup", "--remove"]) == 2
    assert "--emulator --remove" in capsys.readouterr().err


def test_no_block_of_a_key_is_made_for_the_stand_in(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["setup", "--emulator", "--credentials-block", "mine"]) == 2

    assert "credentials_block" in capsys.readouterr().err
