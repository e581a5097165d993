"""One clip at real speed: how late its end is noticed, by us and by the DashScope SDK's own wait, in turns.

Prints for each length the median seconds between the provider's `end_time` and the moment it was noticed, and how
many questions that took. `RUNS=1 LENGTHS_S=20` for a short one.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "support"))

from footage.clip import Clip
from footage.context import Context
from footage.credentials import parse_key
from footage.emulator import Emulator
from footage.evidence.state import Permission, Step
from footage.settings import Settings
from footage.steps.check import enter, prepare
from footage.steps.poll import poll_clip
from footage.steps.probe import probe_provider
from footage.steps.submit import submit_clip
from footage.storage import open_store

MODEL, REGION = "wan2.2-t2v-plus", "cn-beijing"
LENGTHS_S = [float(text) for text in os.environ.get("LENGTHS_S", "20,60").split(",")]
RUNS = int(os.environ.get("RUNS", "3"))


def questions(emulator: Emulator) -> int:
    ledger = emulator.ledger(tasks=False)
    return int(ledger["queries"]) + int(ledger["lists"])


def ended_at(emulator: Emulator) -> float:
    """When the last task ended, on this machine's clock."""
    task = emulator.tasks()[-1]
    return time.time() - (emulator.health()["now_s"] - task["ended_s"])


def ours(emulator: Emulator, folder: Path, number: int) -> float:
    settings = Settings(http_base_url=emulator.base_url, output_dir=str(folder), region=REGION)
    context = Context(
        settings, open_store(settings.store_url), find_api_key=lambda: parse_key("sk-emulator", "here")
    )
    probe_provider(context, REGION, MODEL)
    request = {"prompt": f"a boat, {number}", "model": MODEL, "size": "832*480"}
    clip = enter(context, prepare(context, request), Permission())

    async def until_noticed(clip: Clip) -> float:
        async with clip.held():
            while await clip.next_step() is Step.SUBMIT:
                await submit_clip(clip)
            await poll_clip(clip)
            return time.time()

    try:
        return asyncio.run(until_noticed(clip))
    finally:
        context.close()


def sdk(emulator: Emulator, _: Path, number: int) -> float:
    import dashscope
    from dashscope import VideoSynthesis

    dashscope.base_http_api_url = emulator.base_url
    VideoSynthesis.call(
        model=MODEL, prompt=f"a boat of the SDK, {number}", size="832*480", api_key="sk-emulator"
    )
    return time.time()


def main() -> None:
    # What is imported at first use is no part of a wait.
    import footage.provider.sdk  # noqa: F401

    for length_s in LENGTHS_S:
        late: dict[str, list[float]] = {"ours": [], "sdk": []}
        asked: dict[str, list[int]] = {"ours": [], "sdk": []}
        with (
            tempfile.TemporaryDirectory() as folder,
            Emulator(generation_s=length_s, generation_jitter=0.0, render="tiny") as emulator,
        ):
            for run in range(RUNS):
                for name, wait in (("ours", ours), ("sdk", sdk)):
                    before = questions(emulator)
                    noticed_at = wait(emulator, Path(folder), run)
                    asked[name].append(questions(emulator) - before)
                    late[name].append(noticed_at - ended_at(emulator))
        for name, seconds in late.items():
            each = ", ".join(f"{value:.2f}" for value in seconds)
            middle, count = statistics.median(seconds), statistics.median(asked[name])
            print(
                f"clip of {length_s:g} s, {name:<4}: noticed {middle:.2f} s late ({each}), {count:g} questions"
            )


if __name__ == "__main__":
    main()
