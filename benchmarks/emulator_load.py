"""What a request costs the emulator: 300 clients poll their tasks at once, on the cores that this machine has.

    python benchmarks/emulator_load.py [--clients 300] [--seconds 10]

Three rounds: everybody polls once a second over kept connections, then over a new connection for every poll (as
the DashScope SDK does), then without a pause. Prints CPU time of the emulator per request (its own process clock),
and latency as a client sees it. Fails when a single answer is wrong.
"""

import argparse
import asyncio
import json
import os
import statistics
import time
import urllib.request
from dataclasses import dataclass, field

from footage.emulator import Emulator


@dataclass
class Tally:
    latencies_s: list[float] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)


async def _client(
    emulator: Emulator, task_id: str, tally: Tally, until: float, pause_s: float, keep: bool
) -> None:
    host, port = emulator.url.removeprefix("http://").split(":")
    request = (
        f"GET /api/v1/tasks/{task_id} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {emulator.api_key}\r\n"
        "Accept-Encoding: gzip, deflate\r\nUser-Agent: load\r\n\r\n"
    ).encode()
    reader = writer = None
    await asyncio.sleep(pause_s * (hash(task_id) % 1000) / 1000)
    while time.perf_counter() < until:
        began = time.perf_counter()
        try:
            if reader is None or writer is None:
                reader, writer = await asyncio.open_connection(host, int(port))
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
            body = b""
            while (size := int((await reader.readuntil(b"\r\n")), 16)) > 0:
                body += (await reader.readexactly(size + 2))[:-2]
            await reader.readexactly(2)
            if b" 200 " not in head.split(b"\r\n", 1)[0] or not body:
                tally.errors.append(head.decode())
        except (OSError, ValueError, asyncio.IncompleteReadError) as error:
            tally.errors.append(repr(error))
            reader = writer = None
        tally.latencies_s.append(time.perf_counter() - began)
        if not keep and writer is not None:
            writer.close()
            reader = writer = None
        await asyncio.sleep(max(0.0, pause_s - (time.perf_counter() - began)))
    if writer is not None:
        writer.close()


def _create(emulator: Emulator) -> str:
    body = {
        "model": "wan2.2-t2v-plus",
        "input": {"prompt": "load"},
        "parameters": {"size": "832*480", "seed": 1},
    }
    headers = {
        "Authorization": f"Bearer {emulator.api_key}",
        "X-DashScope-Async": "enable",
        "Content-Type": "application/json",
    }
    url = f"{emulator.base_url}/services/aigc/video-generation/video-synthesis"
    with urllib.request.urlopen(urllib.request.Request(url, json.dumps(body).encode(), headers)) as answer:
        return json.loads(answer.read())["output"]["task_id"]


async def _round(
    emulator: Emulator, tasks: list[str], seconds: float, pause_s: float, keep: bool, name: str
) -> None:
    tally, until = Tally(), time.perf_counter() + seconds
    cpu_before_s = emulator.health()["cpu_s"]
    async with asyncio.TaskGroup() as group:
        for task_id in tasks:
            group.create_task(_client(emulator, task_id, tally, until, pause_s, keep))
    cpu_s = emulator.health()["cpu_s"] - cpu_before_s
    count, centiles = len(tally.latencies_s), statistics.quantiles(tally.latencies_s, n=100)
    print(
        f"{name:34} {count:6d} requests  {count / seconds:6.0f}/s  {len(tally.errors)} errors  "
        f"CPU {1000 * cpu_s / count:.2f} ms/request  latency median {1000 * centiles[49]:.1f} ms  "
        f"p99 {1000 * centiles[98]:.1f} ms"
    )
    if tally.errors:
        raise SystemExit(f"first error: {tally.errors[0]}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clients", type=int, default=300)
    parser.add_argument("--seconds", type=float, default=10.0, help="length of each of the three rounds")
    options = parser.parse_args()
    # No limits, and tasks that outlive the check: the cost of a request is measured, not what the rules refuse.
    knobs = {"rate_limits": False, "concurrency": options.clients, "generation_s": 3000, "render": "tiny"}
    with Emulator(**knobs) as emulator:
        began = time.perf_counter()
        tasks = [_create(emulator) for _ in range(options.clients)]
        each_ms = 1000 * (time.perf_counter() - began) / len(tasks)
        print(
            f"{os.cpu_count()} cores, {options.clients} clients; a create takes {each_ms:.1f} ms, one after another"
        )
        for pause_s, keep, name in (
            (1.0, True, "once a second, kept connections"),
            (1.0, False, "once a second, new connections"),
            (0.0, True, "without a pause, kept connections"),
        ):
            asyncio.run(_round(emulator, tasks, options.seconds, pause_s, keep, name))


if __name__ == "__main__":
    main()
