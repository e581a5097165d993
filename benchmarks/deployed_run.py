"""What a deployed run takes beside its work: until its process starts, its flow begins, a task begins.

A server of its own on an empty SQLite file and one worker with Prefect's defaults; runs of `generate-video` whose clip
is stored already, in turns with those of a flow with one empty task. What a stored clip takes inside of a running flow
is the difference between a batch of one and one of many, by the number of clips. RUNS=5 CLIPS=100 for other numbers.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import statistics
import sys
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import psutil

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "support"))

from manymachines import descendants, process

RUNS, CLIPS = int(os.environ.get("RUNS", "5")), int(os.environ.get("CLIPS", "100"))
REQUEST = {"prompt": "A paper boat sails down a rainy street", "model": "wan2.2-t2v-plus", "size": "832*480"}
# What Prefect itself takes: a flow with one task that does nothing.
EMPTY = """\
from prefect import flow, task


@task
def nothing() -> None: ...


@flow(name="empty")
def empty() -> None:
    nothing()
"""
STAGES = (
    "until a worker started its process",
    "until its flow was loaded and ran",
    "until its first task ran",
    "until it ended",
)


def main() -> None:
    folder = Path(tempfile.mkdtemp(prefix="deployed-run-"))
    os.environ |= {
        "PREFECT_HOME": str(folder / "prefect"),
        "OUTPUT_DIR": str(folder / "output"),
        "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "ERROR",
        # Where the machine is busy, SQLite takes its time.
        "PREFECT_API_DATABASE_TIMEOUT": "60",
    }
    os.environ.pop("PREFECT_API_URL", None)
    (folder / "empty.py").write_text(EMPTY)
    from flows.cli import run
    from flows.cli.local_server import stop_local_server
    from flows.cli.server_address import prefect_server
    from footage.emulator import Emulator

    with Emulator(
        speed=600, rate_limits=False, concurrency=1000, queue_limit=1000, render="tiny"
    ) as emulator:
        os.environ |= {"DASHSCOPE_HTTP_BASE_URL": emulator.base_url, "DASHSCOPE_API_KEY": emulator.api_key}
        try:
            with prefect_server():
                assert run(["setup", "--no-key"]) == 0
                asyncio.run(_deploy_empty(folder))
                with _api() as api:
                    _measure(api, folder)
        finally:
            stop_local_server()


def _measure(api: httpx.Client, folder: Path) -> None:
    command = [sys.executable, "-m", "prefect", "worker", "start", "--pool", "wan-video"]
    with process(command, folder / "worker.log", dict(os.environ)) as worker, _Births(worker.pid) as births:
        clips = [
            {**REQUEST, "prompt": f"{REQUEST['prompt']}, number {number}"} for number in range(CLIPS + 1)
        ]
        # Makes them; and who comes first waits for what is compiled and cached.
        _ended(api, "generate-videos", {"requests": clips})
        _ended(api, "generate-video", REQUEST)
        _ended(api, "empty", {})
        stages: dict[str, list[list[float]]] = defaultdict(list)
        for _ in range(RUNS):
            for name, parameters in (("empty", {}), ("generate-video", REQUEST)):
                stages[name].append(_stages(api, _ended(api, name, parameters), births))
        print(f"| seconds, medians of {RUNS} | {' | '.join(stages)} |\n| --- | ---: | ---: |")
        for number, stage in enumerate((*STAGES, "together")):
            medians = [
                statistics.median([*one, sum(one)][number] for one in each) for each in stages.values()
            ]
            print(f"| {stage} | {' | '.join(f'{median:.2f}' for median in medians)} |")
        few, many = (
            statistics.median(
                _length_s(_ended(api, "generate-videos", {"requests": part})) for _ in range(RUNS)
            )
            for part in (clips[:1], clips)
        )
        print(f"\na stored clip inside of a running flow: {(many - few) / CLIPS:.3f} s")


class _Births:
    """Notes when each process below another one began: the run that it carries out, and seconds since 1970."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self.of_run: dict[str, float] = {}
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look)

    def __enter__(self) -> _Births:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._over.wait(0.1):
            for pid in descendants(self._pid):
                with contextlib.suppress(psutil.Error):
                    born = psutil.Process(pid)
                    if run := born.environ().get("PREFECT__FLOW_RUN_ID"):
                        began = born.create_time()
                        self.of_run[run] = min(began, self.of_run.get(run, began))


def _stages(api: httpx.Client, run: dict[str, Any], births: _Births) -> list[float]:
    tasks: list[dict[str, Any]] = []
    # The server writes down what tasks did a little later.
    while not tasks:
        body = {"flow_runs": {"id": {"any_": [run["id"]]}}}
        tasks = api.post("task_runs/filter", json=body).raise_for_status().json()
        tasks = [task for task in tasks if task["start_time"]]
        time.sleep(0.2)
    moments = (
        _seconds(run["created"]),
        births.of_run[run["id"]],
        _seconds(run["start_time"]),
        min(_seconds(task["start_time"]) for task in tasks),
        _seconds(run["end_time"]),
    )
    return [after - before for before, after in itertools.pairwise(moments)]


def _length_s(run: dict[str, Any]) -> float:
    return _seconds(run["end_time"]) - _seconds(run["start_time"])


def _ended(api: httpx.Client, name: str, parameters: dict[str, Any]) -> dict[str, Any]:
    """Order a run and wait for its end."""
    deployment = api.get(f"deployments/name/{name}/{name}").raise_for_status().json()["id"]
    path = f"deployments/{deployment}/create_flow_run"
    # SQLite may be busy with what the run before did.
    while (ordered := api.post(path, json={"parameters": parameters})).status_code == 503:
        time.sleep(1)
    run = ordered.raise_for_status().json()
    while run["state"]["type"] not in ("COMPLETED", "FAILED", "CRASHED"):
        time.sleep(0.5)
        run = api.get(f"flow_runs/{run['id']}").raise_for_status().json()
    assert run["state"]["type"] == "COMPLETED", run["state"]["message"]
    return run


async def _deploy_empty(folder: Path) -> None:
    from prefect.client.orchestration import get_client

    async with get_client() as client:
        flow = await client.create_flow_from_name("empty")
        await client.create_deployment(
            flow, "empty", work_pool_name="wan-video", path=str(folder), entrypoint="empty.py:empty"
        )


@contextlib.contextmanager
def _api() -> Iterator[httpx.Client]:
    from prefect.settings import get_current_settings

    settings = get_current_settings()
    login = settings.api.auth_string
    auth = tuple(login.get_secret_value().split(":", 1)) if login else None
    with httpx.Client(base_url=f"{settings.api.url}/", auth=auth, timeout=300) as api:  # type: ignore[arg-type]
        yield api


def _seconds(moment: str) -> float:
    return datetime.fromisoformat(moment).timestamp()


if __name__ == "__main__":
    main()
