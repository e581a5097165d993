"""Runs that were cancelled while no process had them.

Prefect calls the hook of a cancelled run in the worker that has its process, and only there. Where that worker died or
the run waited to be started again, the run becomes "Cancelled" all the same, and its clips went on.
"""

from __future__ import annotations

import logging
import random
import time
from datetime import datetime, timedelta
from itertools import takewhile
from typing import TYPE_CHECKING, Any
from uuid import UUID

import httpx
from prefect.client.orchestration import PrefectClient, get_client
from prefect.client.schemas.filters import (
    ArtifactFilter,
    ArtifactFilterFlowRunId,
    ArtifactFilterKey,
    DeploymentFilter,
    DeploymentFilterName,
    FlowRunFilter,
    FlowRunFilterEndTime,
    FlowRunFilterState,
    FlowRunFilterStateType,
)
from prefect.client.schemas.objects import StateType

from footage.emulated_environment import EMULATED_DEPLOYMENT, emulated_here
from tasks.hooks import CANCELLED_PAGE, cancel_and_tell
from tasks.silent_runs import OUR_FLOWS, RECENT, SILENCE, run_pages, server_time

if TYPE_CHECKING:
    from prefect.client.schemas.objects import FlowRun

logger = logging.getLogger("footage.tasks")

# The others buy nothing.
_FLOWS = sorted(set(OUR_FLOWS) - {"harvest", "listen", "validate"})
# So that a harvest is not kept from the clips that expire; the next one takes the rest.
_AT_MOST = 50
_WITHIN_S = 120.0


async def cancel_unheard_runs(unheard: timedelta = SILENCE) -> list[str]:
    """Cancel the clips of each run of a deployment whose Cancel no process heard; the runs' names.

    A worker has `unheard` to do it first; that it was done is told by the artifact that says so. To be called within
    the run's context, which tells whether this is the stand-in. A server that does not answer now is asked by the next
    harvest.
    """
    late: list[str] = []
    try:
        async with get_client() as client:
            until_s = time.monotonic() + _WITHIN_S
            now = await server_time(client)
            runs = await _cancelled_runs(client, now)
            # What cannot be cancelled here must not stand before the others in each harvest.
            random.shuffle(runs)
            # And few of those that have a page were cancelled since.
            runs.sort(key=lambda one: one[1] is not None)
            tried = 0
            for run, told_at in runs:
                asked_at = _asked_at(await client.read_flow_run_states(run.id), now, unheard)
                if asked_at is not None and (told_at is None or told_at < asked_at):
                    tried += 1
                    if await cancel_and_tell(run, asked_at=asked_at):
                        logger.warning(
                            "No worker heard that run %s was cancelled; its page tells of its clips.",
                            run.name,
                        )
                        late.append(run.name)
                if tried >= _AT_MOST or time.monotonic() > until_s:
                    break
    except httpx.HTTPError as error:
        logger.warning("Prefect does not tell which runs were cancelled (%s).", type(error).__name__)
    return late


async def _cancelled_runs(client: PrefectClient, now: datetime) -> list[tuple[FlowRun, datetime | None]]:
    """The runs that were cancelled and may not have been heard; since when a page says what became of their clips."""
    since: Any = now - RECENT
    twins = DeploymentFilter(name=DeploymentFilterName(any_=[EMULATED_DEPLOYMENT]))
    emulated = {one.id for one in await client.read_deployments(deployment_filter=twins)}
    found: list[tuple[FlowRun, datetime | None]] = []
    for cancelled in (
        FlowRunFilter(state=_of(StateType.CANCELLING)),
        FlowRunFilter(state=_of(StateType.CANCELLED), end_time=FlowRunFilterEndTime(after_=since)),
    ):
        async for page in run_pages(client, _FLOWS, cancelled):
            # The stand-in has a store of its own.
            here = [
                run
                for run in page
                if run.deployment_id and (run.deployment_id in emulated) == emulated_here()
            ]
            begun = [run for run in here if run.run_count > 0]
            told = await _told(client, [run.id for run in begun])
            # The page of a run that was started again may be of an earlier Cancel.
            found += [(run, told.get(run.id)) for run in begun if run.id not in told or run.run_count > 1]
    return found


def _of(kind: StateType) -> FlowRunFilterState:
    return FlowRunFilterState(type=FlowRunFilterStateType(any_=[kind]))


async def _told(client: PrefectClient, runs: list[UUID]) -> dict[UUID | None, datetime]:
    """When the hook last made its page for these runs; those without one are left out."""
    pages = ArtifactFilter(
        flow_run_id=ArtifactFilterFlowRunId(any_=runs), key=ArtifactFilterKey(like_=CANCELLED_PAGE)
    )
    made: dict[UUID | None, datetime] = {}
    for page in await client.read_artifacts(artifact_filter=pages) if runs else []:
        if page.created is not None:
            made[page.flow_run_id] = max(page.created, made.get(page.flow_run_id, page.created))
    return made


def _asked_at(history: list[Any], now: datetime, unheard: timedelta) -> datetime | None:
    """When Cancel was pressed; None: its worker may be about to cancel the clips, or the run ended so by itself."""
    newest_first = sorted(history, key=lambda state: state.timestamp, reverse=True)
    ends = list(
        takewhile(lambda state: state.type in (StateType.CANCELLING, StateType.CANCELLED), newest_first)
    )
    before = newest_first[len(ends)].type if len(newest_first) > len(ends) else None
    if not ends:
        return None
    last, first = ends[0], ends[-1]
    if last.type == StateType.CANCELLING and now - first.timestamp < unheard:
        return None
    # A run ends as cancelled without having been asked to, such as one whose price was refused.
    by_itself = first.type == StateType.CANCELLED and before in (StateType.RUNNING, StateType.PAUSED)
    return None if by_itself else first.timestamp
