"""The same proof through Prefect: `generate-videos` in chunks, several workers, PostgreSQL and Redis behind the server.

A run's process is killed now and then, and from 1,000 clips on a whole worker with all that it runs, once. The
automations of `wan-video setup` start again what was killed; what ends as Incomplete is asked for again, as a person
would do it.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import through_core
from books import ACCOUNTS, Proof, compare, emulator_of, evidence_bytes, prompt_of, sealed_tasks
from processes import parent, tree_cpu_s

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "support")]

from emulatedrun import environment
from manymachines import descendants, kill_machine, postgres, prefect_of_many, process, redis

from footage.emulator import Emulator

MODEL, SIZE = "wan2.2-t2v-plus", "832*480"
# The shortest heartbeat that Prefect has, and three of them.
BEAT_S, SILENCE_S = "30", 95
# Of ten chunks so many are killed.
KILLED_IN_TEN = 2
ASKED_AGAIN = 3
PATIENCE_S = 7200.0


@dataclass
class PrefectProof(Proof):
    """Beside the books: what the server and its database take."""

    server_cpu_s: float = 0.0
    rows: int = 0
    database_bytes: int = 0

    def per_clip(self) -> dict[str, float]:
        made = max(1, self.delivered)
        return {
            "CPU s of workers a clip": self.cpu_s / made,
            "CPU s of server and database a clip": self.server_cpu_s / made,
            "memory of a run, MB": self.memory_mb,
            "Prefect's rows a clip": self.rows / made,
            "Prefect's bytes a clip": self.database_bytes / made,
            "bytes of evidence a clip": self.store_bytes / made,
        }


@dataclass
class _Workers:
    """Worker processes that are replaced when they are killed; what they and their runs took."""

    folder: Path
    machine: dict[str, str]
    stack: contextlib.ExitStack
    running: list[subprocess.Popen[bytes]] = field(default_factory=list["subprocess.Popen[bytes]"])
    memory_mb: float = 0.0
    started: int = 0
    # Of workers that are gone.
    cpu_s: float = 0.0

    def start(self) -> None:
        self.started += 1
        name = f"worker-{self.started}"
        home = self.folder / name
        home.mkdir()
        command = [sys.executable, "-m", "prefect", "worker", "start", "--pool", "wan-video", "--name", name]
        settings = {"PREFECT_HOME": str(home), "PREFECT_WORKER_QUERY_SECONDS": "2"}
        worker = process(
            [*command, "--limit", "1"], self.folder / f"{name}.log", self.machine | settings, cwd=home
        )
        self.running.append(self.stack.enter_context(worker))

    def kill_a_run(self, chance: random.Random) -> bool:
        """kill -9 for the process of a run, if one runs."""
        runs = [pid for worker in self.running for pid in _runs_of(worker)]
        if not runs:
            return False
        with contextlib.suppress(ProcessLookupError):
            os.kill(chance.choice(runs), signal.SIGKILL)
        return True

    def kill_a_worker(self, chance: random.Random) -> None:
        """kill -9 for a worker and all its children; another one takes its place."""
        worker = chance.choice(self.running)
        self.cpu_s += tree_cpu_s(worker.pid)
        kill_machine(worker)
        self.running.remove(worker)
        self.start()

    def look(self) -> None:
        """Note the most memory that a run's process had so far."""
        for worker in self.running:
            for pid in _runs_of(worker):
                with contextlib.suppress(OSError, StopIteration, ValueError):
                    status = Path(f"/proc/{pid}/status").read_text().splitlines()
                    peak = next(line for line in status if line.startswith("VmHWM"))
                    self.memory_mb = max(self.memory_mb, int(peak.split()[1]) / 1024)

    def spent_s(self) -> float:
        return self.cpu_s + sum(tree_cpu_s(worker.pid) for worker in self.running)


