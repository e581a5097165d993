"""One process of the chaos suite: makes or harvests clips on a store that kills, stops or fails it on cue.

Preloaded by a fork server, because DashScope and s3fs alone take a second to import.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import s3fs  # noqa: F401 - one second less for each process on S3
from plainsteps import PLAIN_STEPS

from footage.clip import follow
from footage.concurrency.executors import in_thread
from footage.context import Context
from footage.credentials import parse_key
from footage.errors import FootageError, StorageProblem
from footage.evidence.state import Permission
from footage.provider import sdk  # noqa: F401 - a third of a second less for each process that buys
from footage.settings import Settings
from footage.steps.cancel import cancel_clip
from footage.steps.check import enter, prepare
from footage.steps.harvest import harvest_store
from footage.steps.probe import probe_provider
from footage.storage import open_store
from footage.transfer import Limits

# Scaled down from 60, 120 and so on, with the relation that makes a take-over safe kept: a create is sent
# within lease_s / 2 of a beat and takes at most 0.8 * (lease_s / 2 + grace); others wait lease_s + grace.
SCALED: dict[str, Any] = {
    "lease_s": 2.0,
    "reconcile_grace_s": 2.0,
    "poll_min_s": 0.1,
    "poll_max_s": 0.5,
    "queries_per_second": 500.0,
    "submit_patience_s": 6.0,
    "deadline_s": 12.0,
    "region": "ap-southeast-1",
}
MODEL = "wan2.2-t2v-plus"


@dataclass(frozen=True)
class Cue:
    """What happens at the `at`-th call of a kind: "writes" are durable writes, "calls" are reads, too.

    kill: SIGKILL. stop: SIGSTOP, until somebody continues the process. fail: StorageProblem, for `times`
    calls. slow: every call from then on takes `times` seconds longer.
    """

    what: str
    at: int
    when: str = "before"
    of: str = "writes"
    times: float = 1


@dataclass(frozen=True)
class Job:
    """What one process does: `prompts` are made, or everything is harvested, or `cancel` is cancelled."""

    base_url: str
    store_url: str
    report: str
    prompts: tuple[str, ...] = ()
    harvest: bool = False
    cancel: str | None = None
    buy_again: bool = False
    cue: Cue | None = None
    start_at: float = 0.0
    store_options: dict[str, Any] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)


def request_of(prompt: str) -> dict[str, Any]:
    return {"prompt": prompt, "model": MODEL, "size": "832*480", "conform": "never"}


def context_of(job: Job, store: Any = None) -> Context:
    base = job.store_url
    settings = Settings(http_base_url=job.base_url, output_dir=base, **{**SCALED, **job.settings})
    store = store or open_store(settings.store_url, job.store_options)
    if job.cue is not None:
        store = CuedStore(store, job.cue)
    return _QuickStudio(settings, store, find_api_key=lambda: parse_key("sk-emulator", "chaos"))


def run(job: Job) -> None:
    """Do the job and leave a report; a killed process leaves none."""
    # Lines of this process are nobody's output; what matters is in the report.
    with contextlib.suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    time.sleep(max(0.0, job.start_at - time.time()))
    context = context_of(job)
    try:
        found = asyncio.run(_work(context, job))
    finally:
        with contextlib.suppress(FootageError):
            context.close()
    draft = Path(f"{job.report}.part")
    draft.write_text(json.dumps(found))
    draft.replace(job.report)


async def _work(context: Context, job: Job) -> dict[str, Any]:
    if job.harvest:
        done = await harvest_store(context, PLAIN_STEPS)
        return {"harvest": {"failed": done.failed, "waiting": done.waiting, "delivered": done.delivered}}
    if job.cancel is not None:
        return {"cancel": asdict(await in_thread(cancel_clip, context, job.cancel, "chaos"))}
    made = await asyncio.gather(*(_make(context, job, prompt) for prompt in job.prompts))
    return dict(zip(job.prompts, made, strict=True))


async def _make(context: Context, job: Job, prompt: str) -> dict[str, Any]:
    try:
        permission = Permission(buy_again=job.buy_again)
        prepared = await in_thread(prepare, context, request_of(prompt))
        clip = await in_thread(enter, context, prepared, permission)
        if clip.response is None:
            await in_thread(probe_provider, context, clip.order.region, clip.order.model)
            await follow(clip, PLAIN_STEPS)
        if clip.response is None:
            return {"error": "Nothing", "message": "", "next_step": None}
        return {"response": clip.response.model_dump(mode="json")}
    except FootageError as error:
        return {
            "error": type(error).__name__,
            "message": error.message,
            "next_step": error.next_step and str(error.next_step),
        }
    except Exception as error:  # noqa: BLE001 - a library's exception here is what the suite looks for
        return {"error": f"!{type(error).__name__}", "message": str(error), "next_step": None}


class _QuickStudio(Context):
    def download_limits(self) -> Limits:
        return Limits(silence_s=1.0, first_wait_s=0.05, allow_loopback=True)


_WRITES = ("create", "replace", "append", "create_file", "replace_file", "delete")
_READS = ("read", "get_file", "exists", "size", "sha256", "list")


class CuedStore:
    """A store that does something to its process, or fails, at an exact call. Heartbeats are not counted."""

    def __init__(self, store: Any, cue: Cue) -> None:
        self._store = store
        self._cue = cue
        self._calls = 0
        self._counting = threading.Lock()

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._store, name)
        counted = _WRITES if self._cue.of == "writes" else _WRITES + _READS
        return self._counted(found) if name in counted else found

    def _counted(self, method: Callable[..., Any]) -> Callable[..., Any]:
        def call(path: str, *args: Any, **named: Any) -> Any:
            if path.startswith("workers/"):
                return method(path, *args, **named)
            with self._counting:
                self._calls += 1
                number = self._calls
            self._act(number, "before")
            result = method(path, *args, **named)
            self._act(number, "after")
            return result

        return call

    def _act(self, number: int, moment: str) -> None:
        cue = self._cue
        if cue.what == "slow" and number >= cue.at:
            time.sleep(cue.times / 2)
        if moment != cue.when:
            return
        if cue.what == "fail" and cue.at <= number < cue.at + cue.times:
            raise StorageProblem("Could not write: 503.")
        if number != cue.at:
            return
        if cue.what == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        elif cue.what == "stop":
            os.kill(os.getpid(), signal.SIGSTOP)


def main() -> None:
    """For runs outside of the fork server: a job as JSON on stdin."""
    values = json.load(sys.stdin)
    cue = values.pop("cue", None)
    run(Job(**values, cue=Cue(**cue) if cue else None))


if __name__ == "__main__":
    main()
