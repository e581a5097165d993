"""A run that crashed is started again by an automation; here it is decided whether it goes on.

The automation itself has no count: without a bound, a clip that kills its worker (out of memory, a broken
disk) would kill workers for ever. What a person starts again after that counts anew. Nor does the automation know
whether the board that started the run was cancelled since, nor does the queue that a run waits in for its first start:
the run would buy for nobody.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

import httpx
from prefect.client.orchestration import PrefectClient, get_client
from prefect.client.schemas.objects import StateType
from prefect.context import FlowRunContext
from prefect.exceptions import ObjectNotFound

from footage.errors import Canceled, NotFinished

if TYPE_CHECKING:
    from prefect.client.schemas.objects import State

logger = logging.getLogger("footage.tasks")

# A worker that is updated or moved crashes a run once; four times in a row is the run's own doing.
CRASHES_AT_MOST = 3
# But a run that is meant to last meets that many in its days. Longer than it takes a harvest to notice a silent run.
LASTED = timedelta(hours=1)
# Whatever comes after these was asked for by a person.
ENDS = (StateType.COMPLETED, StateType.FAILED, StateType.CANCELLED)


class GaveUp(NotFinished):
    """The run crashed too often, each time soon after its start; nothing is lost, but a person has to look into it."""


def crashes_in_a_row(states: Iterable[State[Any]]) -> int:
    """How often the run crashed within an hour of a start since it last lasted longer, or ended in any other way."""
    count, started_at = 0, None
    for state in sorted(states, key=lambda state: state.timestamp):
        if state.type == StateType.SCHEDULED:
            started_at = None
        elif state.type == StateType.RUNNING:
            started_at = state.timestamp
        elif state.type == StateType.CRASHED:
            lasted = started_at is not None and state.timestamp - started_at >= LASTED
            count = 0 if lasted else count + 1
        elif state.type in ENDS:
            count = 0
    return count


async def require_wanted() -> None:
    """Stop a run that nobody wants any more, or that crashes again and again; outside of a run it does nothing.

    Raises:
        Canceled: The run that started it is cancelled.
        GaveUp: It crashed more than CRASHES_AT_MOST times in a row.
    """
    context = FlowRunContext.get()
    flow_run = context.flow_run if context else None
    if flow_run is None:
        return
    parent, may_have_crashed = flow_run.parent_task_run_id, flow_run.run_count > CRASHES_AT_MOST
    if parent is None and not may_have_crashed:
        return
    async with get_client() as client:
        # Also at its first start: where the worker of a cancelled run is dead, what waits in the queue is begun.
        if parent is not None and await _is_cancelled(client, parent):
            raise Canceled("The run that started this one was cancelled, so this one does not go on.")
        if not may_have_crashed:
            return
        states = await client.read_flow_run_states(flow_run.id)
    crashes = crashes_in_a_row(states)
    if crashes > CRASHES_AT_MOST:
        raise GaveUp(
            f"This run crashed {crashes} times in a row, each time within an hour of its start, so it is not started "
            "again by itself.",
            next_step="look at the log of its worker for the cause (memory, disk, network), then press Retry; "
            "what was bought is finished by harvest",
        )
    logger.info("This run goes on after %d crashes in a row.", crashes)


async def _is_cancelled(client: PrefectClient, parent_task_run_id: UUID) -> bool:
    """Whether the run that this task run is of is cancelled."""
    try:
        task_run = await client.read_task_run(parent_task_run_id)
        parent = await client.read_flow_run(task_run.flow_run_id) if task_run.flow_run_id else None
    except ObjectNotFound:
        # Deleted, which is no word about what it started.
        return False
    except httpx.HTTPError as error:
        # It goes on: what such a run buys is within its parent's word, and a wish to cancel stands.
        logger.warning("Prefect does not say whether the parent of this run is cancelled (%s).", error)
        return False
    state = parent.state if parent else None
    return state is not None and (state.is_cancelling() or state.is_cancelled())
