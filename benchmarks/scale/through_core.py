"""The proof through the core: worker processes that make a chunk of clips each, and are killed now and then."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import Any

from books import ACCOUNTS, Proof, compare, emulator_of, evidence_bytes, prompt_of
from processes import tree_cpu_s
from worker import Chunk, asked_until_now

from footage.emulator import Emulator

KILLED_SHARE = 0.1
SETTINGS = {"lease_s": 10.0, "reconcile_grace_s": 5.0, "queries_per_second": 500.0, "deadline_s": 900.0}


def prove(size: int, workers: int, chunk: int, chance: random.Random, folder: Path) -> Proof:
    """Make `size` clips through the core, and compare the books."""
    proof = Proof(size)
    prompts = [prompt_of(number) for number in range(size)]
    began = time.monotonic()
    with emulator_of(folder / "provider") as emulator:
        starts = range(0, size, chunk)
        # At least one, so that the smallest size is measured as the others are.
        killed = chance.sample(starts, max(1, round(KILLED_SHARE * len(starts))))
        kills = {start: chance.uniform(1, 8) for start in starts if start in killed}
        ends = make(prompts, workers, chunk, emulator, folder, proof, kills)
        for account in ACCOUNTS:
            _run(Chunk(emulator.base_url, account, str(folder / "output"), (), SETTINGS), None, proof)
        compare(proof, prompts, ends, emulator.ledger()["tasks"])
    proof.wall_s = time.monotonic() - began
    proof.store_bytes = evidence_bytes(folder / "output")
    return proof


def make(
    prompts: list[str],
    workers: int,
    chunk: int,
    emulator: Emulator,
    folder: Path,
    proof: Proof,
    kills: dict[int, float],
) -> dict[str, str]:
    """Make a clip of each prompt; `kills`: seconds after which the worker of the chunk that begins there is killed.

    Answers how each prompt ended, and adds what that took to `proof`.
    """
    began = time.monotonic()

    def make_chunk(start: int) -> list[dict[str, Any]]:
        # Each account has its own chunks, and a chunk keeps its account.
        account = ACCOUNTS[start // chunk % len(ACCOUNTS)]
        part = tuple(prompts[start : start + chunk])
        job = Chunk(emulator.base_url, account, str(folder / "output"), part, SETTINGS)
        return _run(job, kills.get(start), proof)

    starts = range(0, len(prompts), chunk)
    ends: dict[str, str] = {}
    with ThreadPoolExecutor(workers) as pool:
        for start, reports in zip(starts, pool.map(make_chunk, starts), strict=True):
            for report in reports:
                ends |= report["ends"]
                proof.cpu_s += report["cpu_s"]
                proof.memory_mb = max(proof.memory_mb, report["memory_mb"])
                proof.requests += sum(report["asked"].values())
            if start % 10_000 == 0 and start:
                took_s = time.monotonic() - began
                print(f"{start:,} of {len(prompts):,} clips after {took_s:,.0f} s", file=sys.stderr)
    return ends


def _run(job: Chunk, kill_after_s: float | None, proof: Proof) -> list[dict[str, Any]]:
    """Run a worker, kill it if that is its lot, and start it again until its chunk has an end."""
    reports: list[dict[str, Any]] = []
    for tried in range(4):
        process = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("worker.py")), json.dumps(asdict(job))],
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            output, _ = process.communicate(timeout=kill_after_s if tried == 0 else None)
        except subprocess.TimeoutExpired:
            proof.cpu_s += tree_cpu_s(process.pid)
            process.kill()
            process.communicate()
            proof.requests += asked_until_now(job, process.pid)
            proof.kills += 1
            continue
        if process.returncode:
            raise RuntimeError(f"a worker ended with {process.returncode}")
        reports.append(json.loads(output))
        if (
            all(end in ("delivered", "GenerationFailed") for end in reports[-1]["ends"].values())
            or not job.prompts
        ):
            break
    return reports