def prove(
    size: int,
    workers: int,
    chunk: int,
    chance: random.Random,
    folder: Path,
    first: int = 0,
    after: int = 0,
) -> PrefectProof:
    """Make `size` clips through deployed runs, after `after` older ones through the core, and compare."""
    proof = PrefectProof(size)
    prompts = [prompt_of(number) for number in range(first, first + size)]
    with contextlib.ExitStack() as stack:
        emulator = stack.enter_context(emulator_of(folder / "provider"))
        older = [prompt_of(number) for number in range(first + size, first + size + after)]
        through_core.make(older, workers, chunk, emulator, folder, through_core.CoreProof(after), kills={})
        older_bytes = evidence_bytes(folder / "output")
        began = time.monotonic()
        database_url, redis_url = stack.enter_context(postgres(folder)), stack.enter_context(redis(folder))
        url = stack.enter_context(prefect_of_many(folder, database_url, redis_url))
        machine = os.environ | {
            "PREFECT_API_URL": url,
            "WAN_VIDEO_LEASE_S": "10",
            "WAN_VIDEO_INPUT_ROOTS": json.dumps([str(folder)]),
            **environment(emulator, folder / "output", ACCOUNTS[0]),
        }
        # These are for tests with a few clips; a thousand that wait share one pace.
        for name in ("POLL_MIN_S", "POLL_MAX_S", "SUBMIT_PATIENCE_S"):
            machine.pop(f"WAN_VIDEO_{name}", None)
        _set_up(machine, url)
        crew = _Workers(folder, machine, stack)
        for _ in range(workers):
            crew.start()
        with httpx.Client(base_url=f"{url}/", timeout=60) as api:
            files = [
                _chunk_file(folder, number, prompts[number : number + chunk])
                for number in range(0, size, chunk)
            ]
            kills = _Kills(proof, crew, emulator, chance, len(files))
            with kills:
                _await_all(api, files)
            _await_recorder(database_url)
        proof.cpu_s, proof.memory_mb = crew.spent_s(), crew.memory_mb
        proof.server_cpu_s = sum(tree_cpu_s(pid) for pid in _children() if pid not in _own(crew, emulator))
        proof.rows, proof.database_bytes = asyncio.run(_database_size(database_url))
        ends = _ends(folder / "output", prompts)
        compare(proof, prompts, ends, emulator.ledger()["tasks"], sealed_tasks(folder / "output"))
    proof.wall_s = time.monotonic() - began
    proof.store_bytes = evidence_bytes(folder / "output") - older_bytes
    return proof


