"""What a line of a batch costs: memory and processor time of its process, and Prefect's rows; the stand-in is fast.

Each number of LINES is made by a process of its own, against one server with an empty SQLite file. Memory is the most
that the process ever had; what a process takes before its first line is that of one line. LINES="100 1000" by default.
"""

from __future__ import annotations

import asyncio
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

LINES = [int(number) for number in os.environ.get("LINES", "1 100 1000").split()]
MODELS = ("wan2.2-t2v-plus", "wanx2.1-t2v-turbo")


def main() -> None:
    folder = Path(tempfile.mkdtemp(prefix="batch-"))
    os.environ |= {
        "PREFECT_HOME": str(folder / "prefect"),
        "OUTPUT_DIR": str(folder / "output"),
        "WAN_VIDEO_POLL_MIN_S": "0.5",
        "WAN_VIDEO_POLL_MAX_S": "2",
        "WAN_VIDEO_QUERIES_PER_SECOND": "500",
        "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "CRITICAL",
        "PREFECT_API_DATABASE_TIMEOUT": "60",
        "PREFECT_CLIENT_MAX_RETRIES": "30",
    }
    os.environ.pop("PREFECT_API_URL", None)
    from rows_per_clip import _settled

    from flows.cli.local_server import database_file, stop_local_server
    from flows.cli.server_address import prefect_server
    from footage.emulator import Emulator

    with Emulator(
        speed=200, rate_limits=False, concurrency=1000, queue_limit=5000, render="tiny"
    ) as emulator:
        os.environ |= {"DASHSCOPE_HTTP_BASE_URL": emulator.base_url, "DASHSCOPE_API_KEY": emulator.api_key}
        try:
            with prefect_server():
                database = database_file()
                assert database is not None
                print(f"{'lines':>6}{'seconds':>10}{'CPU s':>10}{'peak MB':>10}{'rows':>10}{'rows MB':>10}")
                for lines in LINES:
                    before = _settled(database)
                    told = json.loads(
                        subprocess.run(
                            [sys.executable, __file__, str(lines)], check=True, capture_output=True, text=True
                        ).stdout.splitlines()[-1]
                    )
                    assert told["counts"] == {"delivered": lines}, told
                    after = _settled(database)
                    rows = sum(count for count, _ in after.values()) - sum(c for c, _ in before.values())
                    size = sum(size for _, size in after.values()) - sum(s for _, s in before.values())
                    print(
                        f"{lines:>6}{told['seconds']:>10.1f}{told['cpu_s']:>10.1f}{told['peak_mb']:>10.0f}"
                        f"{rows:>10,}{size / 1e6:>10.1f}",
                        flush=True,
                    )
        finally:
            stop_local_server()


def one_batch(lines: int) -> None:
    """Make so many lines in this process, and print what that took."""
    from flows.batch import generate_videos

    file = Path(tempfile.mkdtemp(prefix="lines-")) / "requests.jsonl"
    with file.open("w") as out:
        for number in range(lines):
            model = MODELS[number % len(MODELS)]
            asked: dict[str, Any] = {"prompt": f"Line {number} of {lines}", "model": model, "size": "832*480"}
            out.write(f"{json.dumps(asked)}\n")
    began = time.monotonic()
    flow: Any = generate_videos
    state = asyncio.run(flow(file=str(file), return_state=True))
    used = resource.getrusage(resource.RUSAGE_SELF)
    assert state.is_completed(), state.message
    report = asyncio.run(state.aresult())
    told = {
        "counts": report["counts"],
        "seconds": time.monotonic() - began,
        "cpu_s": used.ru_utime + used.ru_stime,
        "peak_mb": used.ru_maxrss / 1024,
    }
    print(json.dumps(told))


if __name__ == "__main__":
    if len(sys.argv) > 1:
        one_batch(int(sys.argv[1]))
    else:
        main()
