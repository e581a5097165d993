"""A run whose events the server does not take begins no more steps, for a while."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Generator
from typing import TYPE_CHECKING, Any, cast

from emulatedrun import run
from prefect import flow
from prefect.events import emit_event
from prefect.events.worker import EventsWorker

from tasks.event_backlog import MOST_WAITING, events_waiting, with_room_for_events
from tasks.steps import STEPS

if TYPE_CHECKING:
    from conftest import PrefectServer


# So many go into a connection that is open before Prefect's client waits for the server (3.9).
SENT_UNANSWERED = 700


@contextlib.contextmanager
def _too_many_events(server: PrefectServer) -> Generator[None]:
    """More events than may wait, and a server that takes none of them."""
    # Whether the connection is open by now must not be a matter of luck.
    emit_event("test.backlog", resource={"prefect.resource.id": "test.connects"})
    EventsWorker.instance().wait_until_empty()
    os.kill(server.pid, signal.SIGSTOP)
    try:
        for number in range(SENT_UNANSWERED + MOST_WAITING + 100):
            emit_event("test.backlog", resource={"prefect.resource.id": f"test.{number}"})
        assert events_waiting() > MOST_WAITING
        yield
    finally:
        os.kill(server.pid, signal.SIGCONT)


def _step_of(patience_s: float) -> tuple[asyncio.Task[Any], list[int]]:
    """A step that was asked for, and how many events waited when it began."""
    waiting: list[int] = []

    async def step(_: Any) -> None:
        waiting.append(events_waiting())

    paced = with_room_for_events(step, patience_s)
    return asyncio.ensure_future(paced(cast("Any", None))), waiting


def test_a_step_begins_once_the_server_has_taken_the_events(prefect_server: PrefectServer) -> None:
    @flow
    async def lies_behind() -> list[int]:
        with _too_many_events(prefect_server):
            begun, waiting = _step_of(patience_s=60)
            await asyncio.wait({begun}, timeout=1.5)
            assert not waiting
        await begun
        return waiting

    (waiting,) = run(lies_behind).result()
    assert waiting <= MOST_WAITING


def test_a_server_that_takes_nothing_holds_a_step_up_for_so_long_only(prefect_server: PrefectServer) -> None:
    @flow
    async def is_not_answered() -> list[int]:
        with _too_many_events(prefect_server):
            begun, waiting = _step_of(patience_s=0.5)
            await asyncio.wait_for(begun, timeout=20)
        return waiting

    (waiting,) = run(is_not_answered).result()
    assert waiting > MOST_WAITING


def test_each_step_of_a_clip_waits(prefect_server: PrefectServer) -> None:
    @flow
    async def lies_behind() -> set[asyncio.Task[Any]]:
        with _too_many_events(prefect_server):
            steps = [asyncio.ensure_future(step(cast("Any", None))) for step in STEPS.values()]
            # One that begins fails at once, without a clip.
            begun, _ = await asyncio.wait(steps, timeout=1.5, return_when=asyncio.FIRST_COMPLETED)
            for step in steps:
                step.cancel()
            await asyncio.gather(*steps, return_exceptions=True)
        return begun

    assert run(lies_behind).result() == set()
