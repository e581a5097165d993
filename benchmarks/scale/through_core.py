"""The proof through the core: worker processes that make a chunk of clips each, and are killed now and then."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from books import ACCOUNTS, Proof, compare, emulator_of, evidence_bytes, prompt_of, sealed_tasks
from processes import tree_cpu_s
from worker import Chunk, asked_until_now

from footage.emulator import Emulator

KILLED_SHARE = 0.1
# About as long as a worker takes, so that kills fall on all that it does.
KILLED_WITHIN_S = 16.0
SETTINGS = {"lease_s": 10.0, "reconcile_grace_s": 5.0, "queries_per_second": 500.0, "deadline_s": 900.0}


@dataclass
class _Worked:
    """What the processes took that worked on one chunk, and how its clips ended."""

    ends: dict[str, str] = field(default_factory=dict[str, str])
    cpu_s: float = 0.0
    memory_mb: float = 0.0
    requests: int = 0
    kills: int = 0


@dataclass
class CoreProof(Proof):
    """Beside the books: what a harvest takes when all is made, of both accounts."""

    requests: int = 0
    harvest_cpu_s: float = 0.0
    harvest_requests: int = 0

    def per_clip(self) -> dict[str, float]:
        made = max(1, self.delivered)
        return {
            "CPU s a clip": self.cpu_s / made,
            "memory of a worker, MB": self.memory_mb,
            "store calls a clip": self.requests / made,
            "bytes of evidence a clip": self.store_bytes / made,
            "CPU ms of harvests a clip": 1000 * self.harvest_cpu_s / made,
            "store calls of harvests a clip": self.harvest_requests / made,
        }


def prove(
    size: int, workers: int, chunk: int, chance: random.Random, folder: Path, first: int = 0
) -> CoreProof:
    """Make `size` clips through the core, from prompt number `first` on, and compare the books."""
    proof = CoreProof(size)
    prompts = [prompt_of(number) for number in range(first, first + size)]
    before = evidence_bytes(folder / "output")
    began = time.monotonic()
    with emulator_of(folder / "provider") as emulator:
        starts = range(0, size, chunk)
        # At least one, so that the smallest size is measured as the others are.
        killed = chance.sample(starts, max(1, round(KILLED_SHARE * len(starts))))
        kills = {start: chance.uniform(1, KILLED_WITHIN_S) for start in starts if start in killed}
        ends = make(prompts, workers, chunk, emulator, folder, proof, kills)
        for account in ACCOUNTS:
            harvest = _run(Chunk(emulator.base_url, account, str(folder / "output"), (), SETTINGS))
            proof.harvest_cpu_s += harvest.cpu_s
            proof.harvest_requests += harvest.requests
        compare(proof, prompts, ends, emulator.ledger()["tasks"], sealed_tasks(folder / "output"))
    proof.wall_s = time.monotonic() - began
    proof.store_bytes = evidence_bytes(folder / "output") - before
    return proof


def make(
    prompts: list[str],
    workers: int,
    chunk: int,
    emulator: Emulator,
    folder: Path,
    proof: CoreProof,
    kills: dict[int, float],
) -> dict[str, str]:
    """Make a clip of each prompt; `kills`: seconds after which the worker of the chunk that begins there is killed.

    Answers how each prompt ended, and adds what that took to `proof`.
    """
    began = time.monotonic()

    def make_chunk(start: int) -> _Worked:
        # Each account has its own chunks, and a chunk keeps its account.
        account = ACCOUNTS[start // chunk % len(ACCOUNTS)]
        part = tuple(prompts[start : start + chunk])
        job = Chunk(emulator.base_url, account, str(folder / "output"), part, SETTINGS)
        return _run(job, kills.get(start))

    starts = range(0, len(prompts), chunk)
    ends: dict[str, str] = {}
    with ThreadPoolExecutor(workers) as pool:
        for start, worked in zip(starts, pool.map(make_chunk, starts), strict=True):
            ends |= worked.ends
            proof.cpu_s += worked.cpu_s
            proof.memory_mb = max(proof.memory_mb, worked.memory_mb)
            proof.requests += worked.requests
            proof.kills += worked.kills
            if start % 10_000 == 0 and start:
                took_s = time.monotonic() - began
                print(f"{start:,} of {len(prompts):,} clips after {took_s:,.0f} s", file=sys.stderr)
    return ends


def _run(job: Chunk, kill_after_s: float | None = None) -> _Worked:
    """Run a worker, kill it if that is its lot, and start it again until its chunk has an end."""
    worked = _Worked()
    for tried in range(4):
        process = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("worker.py")), json.dumps(asdict(job))],
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            output, _ = process.communicate(timeout=kill_after_s if tried == 0 else None)
        except subprocess.TimeoutExpired:
            worked.cpu_s += tree_cpu_s(process.pid)
            process.kill()
            process.communicate()
            worked.requests += asked_until_now(job, process.pid)
            worked.kills += 1
            continue
        if process.returncode:
            raise RuntimeError(f"a worker ended with {process.returncode}")
        report: dict[str, Any] = json.loads(output)
        worked.ends |= report["ends"]
        worked.cpu_s += report["cpu_s"]
        worked.memory_mb = max(worked.memory_mb, report["memory_mb"])
        worked.requests += report["asked"]
        if not job.prompts or set(report["ends"].values()) <= {"delivered", "GenerationFailed"}:
            break
    return worked
