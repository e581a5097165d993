"""Several machines: PostgreSQL, Redis, a split Prefect server, three workers, one S3 store; and one of the
workers loses power in the middle of its clips, or is a pod that is told to stop and killed soon after."""

import asyncio
import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from emulatedrun import environment
from manymachines import (
    descendants,
    kill_machine,
    postgres,
    prefect_of_many,
    process,
    redis,
    stop_pod,
)
from seaweed import seaweed
from waiting import until

from footage.emulator import Emulator

pytestmark = [pytest.mark.scaleout, pytest.mark.timeout(900)]

ROOT = Path(__file__).parents[2]
CLIPS = 6
GENERATION_S = 3600
# The shortest heartbeat that Prefect has, and three of them.
BEAT_S, SILENCE_S = 30, 95


def power_is_lost(worker: subprocess.Popen[bytes]) -> None:
    kill_machine(worker)


def pod_is_stopped(worker: subprocess.Popen[bytes]) -> None:
    stop_pod(worker, grace_s=5)


@pytest.mark.parametrize("goes_away", [power_is_lost, pod_is_stopped])
def test_a_worker_that_goes_away_loses_no_clip_and_none_is_bought_twice(
    goes_away: Callable[[subprocess.Popen[bytes]], None], tmp_path: Path
) -> None:
    with contextlib.ExitStack() as stack:
        database_url, redis_url = (
            stack.enter_context(postgres(tmp_path)),
            stack.enter_context(redis(tmp_path)),
        )
        url = stack.enter_context(prefect_of_many(tmp_path, database_url, redis_url))
        store = _shared_store(stack.enter_context(seaweed(_folder(tmp_path, "s3"))))
        # No clip is done before its worker is killed, however slow the machine; then the clock jumps.
        emulator = stack.enter_context(
            Emulator(speed=1, rate_limits=False, concurrency=100, render="tiny", generation_s=GENERATION_S)
        )
        machine = {**os.environ, "PREFECT_API_URL": url, **environment(emulator, ""), **store}
        _set_up(machine, url)
        api = stack.enter_context(httpx.Client(base_url=f"{url}/", timeout=60))
        names = ("one", "two", "three")
        workers = {name: stack.enter_context(_worker(tmp_path, name, machine)) for name in names}

        runs = [_order(api, number) for number in range(CLIPS)]
        until(lambda: emulator.ledger()["accepted"] == CLIPS, "every clip is bought", 180)
        taken = {name: _runs_of(workers[name], api, runs) for name in names}
        victim = max(names, key=lambda name: len(taken[name]))
        lost = taken[victim]
        assert lost, f"no worker has a run: {taken}"
        goes_away(workers[victim])
        emulator.advance(2 * GENERATION_S)
        began = time.monotonic()
        until(lambda: _all_final(api, runs), "every run has ended", 480)

        ends = {run: _state(api, run) for run in runs}
        print(
            f"{CLIPS} runs, {len(lost)} of the killed worker, all ended {time.monotonic() - began:.0f} s later: {ends}"
        )
        assert {kind for kind, _, _ in ends.values()} == {"COMPLETED"}
        # Cached: a harvest whose quarter of an hour has come on another worker was quicker than the second start.
        assert {ends[run][1] for run in lost} <= {"Reattached", "Cached"}
        assert all(ends[run][2] == 2 for run in lost), "started a second time"
        ledger = emulator.ledger()
        assert (ledger["accepted"], len(ledger["billed"])) == (CLIPS, CLIPS), "bought once each"
        assert _videos(store) == CLIPS


def _folder(parent: Path, name: str) -> Path:
    (parent / name).mkdir()
    return parent / name


def _shared_store(options: dict[str, Any]) -> dict[str, str]:
    return {"OUTPUT_DIR": "s3://bucket/films", "WAN_VIDEO_STORAGE_OPTIONS": json.dumps(options)}


def _set_up(machine: dict[str, str], url: str) -> None:
    """`wan-video setup`, and automations as patient as the test can be."""
    from prefect.client.orchestration import get_client
    from prefect.settings import PREFECT_API_URL, temporary_settings

    from flows.cli.provisioning.automations import automations, make_automations

    command = [sys.executable, "-c", "from flows.cli import main; main()", "setup", "--no-key"]
    subprocess.run(command, env=machine, cwd=ROOT, check=True, capture_output=True)

    async def hurry() -> None:
        async with get_client() as client:
            await make_automations(client, automations(silence=timedelta(seconds=SILENCE_S)))

    with temporary_settings({PREFECT_API_URL: url}):
        asyncio.run(hurry())


def _worker(folder: Path, name: str, machine: dict[str, str]) -> Any:
    home = _folder(folder, name)
    command = [sys.executable, "-m", "prefect", "worker", "start", "--pool", "wan-video", "--name", name]
    settings = {"PREFECT_HOME": str(home), "PREFECT_WORKER_QUERY_SECONDS": "2", "WAN_VIDEO_LEASE_S": "10"}
    return process(command, folder / f"{name}.log", {**machine, **settings}, cwd=home)


def _order(api: httpx.Client, number: int) -> str:
    deployment = api.get("deployments/name/generate-video/generate-video").raise_for_status().json()
    beat = {**deployment["job_variables"]["env"], "PREFECT_FLOWS_HEARTBEAT_FREQUENCY": str(BEAT_S)}
    request = {"prompt": f"Boat {number}", "model": "wan2.2-t2v-plus", "size": "832*480"}
    answer = api.post(
        f"deployments/{deployment['id']}/create_flow_run",
        json={"parameters": request, "job_variables": {"env": beat}},
    )
    return str(answer.raise_for_status().json()["id"])


def _state(api: httpx.Client, run: str) -> tuple[str, str, int]:
    found = api.get(f"flow_runs/{run}").raise_for_status().json()
    return found["state"]["type"], found["state"]["name"], found["run_count"]


def _all_final(api: httpx.Client, runs: list[str]) -> bool:
    # A crash is not the end: the automation comes after it.
    return all(_state(api, run)[0] in ("COMPLETED", "FAILED", "CANCELLED") for run in runs)


def _runs_of(worker: subprocess.Popen[bytes], api: httpx.Client, runs: list[str]) -> list[str]:
    """The runs whose processes are children of the worker's."""
    children = {str(pid) for pid in descendants(worker.pid)}
    pids = {run: api.get(f"flow_runs/{run}").json()["infrastructure_pid"] for run in runs}
    return [run for run, pid in pids.items() if str(pid).rsplit(":", 1)[-1] in children]


def _videos(store: dict[str, str]) -> int:
    from footage.storage import open_store

    options = json.loads(store["WAN_VIDEO_STORAGE_OPTIONS"])
    base = f"{store['OUTPUT_DIR']}/alicloud-ai-video-wan-video"
    return len([path for path in open_store(base, options).list("videos") if path.endswith(".mp4")])
