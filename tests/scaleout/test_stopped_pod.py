"""What a pod or an ECS task runs, told to stop while a create is under way: `prefect flow-run execute`, as the job
templates start it, SIGTERM to its first process, and a second pod for the same run."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest
from emulatedrun import environment, fast_emulator
from manymachines import process
from waiting import until

pytestmark = [pytest.mark.scaleout, pytest.mark.timeout(400)]

ROOT = Path(__file__).parents[2]
# Prefect kills a run that is told to stop after so long, whatever its pod is granted.
PREFECT_GRACE_S = 30


@pytest.mark.parametrize(
    ("answer_s", "written_down"), [(8, True), (PREFECT_GRACE_S + 15, False)], ids=["answered", "killed first"]
)
def test_a_pod_that_stops_during_a_purchase_leaves_it_to_the_next_pod_which_buys_nothing(
    answer_s: float, written_down: bool, tmp_path: Path, prefect_server: Any, prefect_api: httpx.Client
) -> None:
    setup = [sys.executable, "-c", "from flows.cli import main; main()", "setup", "--no-key"]
    subprocess.run(setup, cwd=ROOT, env={**os.environ, **prefect_server.environment}, check=True)
    deployment = prefect_api.get("deployments/name/generate-video/generate-video").json()["id"]
    request = {"prompt": f"Boat {answer_s}", "model": "wan2.2-t2v-plus", "size": "832*480"}
    run = prefect_api.post(f"deployments/{deployment}/create_flow_run", json={"parameters": request}).json()[
        "id"
    ]

    with fast_emulator() as emulator:
        emulator.fault("latency", route="create", seconds=answer_s)
        machine = {
            **os.environ,
            **prefect_server.environment,
            **environment(emulator, tmp_path / "out"),
            "PREFECT__FLOW_RUN_ID": run,
            "PREFECT_FLOW_RUN_EXECUTE_SIGTERM_BEHAVIOR": "reschedule",
            # A create may take eight tenths of half a lease and this.
            "WAN_VIDEO_LEASE_S": "10",
            "WAN_VIDEO_RECONCILE_GRACE_S": "90",
        }
        with process(_execute(), tmp_path / "first.log", machine, cwd=ROOT) as first:
            until(lambda: _count(tmp_path, "intent.json") == 1, "the create is under way", 120)
            first.terminate()
            assert first.wait(PREFECT_GRACE_S + 30) == 0, (tmp_path / "first.log").read_text()

        assert _state(prefect_api, run) == "AwaitingRetry"
        assert _count(tmp_path, "receipt.json") == written_down
        with process(_execute(), tmp_path / "second.log", machine, cwd=ROOT) as second:
            assert second.wait(200) == 0, (tmp_path / "second.log").read_text()

        assert _state(prefect_api, run) == "Reattached"
        ledger = emulator.ledger()
        assert (ledger["accepted"], len(ledger["billed"])) == (1, 1)
        assert _count(tmp_path, "*.mp4") == 1


def _execute() -> list[str]:
    return [sys.executable, "-m", "prefect", "flow-run", "execute"]


def _count(folder: Path, name: str) -> int:
    return len(list(folder.glob(f"out/**/{name}")))


def _state(api: httpx.Client, run: str) -> str:
    return api.get(f"flow_runs/{run}").raise_for_status().json()["state"]["name"]
