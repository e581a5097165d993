"""How the runs are that this one waits for: asked about together, since a thousand would be 500 questions a second."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, NamedTuple

from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId
from prefect.exceptions import ObjectNotFound

from tasks.silent_runs import crashed_runs_go_on

if TYPE_CHECKING:
    from uuid import UUID

    from prefect.client.orchestration import PrefectClient
    from prefect.client.schemas.objects import FlowRun

LOOK_EVERY_S = 2.0
# As many as a server gives at once, unless it is set otherwise.
_PAGE = 200


class SeenRun(NamedTuple):
    """A run as the server has it, and whether somebody starts it again although it crashed."""

    run: FlowRun
    goes_on: bool


class AwaitedRuns:
    """Asks about all runs that are waited for at a time, a page of them in each question."""

    def __init__(self) -> None:
        self._waiting: dict[UUID, asyncio.Future[SeenRun]] = {}
        self._looks: set[asyncio.Task[None]] = set()

    async def see(self, run_id: UUID) -> SeenRun:
        """The run at the next look, which comes within seconds.

        Raises:
            httpx.TransportError, httpx.HTTPStatusError: The server does not say.
            ObjectNotFound: It has no such run.
        """
        if not self._waiting:
            look = asyncio.create_task(self._look_at_all())
            self._looks.add(look)
            look.add_done_callback(self._looks.discard)
        return await self._waiting.setdefault(run_id, asyncio.get_running_loop().create_future())

    async def _look_at_all(self) -> None:
        await asyncio.sleep(LOOK_EVERY_S)
        waiting, self._waiting = self._waiting, {}
        try:
            async with get_client() as client:
                ids = list(waiting)
                for first in range(0, len(ids), _PAGE):
                    page = ids[first : first + _PAGE]
                    found = await _seen(client, page)
                    for run_id in page:
                        _tell(waiting[run_id], found.get(run_id) or _missing(run_id))
        except Exception as error:  # noqa: BLE001 - raised by each who waits
            for each in waiting.values():
                _tell(each, error)


async def _seen(client: PrefectClient, ids: list[UUID]) -> dict[UUID, SeenRun]:
    found: dict[UUID, FlowRun] = {}
    # A server may be set to give fewer at once than are asked for.
    while left := [run_id for run_id in ids if run_id not in found]:
        runs = await client.read_flow_runs(flow_run_filter=FlowRunFilter(id=FlowRunFilterId(any_=left)))
        if not runs:
            break
        found |= {run.id: run for run in runs}
    # One that crashed before its flow began would do so again, so nobody starts it.
    crashed = {
        run.id
        for run in found.values()
        if run.state is not None and run.state.is_crashed() and run.run_count > 0
    }
    go_on = bool(crashed) and await crashed_runs_go_on(client)
    return {run.id: SeenRun(run, go_on and run.id in crashed) for run in found.values()}


def _missing(run_id: UUID) -> ObjectNotFound:
    return ObjectNotFound(LookupError(f"there is no flow run {run_id}"))


def _tell(waiting: asyncio.Future[SeenRun], told: SeenRun | Exception) -> None:
    # Whoever waited may be gone.
    with contextlib.suppress(asyncio.InvalidStateError):
        if isinstance(told, Exception):
            waiting.set_exception(told)
        else:
            waiting.set_result(told)