class _Kills:
    """A thread that kills as the provider's books fill, so that kills fall on all parts of the work."""

    def __init__(
        self, proof: Proof, crew: _Workers, emulator: Emulator, chance: random.Random, chunks: int
    ) -> None:
        self._proof = proof
        self._crew = crew
        self._emulator = emulator
        self._chance = chance
        count = max(1, chunks * KILLED_IN_TEN // 10)
        before = emulator.health()["accepted"]
        self._moments = sorted(before + chance.uniform(0.02, 0.95) * proof.size for _ in range(count))
        self._power_lost_at = before + proof.size * 0.4 if proof.size >= 1000 else None
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._over.wait(1.0):
            self._crew.look()
            accepted = self._emulator.health()["accepted"]
            if self._power_lost_at is not None and accepted >= self._power_lost_at:
                self._power_lost_at = None
                self._crew.kill_a_worker(self._chance)
                self._proof.kills += 1
            if self._moments and accepted >= self._moments[0] and self._crew.kill_a_run(self._chance):
                self._moments.pop(0)
                self._proof.kills += 1


def _set_up(machine: dict[str, str], url: str) -> None:
    """`wan-video setup`, a block for the key of each account, and automations as patient as they can be."""
    from prefect.client.orchestration import get_client
    from prefect.settings import PREFECT_API_URL, temporary_settings

    from blocks.credentials import DashScopeCredentials
    from flows.cli.provisioning.automations import automations, make_automations

    command = [sys.executable, "-c", "from flows.cli import main; main()", "setup", "--no-key"]
    subprocess.run(command, env=machine, cwd=ROOT, check=True, capture_output=True)

    async def provide() -> None:
        async with get_client() as client:
            await make_automations(client, automations(silence=timedelta(seconds=SILENCE_S)))
        for number, key in enumerate(ACCOUNTS, 1):
            block = DashScopeCredentials.model_validate({"api_key": key, "account": f"account-{number}"})
            saved: Any = block.save(f"account-{number}")
            await saved

    with temporary_settings({PREFECT_API_URL: url}):
        asyncio.run(provide())


def _chunk_file(folder: Path, number: int, prompts: list[str]) -> Path:
    file = folder / f"chunk-{number:06}.jsonl"
    lines = [
        {"id": f"clip-{clip}", "prompt": prompt, "model": MODEL, "size": SIZE}
        for clip, prompt in enumerate(prompts, number)
    ]
    file.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    return file


def _order(api: httpx.Client, file: Path) -> str:
    deployment = api.get("deployments/name/generate-videos/generate-videos").raise_for_status().json()
    beat = {**deployment["job_variables"]["env"], "PREFECT_FLOWS_HEARTBEAT_FREQUENCY": BEAT_S}
    parameters = {"file": str(file), "credentials_block": "account-1,account-2"}
    answer = api.post(
        f"deployments/{deployment['id']}/create_flow_run",
        json={"parameters": parameters, "job_variables": {"env": beat}},
    )
    return str(answer.raise_for_status().json()["id"])


def _await_all(api: httpx.Client, files: list[Path]) -> None:
    """Order every chunk, and what ends without all its clips again, as long as that may help."""
    runs = {file: _order(api, file) for file in files}
    again = Counter[Path]()
    deadline = time.monotonic() + PATIENCE_S
    while runs:
        if time.monotonic() > deadline:
            raise TimeoutError(f"{len(runs)} runs have no end after {PATIENCE_S:.0f} s")
        time.sleep(2)
        for file, run in list(runs.items()):
            found = api.get(f"flow_runs/{run}").raise_for_status().json()
            state = found["state"]["type"]
            # What was killed before its flow began is left to a person: its code may not load.
            left = state == "CRASHED" and not found["run_count"]
            if state == "COMPLETED":
                del runs[file]
            elif state in ("FAILED", "CANCELLED") or left:
                again[file] += 1
                del runs[file]
                if again[file] < ASKED_AGAIN:
                    runs[file] = _order(api, file)


def _ends(output: Path, prompts: list[str]) -> dict[str, str]:
    """How each clip ended, by its prompt: what the last reports say."""
    ends: dict[str, str] = {}
    for report in output.rglob("batches/*/report.json"):
        for clip in json.loads(report.read_text())["clips"]:
            prompt = prompts[int(clip["id"].removeprefix("clip-"))]
            ends[prompt] = "GenerationFailed" if clip["state"] == "failed" else clip["state"]
    return {prompt: ends.get(prompt, "nothing") for prompt in prompts}


def _await_recorder(database_url: str, settled_s: float = 15.0) -> None:
    """Until the server has written down all that was reported to it."""
    seen, since = 0, time.monotonic()
    while time.monotonic() - since < settled_s:
        rows, _ = asyncio.run(_database_size(database_url))
        if rows != seen:
            seen, since = rows, time.monotonic()
        time.sleep(1)


async def _database_size(database_url: str) -> tuple[int, int]:
    """Rows of all tables, and bytes with indexes."""
    import asyncpg

    connection = await asyncpg.connect(database_url.replace("+asyncpg", ""))
    try:
        tables = await connection.fetch(
            "SELECT quote_ident(tablename) AS name FROM pg_tables WHERE schemaname = 'public'"
        )
        rows = sum([await connection.fetchval(f"SELECT count(*) FROM {table['name']}") for table in tables])
        return rows, await connection.fetchval("SELECT pg_database_size(current_database())")
    finally:
        await connection.close()


def _children() -> list[int]:
    return [pid for pid in descendants(os.getpid()) if parent(pid) == os.getpid()]


def _own(crew: _Workers, emulator: Emulator) -> set[int]:
    """The workers and the provider, which are no part of the server."""
    return {worker.pid for worker in crew.running} | {emulator.pid}


def _runs_of(worker: subprocess.Popen[bytes]) -> list[int]:
    """The processes of a worker's runs."""
    return [pid for pid in descendants(worker.pid) if parent(pid) == worker.pid]
