"""One worker of the proof: makes a chunk of clips through the core, and reports what that cost.

python worker.py JSON        the fields of `Chunk`; prints one line of JSON unless it is killed
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import resource
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "support")]

from countedstore import CountedStore
from plainsteps import PLAIN_STEPS

from footage.child.fork_client import SERVER
from footage.clip import follow
from footage.concurrency.executors import in_thread
from footage.context import Context
from footage.credentials import parse_key
from footage.errors import FootageError
from footage.evidence.state import Permission
from footage.settings import Settings
from footage.steps.check import enter, prepare
from footage.steps.harvest import harvest_store
from footage.steps.probe import probe_provider
from footage.storage import open_store
from footage.transfer import Limits

MODEL, SIZE, REGION = "wan2.2-t2v-plus", "832*480", "ap-southeast-1"


@dataclass(frozen=True)
class Chunk:
    """The work of one process; without prompts it is a harvest."""

    base_url: str
    api_key: str
    folder: str
    prompts: tuple[str, ...] = ()
    settings: dict[str, Any] | None = None


class _Context(Context):
    def download_limits(self) -> Limits:
        return Limits(allow_loopback=True)


class _AsInABucket(CountedStore):
    """A folder that is asked as seldom as an object store, where each request costs."""

    remote = True


def asked_until_now(chunk: Chunk, pid: int) -> int:
    """How often the store was asked by a worker that is dead."""
    file = _asked_file(chunk, pid)
    try:
        return int(file.read_text() or 0)
    except FileNotFoundError:
        return 0
    finally:
        # Another worker may get this process id.
        file.unlink(missing_ok=True)


def _asked_file(chunk: Chunk, pid: int) -> Path:
    return Path(chunk.folder).with_name(f"asked-{pid}")


def _tell_asked(chunk: Chunk, store: CountedStore) -> None:
    file = _asked_file(chunk, os.getpid())
    while True:
        file.write_text(str(len(store.asked)))
        time.sleep(0.1)


async def work(context: Context, chunk: Chunk) -> dict[str, str]:
    """How each prompt ended: "delivered", or the name of the error."""
    if not chunk.prompts:
        report = await harvest_store(context, PLAIN_STEPS)
        return {"harvested": str(len(report.delivered)), "failed": str(len(report.failed))}
    await in_thread(probe_provider, context, REGION, MODEL)
    ends = await asyncio.gather(*(make(context, prompt) for prompt in chunk.prompts))
    return dict(zip(chunk.prompts, ends, strict=True))


async def make(context: Context, prompt: str) -> str:
    """Drive one clip as far as it goes."""
    try:
        request = {"prompt": prompt, "model": MODEL, "size": SIZE, "conform": "never"}
        prepared = await in_thread(prepare, context, request)
        clip = await in_thread(enter, context, prepared, Permission())
        if clip.response is None:
            await follow(clip, PLAIN_STEPS)
        return "delivered" if clip.response else "nothing"
    except FootageError as error:
        return type(error).__name__


def main() -> None:
    chunk = Chunk(**json.loads(sys.argv[1]))
    logging.disable(logging.CRITICAL)
    settings = Settings(
        http_base_url=chunk.base_url, output_dir=chunk.folder, region=REGION, **(chunk.settings or {})
    )
    store = _AsInABucket(open_store(settings.store_url))
    threading.Thread(target=_tell_asked, args=(chunk, store), daemon=True).start()
    context = _Context(settings, store, find_api_key=lambda: parse_key(chunk.api_key, "scale"))
    try:
        ends = asyncio.run(work(context, chunk))
    finally:
        context.close()
    # Else the children that looked at the clips are not counted.
    SERVER.stop()
    spent = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    report = {
        "ends": ends,
        "cpu_s": sum(each.ru_utime + each.ru_stime for each in spent),
        "memory_mb": _peak_mb(),
        "asked": len(store.asked),
    }
    _asked_file(chunk, os.getpid()).unlink(missing_ok=True)
    print(json.dumps(report))


def _peak_mb() -> float:
    # Not ru_maxrss, which begins with that of the process that started this one.
    status = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in status if line.startswith("VmHWM")).split()[1]) / 1024


if __name__ == "__main__":
    main()
