"""What both proofs have in common: the provider with its faults, and its books against what was made."""

from __future__ import annotations

import hashlib
import json
import sys
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "support")]

from prooffaults import with_fault

from footage.emulator import Emulator

# A task is done within a second of ours, and the provider's day, after which it forgets one, is almost five hours.
SPEED, CLIP_S = 5.0, 5.0
ACCOUNTS = ("sk-first-account", "sk-second-account")
GROWTH = 1.2


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
    store_bytes: int = 0
    ends: Counter[str] = field(default_factory=Counter[str])

    @property
    def bad(self) -> int:
        """Clips that nobody may have."""
        return self.twice + self.lost + self.unexplained

    def per_clip(self) -> dict[str, float]:
        """What has to stay flat; the part of killed processes is in it, except for their memory."""
        raise NotImplementedError


def emulator_of(state_dir: Path) -> Emulator:
    """The provider: quotas that are never in the way, two accounts, clips of ten seconds in one."""
    quotas: dict[str, Any] = {
        "concurrency": 1000,
        "queue_limit": 100_000,
        "submit_rps": 1000,
        "query_qps": None,
        "keys": [*ACCOUNTS],
        "accounts": [*ACCOUNTS],
    }
    return Emulator(
        speed=SPEED, generation_s=CLIP_S, render="same", render_workers=1, state_dir=state_dir, **quotas
    )


def evidence_bytes(output: Path) -> int:
    """The bytes of all in a store that is no video."""
    files = (file for file in output.rglob("*") if file.is_file() and file.parent.name != "videos")
    return sum(file.stat().st_size for file in files)


def prompt_of(number: int) -> str:
    """A prompt that is nobody else's, and a fault for every hundredth."""
    text = f"A paper boat passes house number {number}"
    if number % 100 == 99:
        return with_fault(text, number // 100)
    return text


def sealed_tasks(output: Path) -> set[str]:
    """The tasks of the clips that are stored whole: sealed, and with the very bytes that the seal names."""
    sealed: set[str] = set()
    for record in output.rglob("evidence/*/result.json"):
        result = json.loads(record.read_text())
        video = record.parents[2] / result["files"]["clip"]
        if video.is_file() and hashlib.sha256(video.read_bytes()).hexdigest() == result["clip"]["sha256"]:
            sealed.add(result["clip"]["task_id"])
    return sealed


def compare(
    proof: Proof, prompts: list[str], ends: dict[str, str], tasks: list[dict[str, Any]], sealed: set[str]
) -> None:
    """The provider's books against what is stored, and how each prompt ended: "delivered", or the name of an error."""
    paid, stored, failed = Counter[str](), set[str](), set[str]()
    for task in tasks:
        prompt = str(task["body"]["input"]["prompt"])
        if task["status"] == "FAILED":
            failed.add(prompt)
        else:
            paid[prompt] += 1
        if task["task_id"] in sealed:
            stored.add(prompt)
    for prompt in prompts:
        end = ends.get(prompt, "nothing")
        proof.ends[end] += 1
        proof.bought += paid[prompt]
        proof.twice += max(0, paid[prompt] - 1)
        if end == "delivered" and prompt in stored:
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
        "|" + " ---: |" * (8 + len(proofs[0].per_clip())),
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
