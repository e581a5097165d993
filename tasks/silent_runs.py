"""Runs whose worker died without anybody noticing.

One automation crashes a run that stops beating, another one starts crashed runs again
(flows/cli/provisioning/automations.py). Both forget the runs that they watched when they are changed and when the
server starts anew, and those would stay "Running" or "Crashed" for ever. A run whose worker died between taking it and
starting its process is seen by neither, and would stay "Pending", with its place in the pool, whether it ran before or
not.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Iterable
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

import httpx
from prefect.client.orchestration import PrefectClient, get_client
from prefect.client.schemas.filters import (
    FlowFilter,
    FlowFilterName,
    FlowRunFilter,
    FlowRunFilterEndTime,
    FlowRunFilterState,
    FlowRunFilterStateType,
)
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.client.schemas.responses import SetStateStatus
from prefect.states import AwaitingRetry, Crashed

logger = logging.getLogger("footage.tasks")

# Three beats of the 60 s that prefect.yaml sets.
SILENCE = timedelta(seconds=180)
# The automation that starts crashed runs again; where an operator switched it off, nobody does.
RESTART_AUTOMATION = "wan-video: crashed runs go on"
# It does so after 45 s.
UNSTARTED = timedelta(seconds=120)
# Longer than infrastructure takes for a process: Prefect's workers give up a pod or a task after minutes. Where it
# takes longer all the same, two processes work on one run, and nothing is bought twice: who has a clip's lease drives
# it, each attempt is created by one alone, and each task is claimed for one attempt.
UNBEGUN = timedelta(minutes=15)
# What is older than the provider's memory is left to a person.
RECENT = timedelta(hours=24)
# The next of them comes by itself.
ON_SCHEDULE = ("harvest", "validate")
OUR_FLOWS = (
    "generate-video",
    "generate-videos",
    "generate-from-event",
    "finish-video",
    "storyboard",
    "listen",
    *ON_SCHEDULE,
)


async def crash_silent_runs(silence: timedelta = SILENCE) -> list[str]:
    """Call each running run of ours crashed that has beaten, and has not done so for `silence`; their names.

    A server that does not answer now is asked by the next harvest.
    """
    try:
        async with get_client() as client:
            return [
                name
                for name in [await _crash(client, run, silence) for run in await _running(client)]
                if name
            ]
    except httpx.HTTPError as error:
        logger.warning("Prefect does not tell which runs are silent (%s).", type(error).__name__)
        return []


async def start_crashed_runs(unstarted: timedelta = UNSTARTED) -> list[str]:
    """Start each crashed run of a deployment again that the automation did not; their names.

    Harvest and validate come back on schedule, and a run that crashed before its flow began would do so for ever.
    A server that does not answer now is asked by the next harvest.
    """
    try:
        async with get_client() as client:
            if not await crashed_runs_go_on(client):
                return []
            return [
                run.name
                for run in await _crashed(client, unstarted)
                if run.deployment_id is not None and run.run_count > 0 and await _start(client, run)
            ]
    except httpx.HTTPError as error:
        logger.warning("Prefect does not tell which runs are crashed (%s).", type(error).__name__)
        return []


async def start_unbegun_runs(unbegun: timedelta = UNBEGUN) -> list[str]:
    """Give each run back to the workers that one took `unbegun` ago and never began; their names.

    One that comes back on schedule is called crashed instead. A server that does not answer now is asked by the next
    harvest.
    """
    pending = FlowRunFilterState(type=FlowRunFilterStateType(any_=[StateType.PENDING]))
    try:
        async with get_client() as client:
            if not await crashed_runs_go_on(client):
                return []
            now, told = await server_time(client), list[str]()
            for flows, state in (({*OUR_FLOWS} - {*ON_SCHEDULE}, AwaitingRetry), (ON_SCHEDULE, Crashed)):
                found = run_pages(client, flows, FlowRunFilter(state=pending))
                runs = {run.id: run async for page in found for run in page}
                told += [
                    run.name for run in runs.values() if await _give_back(client, run, state, now, unbegun)
                ]
            return told
    except httpx.HTTPError as error:
        logger.warning("Prefect does not tell which runs were never begun (%s).", type(error).__name__)
        return []


async def _give_back(client: PrefectClient, run: Any, state: Any, now: datetime, unbegun: timedelta) -> bool:
    taken_for = now - run.state.timestamp
    # A flow that is called by another one has no worker. How often a run was begun before this says nothing.
    if run.deployment_id is None or taken_for < unbegun:
        return False
    message = f"A worker took it {taken_for.total_seconds():.0f} s ago and never began it: it died."
    if not await _taken(client, run, state(message=message)):
        return False
    logger.warning("Run %s was taken by a worker that never began it.", run.name)
    return True


async def crashed_runs_go_on(client: PrefectClient) -> bool:
    """Whether crashed runs are started again here; an operator may have switched that off."""
    return any(one.enabled for one in await client.read_automations_by_name(RESTART_AUTOMATION))


async def _crashed(client: PrefectClient, unstarted: timedelta) -> list[Any]:
    now = await server_time(client)
    since: Any = now - RECENT
    crashed = FlowRunFilter(
        state=FlowRunFilterState(type=FlowRunFilterStateType(any_=[StateType.CRASHED])),
        end_time=FlowRunFilterEndTime(after_=since),
    )
    flows = {*OUR_FLOWS} - {*ON_SCHEDULE}
    found = [run async for page in run_pages(client, flows, crashed) for run in page]
    return [run for run in found if run.state is not None and now - run.state.timestamp >= unstarted]


async def _start(client: PrefectClient, run: Any) -> bool:
    message = "Started again by harvest: the clip goes on where its evidence ends."
    if not await _taken(client, run, AwaitingRetry(message=message)):
        return False
    logger.warning("Run %s crashed and was not started again; it is now.", run.name)
    return True


async def _taken(client: PrefectClient, run: Any, state: Any) -> bool:
    """Whether the server took the state; the run may have ended or gone on meanwhile."""
    answer = await client.set_flow_run_state(run.id, state)
    return answer.status == SetStateStatus.ACCEPT


async def _running(client: PrefectClient) -> list[Any]:
    running = FlowRunFilterState(type=FlowRunFilterStateType(any_=[StateType.RUNNING]))
    pages = run_pages(client, OUR_FLOWS, FlowRunFilter(state=running))
    # Of pages that shift meanwhile, a run may be in two.
    return [*{run.id: run async for page in pages for run in page}.values()]


async def run_pages(
    client: PrefectClient, flows: Iterable[str], wanted: FlowRunFilter
) -> AsyncIterator[list[FlowRun]]:
    """The runs of these flows that the filter lets through, as the server gives them: 200 at a time."""
    named, seen = FlowFilter(name=FlowFilterName(any_=[*flows])), 0
    while page := await client.read_flow_runs(flow_filter=named, flow_run_filter=wanted, offset=seen):
        seen += len(page)
        yield page


async def _crash(client: PrefectClient, run: Any, silence: timedelta) -> str | None:
    silent_for = await _silent_for(client, run)
    if silent_for is None or silent_for < silence:
        return None
    message = f"No heartbeat for {silent_for.total_seconds():.0f} s: the worker died or lost its network."
    if not await _taken(client, run, Crashed(message=message)):
        return None
    logger.warning("Run %s is silent and now counts as crashed.", run.name)
    return run.name


async def _silent_for(client: PrefectClient, run: Any) -> timedelta | None:
    """How long ago the run's last beat came, by the server's clock alone; None: it never beat.

    The last beat of a run that was started again may be of the process before: the new one's comes after its start.
    """
    wanted = {
        "event": {"name": ["prefect.flow-run.heartbeat"]},
        "resource": {"id": [f"prefect.flow-run.{run.id}"]},
        "order": "DESC",
    }
    answer = await client.request("POST", "/events/filter", json={"filter": wanted, "limit": 1})
    events = answer.json()["events"]
    if not events:
        return None
    beat = datetime.fromisoformat(events[0]["received"])
    return _time_of(answer) - max(beat, run.state.timestamp)


async def server_time(client: PrefectClient) -> datetime:
    """The server's clock wrote the times that it tells, and this machine's may be hours from it."""
    return _time_of(await client.request("GET", "/health"))


def _time_of(answer: httpx.Response) -> datetime:
    return parsedate_to_datetime(answer.headers["date"]) if "date" in answer.headers else datetime.now(UTC)
