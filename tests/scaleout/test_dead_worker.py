"""A worker that is killed, then `wan-video setup` and a restart of the server in every order: its run comes back."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from emulatedrun import environment
from manymachines import descendants, kill_machine, process
from waiting import until

from footage.emulator import Emulator

pytestmark = [pytest.mark.crashes, pytest.mark.timeout(1200)]

ORDERS = ((), ("setup",), ("restart",), ("setup", "restart"), ("restart", "setup"))
GENERATION_S = 3600
# Without a beat for so long a run is crashed; harvest looks for those that nobody watches any more.
SILENCE_S = 180.0
WITHIN_S = 300.0
AFTER_HARVEST_S = 180.0


class Patient(httpx.Client):
    """Asks again while the server has no time."""

    def send(self, request: httpx.Request, **more: Any) -> httpx.Response:
        for _ in range(30):
            with contextlib.suppress(httpx.TransportError):
                answer = super().send(request, **more)
                if answer.status_code != 503:
                    return answer
            time.sleep(1)
        raise AssertionError(f"no answer to {request.method} {request.url}")


class Operator:
    """One home with its own server, its commands and its API."""

    def __init__(self, folder: Path, emulator: Emulator) -> None:
        self.home = folder
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")},
            **environment(emulator, folder / "out"),
            "HOME": str(folder),
            "PREFECT_PROFILE": "wan-video",
        }

    def run(self, *words: str) -> str:
        """`wan-video WORDS`; what it printed on stdout."""
        command = [sys.executable, "-c", "from flows.cli import main; main()", *words]
        unprofiled = {name: value for name, value in self.environment.items() if name != "PREFECT_PROFILE"}
        done = subprocess.run(command, env=unprofiled, cwd=self.home, capture_output=True, text=True)
        assert done.returncode == 0, f"{words} ended with {done.returncode}:\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def api(self) -> httpx.Client:
        told = re.search(r"(http://\S+)\s+log in with: (\S+?):(\S+)", self.run("server"))
        assert told is not None
        # SQLite answers 503 where two writes meet.
        return Patient(base_url=f"{told[1]}/api/", auth=(told[2], told[3]), timeout=60)

    def worker(self, name: str) -> Any:
        command = [sys.executable, "-m", "prefect", "worker", "start", "--pool", "wan-video", "--name", name]
        return process(command, self.home / f"{name}.log", self.environment, cwd=self.home)

    def restart(self) -> None:
        self.run("server", "stop")
        self.run("server", "start")


def order(api: httpx.Client, name: str, parameters: dict[str, Any]) -> str:
    deployment = api.get(f"deployments/name/{name}").raise_for_status().json()
    asked = api.post(f"deployments/{deployment['id']}/create_flow_run", json={"parameters": parameters})
    return str(asked.raise_for_status().json()["id"])


def comes_back(folder: Path, steps: tuple[str, ...]) -> str:
    """What became of a run whose worker was killed before these steps; within how many seconds."""
    folder.mkdir()
    with contextlib.ExitStack() as stack:
        emulator = stack.enter_context(
            Emulator(speed=1, rate_limits=False, concurrency=9, render="tiny", generation_s=GENERATION_S)
        )
        operator = Operator(folder, emulator)
        stack.callback(operator.run, "server", "stop")
        operator.run("setup", "--no-key")
        worker = stack.enter_context(operator.worker("first"))
        with operator.api() as api:
            request = {"prompt": "A boat", "model": "wan2.2-t2v-plus", "size": "832*480"}
            run = order(api, "generate-video/generate-video", request)
            until(lambda: emulator.ledger()["accepted"] == 1, "the clip is bought", 180)
            # A run that never beat is not watched.
            until(lambda: _beats(api, run), "the run has beaten", 120)
        assert descendants(worker.pid)
        kill_machine(worker)
        killed_s = time.monotonic()
        emulator.advance(2 * GENERATION_S)
        for step in steps:
            operator.run("setup", "--no-key") if step == "setup" else operator.restart()
        stack.enter_context(operator.worker("second"))
        with operator.api() as api:
            since, within_s = "the kill", WITHIN_S
            if "restart" in steps:
                # What the server forgot is seen by the harvests of the schedule: silent by the first, not started
                # again by one of the next.
                for silent_s in (SILENCE_S + 5, SILENCE_S + 140):
                    until(lambda s=silent_s: time.monotonic() - killed_s > s, "the run is silent", 600)
                    order(api, "harvest/harvest", {"wait_s": 1})
                since, within_s, killed_s = "the harvest", AFTER_HARVEST_S, time.monotonic()
            until(lambda: _state(api, run)["type"] == "COMPLETED", f"the run is done after {steps}", 600)
            seconds, found = time.monotonic() - killed_s, _state(api, run)
        ledger = emulator.ledger()
        assert (ledger["accepted"], len(ledger["billed"])) == (1, 1), "bought once"
        assert seconds < within_s, f"{seconds:.0f} s after {since} and {steps}"
        return f"{' then '.join(steps) or 'nothing'}: {found['name']} {seconds:.0f} s after {since}"


def _beats(api: httpx.Client, run: str) -> bool:
    wanted = {
        "event": {"name": ["prefect.flow-run.heartbeat"]},
        "resource": {"id": [f"prefect.flow-run.{run}"]},
    }
    return bool(api.post("events/filter", json={"filter": wanted}).json()["events"])


def _state(api: httpx.Client, run: str) -> dict[str, Any]:
    return api.get(f"flow_runs/{run}").json()["state"]


def test_a_run_whose_worker_was_killed_comes_back_whatever_the_operator_does_next(tmp_path: Path) -> None:
    with ThreadPoolExecutor(len(ORDERS)) as operators:
        asked = [operators.submit(comes_back, tmp_path / str(at), steps) for at, steps in enumerate(ORDERS)]

    for told in asked:
        print(told.result())
