"""Waits before a step while Prefect has many events to send: each of them keeps its task run in memory until then."""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING, Any

from prefect.events.worker import EventsWorker

from footage.concurrency.boot_clock import boot_clock_s

if TYPE_CHECKING:
    from footage.clip import Clip, StepRunner

# An event that waits takes about 27 kB (measured), and a clip has some twenty.
MOST_WAITING = 200
# A server that takes nothing any more must not cost a paid clip its 24 hours.
PATIENCE_S = 10.0


def with_room_for_events(step: StepRunner, patience_s: float = PATIENCE_S) -> StepRunner:
    """The step, begun once few enough of the events of this process wait, or after `patience_s` seconds."""

    async def paced(clip: Clip) -> Any:
        until_s = boot_clock_s() + patience_s
        while events_waiting() > MOST_WAITING and boot_clock_s() < until_s:  # noqa: ASYNC110 - nothing tells
            # Not all at the same moment, else all that wait begin at once.
            await asyncio.sleep(random.uniform(0.05, 1.0))
        return await step(clip)

    return paced


def events_waiting() -> int:
    """How many events of this process Prefect has not sent yet."""
    # Prefect has no public way to ask (3.9).
    return EventsWorker.instance()._queue.qsize()  # pyright: ignore[reportPrivateUsage]
