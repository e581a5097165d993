"""200 shots in one process against five slots: makespan against the provider's own limit, queries, memory.

The provider's limit is shots / slots * seconds per clip. Rendering is not what is measured, so the emulator
makes still clips; its generation time is fixed and its clock runs as fast as ours.
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


def main() -> int:
    folder = Path(tempfile.mkdtemp(prefix="board-200-"))
    os.environ |= {
        "OUTPUT_DIR": str(folder),
        "WAN_VIDEO_ALLOW_PRIVATE_HOSTS": "1",
        "PREFECT_LOGGING_LEVEL": "ERROR",
    }
    from flows.cli.server import prefect_server
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
    limit_s = SHOTS / SLOTS * CLIP_S
    queries = sum(ledger[name] for name in ("queries", "lists") if name in ledger)
    rss_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    rows = {
        "state": state.name,
        "shots delivered": ledger["accepted"],
        "provider's own limit, s": f"{limit_s:.0f}",
        "makespan, s": f"{elapsed_s:.1f} (allowed {limit_s * 1.05 + 10:.0f})",
        "queries a second": f"{queries / elapsed_s:.1f} (allowed 20)",
        "peak memory of the process, MB": f"{rss_mb:.0f} (allowed 600)",
    }
    for name, value in rows.items():
        print(f"{name:<34} {value}")
    good = (
        state.is_completed()
        and elapsed_s <= limit_s * 1.05 + 10
        and queries / elapsed_s < 20
        and rss_mb < 600
    )
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
