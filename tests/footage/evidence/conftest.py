"""One emulator has made the clips of one store; each case works on a copy of that store."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator
from typing import Any

import pytest
from damagedstore import World, request
from plainsteps import PLAIN_STEPS
from rawserver import RawServer, reply

from footage.clip import follow
from footage.emulator import Emulator
from footage.errors import FootageError, StillRunning
from footage.evidence.state import Permission, Step
from footage.steps.check import enter, prepare


async def _stop_here(_: Any) -> Any:
    raise StillRunning("far enough")


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    base = tmp_path_factory.mktemp("template")
    quick: dict[str, Any] = {"rate_limits": False, "concurrency": 1000, "render_workers": 1, "render": "tiny"}
    # Not faster: a task that runs for three of the emulator's hours fails by itself, here after 45 minutes.
    with Emulator(speed=4, generation_s=0.8, **quick) as emulator, RawServer(reply({})) as foreign:
        made = World(emulator, base, foreign, {}, {})
        context = made.context(base, lease_s=30.0, submit_patience_s=30.0, deadline_s=20.0)
        for what, steps in {
            "sealed": PLAIN_STEPS,
            "delivered": {**PLAIN_STEPS, Step.SEAL: _stop_here},
            "failed": PLAIN_STEPS,
            "open": {**PLAIN_STEPS, Step.POLL: _stop_here},
        }.items():
            if what == "failed":
                emulator.fault("failed-DataInspectionFailed", times=1)
            if what == "open":
                emulator.turn(generation_s=1e7)
            clip = enter(context, prepare(context, request(what)), Permission())
            made.keys[what] = clip.key
            with contextlib.suppress(FootageError):
                asyncio.run(follow(clip, steps))
            last = clip.evidence.state().last
            assert last is not None
            assert last.receipt is not None
            made.tasks[what] = last.receipt.task_id
        context.close()
        yield made
