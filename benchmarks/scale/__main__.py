"""The proof: many clips, with workers killed, faults of the provider, and two accounts (`make scale`).

    python benchmarks/scale [SIZE…] [--prefect] [--workers 3] [--chunk 100] [--seed 1]

Through the core, or with `--prefect` through deployed runs on workers of a server with PostgreSQL. Sizes are 100, 1,000
and 10,000 unless given; 100,000 takes a night. Every hundredth prompt has a fault of the provider in it; workers are
killed at moments that the seed draws, and what they did is started again. In the end the provider's books are compared
with the store: exit code 1 if a clip was bought twice, lost, or is not explained, or if what a clip costs grows by more
than a fifth from one size to the next.
"""

from __future__ import annotations

import argparse
import itertools
import json
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import Any

import through_prefect
from books import ACCOUNTS, Proof, compare, emulator_of, growth, prompt_of, table
from through_prefect import tree_cpu_s
from worker import Chunk, asked_until_now

KILLED_SHARE = 0.1
SETTINGS = {"lease_s": 10.0, "reconcile_grace_s": 5.0, "queries_per_second": 500.0, "deadline_s": 900.0}


def main() -> int:
    """Exit code 1 if the books do not agree."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("sizes", nargs="*", type=int, default=[100, 1_000, 10_000])
    parser.add_argument("--prefect", action="store_true", help="through deployed runs, with PostgreSQL")
    parser.add_argument("--workers", type=int, help="3; with Prefect 2")
    parser.add_argument("--chunk", type=int, default=100, help="clips of a process")
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    # Servers and workers have to end with this.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    way = through_prefect.prove if asked.prefect else prove
    proofs: list[Proof] = []
    for size in asked.sizes:
        folder = Path(tempfile.mkdtemp(prefix=f"scale-{size}-"))
        workers = asked.workers or (2 if asked.prefect else 3)
        proofs.append(way(size, workers, asked.chunk, random.Random(asked.seed), folder))
        # What broke off, after hours perhaps, is left to be looked at.
        shutil.rmtree(folder)
        print(table(proofs[-1:]), flush=True)
    print(f"\n{table(proofs)}")
    grown = [what for before, after in itertools.pairwise(proofs) for what in growth(before, after)]
    for what in grown:
        print(f"grows: {what}")
    return 1 if grown or any(proof.bad for proof in proofs) else 0


def prove(size: int, workers: int, chunk: int, chance: random.Random, folder: Path) -> Proof:
    """Make `size` clips through the core, and compare the books."""
    proof = Proof(size)
    prompts = [prompt_of(number) for number in range(size)]
    began = time.monotonic()
    with emulator_of(folder / "provider") as emulator:

        def make(number: int) -> list[dict[str, Any]]:
            part = tuple(prompts[number : number + chunk])
            # Each account has its own chunks, and a chunk keeps its account.
            account = ACCOUNTS[number // chunk % len(ACCOUNTS)]
            job = Chunk(emulator.base_url, account, str(folder / "output"), part, SETTINGS)
            return run(job, kills[number], proof)

        starts = range(0, size, chunk)
        # At least one, so that the smallest size is measured as the others are.
        killed = chance.sample(starts, max(1, round(KILLED_SHARE * len(starts))))
        kills = {number: chance.uniform(1, 8) if number in killed else None for number in starts}
        with ThreadPoolExecutor(workers) as pool:
            reports: list[dict[str, Any]] = []
            for number, found in zip(starts, pool.map(make, starts), strict=True):
                reports += found
                if number % 10_000 == 0 and number:
                    print(f"{number:,} of {size:,}: {time.monotonic() - began:,.0f} s", file=sys.stderr)
        for account in ACCOUNTS:
            run(Chunk(emulator.base_url, account, str(folder / "output"), (), SETTINGS), None, proof)
        ends: dict[str, str] = {}
        for report in reports:
            ends |= report["ends"]
            proof.cpu_s += report["cpu_s"]
            proof.memory_mb = max(proof.memory_mb, report["memory_mb"])
            proof.requests += sum(report["asked"].values())
        compare(proof, prompts, ends, emulator.ledger()["tasks"])
    proof.wall_s = time.monotonic() - began
    proof.measure_store(folder / "output")
    return proof


def run(job: Chunk, kill_after_s: float | None, proof: Proof) -> list[dict[str, Any]]:
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


if __name__ == "__main__":
    sys.exit(main())
