"""Rendering and image inspection in worker processes, away from the event loop, with every clip made once."""

import asyncio
import hashlib
import json
import logging
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from footage.emulator.faults import without_directives
from footage.emulator.knobs import Knobs
from footage.emulator.tasks import Task

_log = logging.getLogger(__name__)
_LINE_LIMIT = 1 << 20


class WorkerError(Exception):
    """A worker could not do its job."""


class RenderPool:
    """A few worker processes, started when first needed."""

    def __init__(self, folder: Path, knobs: Knobs) -> None:
        self.clips = folder / "clips"
        self.images = folder / "images"
        for room in (self.clips, self.images):
            room.mkdir(parents=True, exist_ok=True)
        self.knobs = knobs
        self._idle: asyncio.LifoQueue[asyncio.subprocess.Process | None] = asyncio.LifoQueue()
        for _ in range(max(1, knobs.render_workers)):
            self._idle.put_nowait(None)

    async def clip(self, task: Task) -> str:
        """The file name of the task's clip under `clips`, rendered unless the same clip was made before."""
        if task.plan is None:
            raise WorkerError("a task without a plan cannot be filmed")
        job: dict[str, Any] = {
            **asdict(task.plan),
            "fps": self.knobs.fps,
            "render": self.knobs.render,
            "aigc": self.knobs.aigc,
            "model": task.model,
            "prompt": without_directives(task.prompt)[:400],
        }
        if not task.plan.begins_with and not task.plan.ends_with:
            # As before there were such plans, so that clips that were made then are found.
            for field in ("begins_with", "ends_with", "ratio", "billed_input_s", "overrun_s"):
                if not job[field]:
                    del job[field]
        name = hashlib.sha256(json.dumps(job, sort_keys=True).encode()).hexdigest()[:32] + ".mp4"
        image = task.plan.zoom_from
        if not (self.clips / name).with_suffix(".json").exists():
            paths = {
                field: str(self.images / medium) if medium else None
                for field, medium in (
                    ("image", image),
                    ("begins_with", task.plan.begins_with),
                    ("ends_with", task.plan.ends_with),
                )
            }
            await self._do({**job, **paths, "op": "render", "out": str(self.clips / name)})
        return name

    async def inspect(self, medium: str, what: str) -> dict[str, Any]:
        """What a worker finds out about a file under `images`; `what` is "look", "watch" or "listen"."""
        return await self._do({"op": what, "path": str(self.images / medium)})

    async def _do(self, job: dict[str, Any]) -> dict[str, Any]:
        worker = await self._idle.get()
        try:
            if worker is None or worker.returncode is not None:
                worker = await asyncio.create_subprocess_exec(
                    sys.executable,
                    *("-m", "footage.emulator.render_worker"),
                    stdin=asyncio.subprocess.PIPE,
                    stdout=asyncio.subprocess.PIPE,
                    limit=_LINE_LIMIT,
                )
            if worker.stdin is None or worker.stdout is None:
                raise WorkerError("the render worker has no pipes")
            worker.stdin.write(json.dumps(job).encode() + b"\n")
            await worker.stdin.drain()
            line = await worker.stdout.readline()
        except OSError as error:
            raise WorkerError(f"the render worker broke down: {error}") from error
        finally:
            self._idle.put_nowait(worker)
        if not line:
            raise WorkerError("the render worker ended in the middle of a job")
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise WorkerError(answer["error"])
        return answer

    async def close(self) -> None:
        while not self._idle.empty():
            worker = self._idle.get_nowait()
            if worker is not None and worker.returncode is None and worker.stdin is not None:
                worker.stdin.close()
                await worker.wait()
