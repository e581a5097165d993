"""What a clip costs Prefect's database: rows and bytes by table, for clips with a run each, shots of a board,
lines of a batch, harvests.

A server of its own on an empty SQLite file, the stand-in at the provider's pace, the deployments and settings that
`wan-video setup` makes; the runs are carried out in this process, because a process for each adds nothing to the rows
but the few of its worker. What is there before is taken off. Bytes are whole pages, indexes included.
CLIPS=10 CLIP_S=20 for a short one; DETAILS=1 lists log lines, events and artifacts by kind.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import sqlite3
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

CLIPS, CLIP_S = int(os.environ.get("CLIPS", "100")), float(os.environ.get("CLIP_S", "90"))
DETAILS = os.environ.get("DETAILS") == "1"
# SQLite refuses what more than a few runs write that begin at the same moment.
APART_S = 2.0
# The recorder of task runs may be minutes behind.
SETTLED_S, PATIENCE_S = 15.0, 600.0
MODEL, SIZE = "wan2.2-t2v-plus", "832*480"

Size = tuple[int, int]


def main() -> None:
    folder = Path(tempfile.mkdtemp(prefix="rows-per-clip-"))
    os.environ |= {
        "PREFECT_HOME": str(folder / "prefect"),
        "OUTPUT_DIR": str(folder / "output"),
        "PREFECT_LOGGING_EXTRA_LOGGERS": "footage",
        "PREFECT_FLOWS_HEARTBEAT_FREQUENCY": "60",
        "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "ERROR",
        # Where the machine is busy, SQLite takes its time; the rows are the same.
        "PREFECT_API_DATABASE_TIMEOUT": "60",
        "PREFECT_CLIENT_MAX_RETRIES": "30",
    }
    os.environ.pop("PREFECT_API_URL", None)
    from flows.cli import run
    from flows.cli.local_server import database_file, stop_local_server
    from flows.cli.server_address import prefect_server
    from footage.emulator import Emulator

    with Emulator(
        speed=1,
        rate_limits=False,
        concurrency=CLIPS,
        queue_limit=2 * CLIPS,
        generation_s=CLIP_S,
        render="tiny",
    ) as emulator:
        os.environ |= {"DASHSCOPE_HTTP_BASE_URL": emulator.base_url, "DASHSCOPE_API_KEY": emulator.api_key}
        try:
            with prefect_server():
                assert run(["setup", "--no-key"]) == 0
                database = database_file()
                assert database is not None
                for name, make in (
                    ("clips with a run each", _clips),
                    ("shots of one board", _board),
                    ("lines of one batch", _batch),
                    ("harvests that find nothing", _harvests),
                ):
                    _show(name, *_written(database, make))
                if DETAILS:
                    _details(database)
        finally:
            stop_local_server()


async def _clips() -> None:
    from flows.generate import generate_video

    async def make(number: int) -> None:
        await asyncio.sleep(APART_S * number)
        await _run(generate_video, {"prompt": f"Clip {number}", "model": MODEL, "size": SIZE})

    await asyncio.gather(*(make(number) for number in range(CLIPS)))


async def _board() -> None:
    from flows.storyboard import storyboard

    shots = [{"id": f"s{number:03}", "prompt": f"Shot {number}"} for number in range(CLIPS)]
    defaults = {"model": MODEL, "size": SIZE, "duration": 5}
    board = {"schema": "wan-video/storyboard/1", "title": "Rows", "defaults": defaults, "shots": shots}
    await _run(storyboard, {"board": board})


async def _batch() -> None:
    from flows.batch import generate_videos

    requests = [{"prompt": f"Line {number}", "model": MODEL, "size": SIZE} for number in range(CLIPS)]
    await _run(generate_videos, {"requests": requests})


async def _harvests() -> None:
    from flows.harvest import harvest

    for _ in range(CLIPS):
        await _run(harvest, {})


async def _run(flow: Any, parameters: dict[str, Any]) -> None:
    """Carry out a run of the flow's deployment, as a worker's process does."""
    from prefect.client.orchestration import get_client
    from prefect.flow_engine import run_flow

    async with get_client() as client:
        deployment = await client.read_deployment_by_name(f"{flow.name}/{flow.name}")
        run = await client.create_flow_run_from_deployment(deployment.id, parameters=parameters)
    # Typed for every kind of flow at once; that of an async one is awaited.
    ended: Any = run_flow(flow, flow_run=run, return_type="state")
    state = await ended
    assert state.is_completed(), state.message


def _written(database: Path, make: Any) -> tuple[dict[str, Size], float]:
    before, began = _sizes(database), time.monotonic()
    asyncio.run(make())
    took_s = time.monotonic() - began
    after = _settled(database)
    none = (0, 0)
    grown = {
        name: tuple(a - b for a, b in zip(size, before.get(name, none), strict=True))
        for name, size in after.items()
    }
    return {name: (rows, size) for name, (rows, size) in grown.items() if rows > 0}, took_s


def _settled(database: Path) -> dict[str, Size]:
    """The sizes once nothing is written any more."""
    deadline = time.monotonic() + PATIENCE_S
    sizes, since = _sizes(database), time.monotonic()
    while time.monotonic() - since < SETTLED_S and time.monotonic() < deadline:
        time.sleep(1)
        if (now := _sizes(database)) != sizes:
            sizes, since = now, time.monotonic()
    return sizes


def _sizes(database: Path) -> dict[str, Size]:
    """Rows and bytes of each table, its indexes included."""
    with contextlib.closing(
        sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True, timeout=60)
    ) as connection:
        owner = dict(connection.execute("SELECT name, tbl_name FROM sqlite_schema"))
        tables = [
            name for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")
        ]
        size: Counter[str] = Counter()
        for name, used in connection.execute("SELECT name, sum(pgsize) FROM dbstat GROUP BY name"):
            size[owner.get(name, name)] += used
        rows = {name: connection.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0] for name in tables}
    return {name: (rows[name], size[name]) for name in tables}


def _show(name: str, grown: dict[str, Size], took_s: float) -> None:
    print(f"{CLIPS} {name}, in {took_s:.0f} s (a clip takes {CLIP_S:g} s)")
    print(f"  {'table':<24}{'rows each':>12}{'bytes each':>14}")
    for table, (rows, size) in sorted(grown.items(), key=lambda item: -item[1][1]):
        print(f"  {table:<24}{rows / CLIPS:>12.2f}{size / CLIPS:>14,.0f}")
    rows, size = (sum(column) for column in zip(*grown.values(), strict=True))
    print(f"  {'together':<24}{rows / CLIPS:>12.2f}{size / CLIPS:>14,.0f}")
    print(f"  1,000 of them: {1000 * rows / CLIPS:,.0f} rows, {1000 * size / CLIPS / 1e6:.0f} MB", flush=True)


def _details(database: Path) -> None:
    """Log lines, events and artifacts of both together, by kind and without their numbers."""
    asked = {
        "log line": "SELECT name || ': ' || message, length(message) FROM log",
        "event": "SELECT event, length(payload) + length(resource) + length(related) FROM events",
        "artifact": "SELECT type, length(data) FROM artifact",
    }
    with contextlib.closing(sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True)) as connection:
        for what, query in asked.items():
            count: Counter[str] = Counter()
            size: Counter[str] = Counter()
            for text, length in connection.execute(query):
                kind = re.sub(r"[0-9a-f-]{8,}|\d+(\.\d+)?", "#", str(text))[:90]
                count[kind] += 1
                size[kind] += length or 0
            for kind, number in count.most_common(25):
                print(
                    f"  {what}: {number / CLIPS:6.2f} for each pair, {size[kind] / CLIPS:8,.0f} bytes  {kind}"
                )


if __name__ == "__main__":
    sys.exit(main())
