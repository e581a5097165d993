"""The proof: many clips through the core, with workers killed, faults of the provider, and two accounts (`make scale`).

    python benchmarks/scale [SIZE…] [--workers 2] [--chunk 100] [--seed 1]

Sizes are 100, 1,000 and 10,000 unless given; 100,000 takes a night. Every hundredth prompt has a fault of the provider
in it; one worker in ten is killed at a moment that the seed draws, and its chunk is started again. In the end the
provider's books are compared with the store: exit code 1 if a clip was bought twice, lost, or is not explained, or if
what a clip costs grows by more than a fifth from one size to the next.
"""

from __future__ import annotations

import argparse
import itertools
import json
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from worker import Chunk

from footage.emulator import Emulator

# As fast as clips can be made: a task is done within a second of ours.
SPEED, CLIP_S = 60.0, 60.0
ACCOUNTS = ("sk-first-account", "sk-second-account")
# One in a hundred meets one of these.
FAULTS = (
    "create-accept-reset",
    "create-accept-503",
    "create-503",
    "query-502-html",
    "query-reset",
    "result-reset",
    "result-truncated",
    "failed-InternalError.Algo",
)
KILLED_SHARE = 0.1
GROWTH = 1.2
SETTINGS = {"lease_s": 10.0, "reconcile_grace_s": 5.0, "queries_per_second": 500.0, "deadline_s": 900.0}


@dataclass
class Proof:
    """What the books say about one size."""

    size: int
    wall_s: float = 0.0
    kills: int = 0
    delivered: int = 0
    bought: int = 0
    twice: int = 0
    lost: int = 0
    unexplained: int = 0
    cpu_s: float = 0.0
    memory_mb: float = 0.0
    requests: int = 0
    store_bytes: int = 0
    ends: Counter[str] = field(default_factory=Counter[str])

    @property
    def bad(self) -> int:
        """Clips that nobody may have."""
        return self.twice + self.lost + self.unexplained

    def per_clip(self) -> dict[str, float]:
        """What has to stay flat; a killed worker's part is not known, and is not in it."""
        made = max(1, self.delivered)
        return {
            "CPU s a clip": self.cpu_s / made,
            "memory of a worker, MB": self.memory_mb,
            "store calls a clip": self.requests / made,
            "bytes of evidence a clip": self.store_bytes / made,
        }


def main() -> int:
    """Exit code 1 if the books do not agree."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("sizes", nargs="*", type=int, default=[100, 1_000, 10_000])
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--chunk", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    proofs = []
    for size in asked.sizes:
        with tempfile.TemporaryDirectory(prefix=f"scale-{size}-") as folder:
            proofs.append(prove(size, asked.workers, asked.chunk, random.Random(asked.seed), Path(folder)))
        print(table(proofs[-1:]), flush=True)
    print(f"\n{table(proofs)}")
    grown = [what for before, after in itertools.pairwise(proofs) for what in growth(before, after)]
    for what in grown:
        print(f"grows: {what}")
    return 1 if grown or any(proof.bad for proof in proofs) else 0


def prove(size: int, workers: int, chunk: int, chance: random.Random, folder: Path) -> Proof:
    """Make `size` clips, and compare the books."""
    proof = Proof(size)
    prompts = [prompt_of(number) for number in range(size)]
    knobs: dict[str, Any] = {
        "concurrency": 1000,
        "queue_limit": 100_000,
        "submit_rps": 1000,
        "query_qps": None,
        "keys": [*ACCOUNTS],
    }
    began = time.monotonic()
    with Emulator(
        speed=SPEED,
        generation_s=CLIP_S,
        render="tiny",
        render_workers=1,
        state_dir=folder / "provider",
        **knobs,
    ) as emulator:

        def make(number: int) -> list[dict[str, Any]]:
            part = tuple(prompts[number : number + chunk])
            # Each account has its own chunks, and a chunk keeps its account.
            account = ACCOUNTS[number // chunk % len(ACCOUNTS)]
            job = Chunk(emulator.base_url, account, str(folder / "output"), part, SETTINGS)
            return run(job, kills[number], proof)

        starts = range(0, size, chunk)
        kills = {
            number: chance.uniform(1, 20) if chance.random() < KILLED_SHARE else None for number in starts
        }
        with ThreadPoolExecutor(workers) as pool:
            reports = [report for found in pool.map(make, starts) for report in found]
        for account in ACCOUNTS:
            run(Chunk(emulator.base_url, account, str(folder / "output"), (), SETTINGS), None, proof)
        for report in reports:
            proof.cpu_s += report["cpu_s"]
            proof.memory_mb = max(proof.memory_mb, report["memory_mb"])
            proof.requests += sum(report["asked"].values())
        compare(proof, prompts, reports, emulator.ledger()["tasks"])
    proof.wall_s = time.monotonic() - began
    proof.store_bytes = sum(
        file.stat().st_size
        for file in (folder / "output").rglob("*")
        if file.is_file() and file.parent.name != "videos"
    )
    return proof


def prompt_of(number: int) -> str:
    """A prompt that is nobody else's, and a fault for every hundredth."""
    text = f"A paper boat passes house number {number}"
    if number % 100 == 99:
        text += f" [[emulator: {FAULTS[number // 100 % len(FAULTS)]}]]"
    return text


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
            process.kill()
            process.communicate()
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


def compare(
    proof: Proof, prompts: list[str], reports: list[dict[str, Any]], tasks: list[dict[str, Any]]
) -> None:
    """The provider's books against what the workers say."""
    ends: dict[str, str] = {}
    for report in reports:
        ends |= report["ends"]
    paid = Counter(str(task["body"]["input"]["prompt"]) for task in tasks if task["status"] != "FAILED")
    failed = {str(task["body"]["input"]["prompt"]) for task in tasks if task["status"] == "FAILED"}
    for prompt in prompts:
        end = ends.get(prompt, "nothing")
        proof.ends[end] += 1
        proof.bought += paid[prompt]
        proof.twice += max(0, paid[prompt] - 1)
        if end == "delivered":
            proof.delivered += 1
        elif paid[prompt]:
            proof.lost += 1
        elif not (end == "GenerationFailed" and prompt in failed):
            proof.unexplained += 1


def growth(before: Proof, after: Proof) -> list[str]:
    """What a clip costs more at the larger size."""
    one, other = before.per_clip(), after.per_clip()
    return [
        f"{what}: {one[what]:.3g} at {before.size:,}, {other[what]:.3g} at {after.size:,}"
        for what in one
        if other[what] > one[what] * GROWTH
    ]


def table(proofs: list[Proof]) -> str:
    """One line a size."""
    lines = [
        "| clips | wall s | workers killed | delivered | bought | twice | lost | unexplained | "
        + " | ".join(proofs[0].per_clip())
        + " |",
        "|" + " ---: |" * 12,
    ]
    for proof in proofs:
        costs = " | ".join(
            f"{value:,.3g}" if value < 100 else f"{value:,.0f}" for value in proof.per_clip().values()
        )
        lines.append(
            f"| {proof.size:,} | {proof.wall_s:,.0f} | {proof.kills} | {proof.delivered:,} | {proof.bought:,} | "
            f"{proof.twice} | {proof.lost} | {proof.unexplained} | {costs} |"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
