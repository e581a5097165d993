"""200 shots in one process against five slots: makespan against the provider's own limit, queries, memory.

The provider's own limit is read off its books: from the moment it started the first task to the end of the last, with
the proof that its queue never ran dry in between. (Shots / slots * seconds would be less: the emulator takes about
0.4 s between two tasks.) Rendering is not what is measured, so it makes still clips; its clock runs as fast as ours.
SHOTS sets the number; with SOAK=1 the run is judged by being complete, its queries and its memory, not by its time.
"""

from __future__ import annotations

import asyncio
import os
import resource
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

SHOTS, SLOTS, CLIP_S = int(os.environ.get("SHOTS", "200")), 5, float(os.environ.get("CLIP_S", "6"))
SOAK = os.environ.get("SOAK") == "1"


def main() -> int:
    folder = Path(tempfile.mkdtemp(prefix="board-200-"))
    os.environ |= {
        "OUTPUT_DIR": str(folder),
        "WAN_VIDEO_ALLOW_PRIVATE_HOSTS": "1",
        "PREFECT_LOGGING_LEVEL": "ERROR",
    }
    from flows.cli.server_address import prefect_server
    from footage.emulator import Emulator

    knobs: dict[str, Any] = {
        "generation_s": CLIP_S,
        "generation_jitter": 0.0,
        "render": "tiny",
        "queue_limit": 1000,
    }
    with Emulator(speed=1, state_dir=folder / "emulator", concurrency=SLOTS, **knobs) as emulator:
        os.environ |= {"DASHSCOPE_HTTP_BASE_URL": emulator.base_url, "DASHSCOPE_API_KEY": emulator.api_key}
        with prefect_server():
            return _measure(emulator)


def _measure(emulator: Any) -> int:
    from flows.storyboard import storyboard

    shots = [{"id": f"s{n:03}", "prompt": f"Shot number {n}", "take": n} for n in range(1, SHOTS + 1)]
    board = {
        "schema": "wan-video/storyboard/1",
        "title": "Two hundred",
        "defaults": {
            "model": "wan2.6-i2v-flash",
            "size": "1280*720",
            "duration": 2,
            "audio": False,
            "reference_image": str(Path(__file__).parents[1] / "footage/storyboard/examples/keeper.jpg"),
        },
        "shots": shots,
    }
    began = time.monotonic()
    state = asyncio.run(storyboard(board, return_state=True))
    elapsed_s = time.monotonic() - began
    ledger = emulator.ledger()
    limit_s = SHOTS / SLOTS * CLIP_S if SOAK else _provider_limit_s(emulator.tasks())
    queries = sum(ledger[name] for name in ("queries", "lists") if name in ledger)
    rss_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    rows = {
        "state": state.name,
        "shots delivered": ledger["accepted"],
        "shots / slots * seconds, s": f"{SHOTS / SLOTS * CLIP_S:.0f}",
        "provider's own limit, s": f"{limit_s:.1f}",
        "makespan, s": f"{elapsed_s:.1f} (allowed {limit_s * 1.05 + 10:.0f})",
        "queries a second": f"{queries / elapsed_s:.1f} (allowed 20)",
        "peak memory of the process, MB": f"{rss_mb:.0f} (allowed 600)",
    }
    for name, value in rows.items():
        print(f"{name:<34} {value}")
    good = (
        state.is_completed()
        and ledger["accepted"] == SHOTS
        and (SOAK or elapsed_s <= limit_s * 1.05 + 10)
        and queries / elapsed_s < 20
        and rss_mb < 600
    )
    return 0 if good else 1


def _provider_limit_s(tasks: list[dict[str, Any]]) -> float:
    """From the moment the first task was scheduled to the end of the last, if the queue never ran dry.

    Raises:
        AssertionError: A slot was idle while shots were still to come, so that the figure would flatter us.
    """
    by_start = sorted(tasks, key=lambda task: task["scheduled_s"])
    ends = sorted(task["ended_s"] for task in tasks)
    for number, task in enumerate(by_start[SLOTS:]):
        # The next task must be there before a slot is free, up to the end of the board.
        assert task["submitted_s"] <= ends[number], "the provider's queue ran dry"
    return ends[-1] - by_start[0]["scheduled_s"]


if __name__ == "__main__":
    sys.exit(main())
