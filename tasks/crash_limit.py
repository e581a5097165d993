"""A run that crashed is started again by an automation; here it is decided when that has been enough.

The automation itself has no count: without a bound, a clip that kills its worker (out of memory, a broken
disk) would kill workers for ever. What a person starts again after that counts anew.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable

from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import StateType
from prefect.context import FlowRunContext

from footage.errors import NotFinished

logger = logging.getLogger("footage.tasks")

# A worker that is updated or moved crashes a run once; four times in a row is the run's own doing.
CRASHES_AT_MOST = 3
_ENDS = (StateType.COMPLETED, StateType.FAILED, StateType.CANCELLED, StateType.CRASHED)


class GaveUp(NotFinished):
    """The run crashed too often in a row; nothing is lost, and a person has to look at the cause."""


def crashes_in_a_row(states: Iterable[StateType]) -> int:
    """How often the run crashed since it last ended in any other way; `states` from the oldest on."""
    count = 0
    for state in states:
        if state == StateType.CRASHED:
            count += 1
        elif state in _ENDS:
            count = 0
    return count


async def give_up_after_crashes() -> None:
    """Stop a run that was started again too often without a person's word; outside of a run it does nothing.

    Raises:
        GaveUp: It crashed more than CRASHES_AT_MOST times in a row.
    """
    context = FlowRunContext.get()
    flow_run = context.flow_run if context else None
    if flow_run is None or flow_run.run_count <= CRASHES_AT_MOST:
        return
    async with get_client() as client:
        states = await client.read_flow_run_states(flow_run.id)
    crashes = crashes_in_a_row(state.type for state in sorted(states, key=lambda state: state.timestamp))
    if crashes > CRASHES_AT_MOST:
        raise GaveUp(
            f"This run crashed {crashes} times in a row, so it is not started again by itself.",
            next_step="look at the log of its worker for the cause (memory, disk, network), then press Retry; "
            "what was bought is finished by harvest",
        )
    logger.info("This run goes on after %d crashes in a row.", crashes)
