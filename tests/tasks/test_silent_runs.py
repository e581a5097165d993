"""Runs that stopped beating are found by harvest."""

from __future__ import annotations

import asyncio
import time
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any
from uuid import UUID

import httpx
import pytest
from failinggateway import FailingGateway
from prefect import flow
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterName
from prefect.events import emit_event
from prefect.events.worker import EventsWorker
from prefect.settings import PREFECT_API_URL, temporary_settings
from prefect.states import Running

from tasks.run_repair import repair_runs
from tasks.silent_runs import crash_silent_runs, run_pages

pytestmark = pytest.mark.filterwarnings("default::DeprecationWarning", "default::ResourceWarning")


@flow(name="generate-video")
def _one_of_ours() -> None:
    pass


async def _running_run(name: str) -> UUID:
    async with get_client() as client:
        flow_run = await client.create_flow_run(_one_of_ours, name=name, state=Running())
    return flow_run.id


async def _beat(run_id: UUID) -> None:
    emit_event("prefect.flow-run.heartbeat", resource={"prefect.resource.id": f"prefect.flow-run.{run_id}"})
    await asyncio.to_thread(EventsWorker.instance().wait_until_empty)


def _until_heard(api: httpx.Client, run_id: UUID | str, *wanted: str) -> dict[str, str]:
    """When the server got each kind of event of a run; waits until all that are wanted are there."""
    body = {"filter": {"resource": {"id": [f"prefect.flow-run.{run_id}"]}, "order": "DESC"}}
    for _ in range(300):
        events = api.post("events/filter", json=body).json()["events"]
        heard = {event["event"].rpartition(".")[2]: event["received"] for event in events}
        if heard.keys() >= set(wanted):
            return heard
        time.sleep(0.1)
    raise AssertionError(f"the server heard only {sorted(heard)}")


def test_a_run_that_has_beaten_and_is_silent_is_crashed_and_one_that_never_beat_is_not(
    prefect_api: httpx.Client,
) -> None:
    silent, without_beats = asyncio.run(_running_run("of a dead worker")), asyncio.run(_running_run("new"))
    asyncio.run(_beat(silent))
    _until_heard(prefect_api, silent, "heartbeat")

    assert asyncio.run(crash_silent_runs(timedelta(hours=1))) == []
    # The runs that other tests killed are found, too.
    told = asyncio.run(repair_runs(silence=timedelta(seconds=-5)))
    assert "run of a dead worker was silent and is called crashed now" in told

    states = [
        prefect_api.get(f"flow_runs/{run_id}").json()["state"]["type"] for run_id in (silent, without_beats)
    ]
    assert states == ["CRASHED", "RUNNING"]
    prefect_api.delete(f"flow_runs/{without_beats}").raise_for_status()


@pytest.mark.slow
def test_a_run_that_was_started_again_or_has_ended_meanwhile_is_not_called_crashed(
    prefect_server: Any, prefect_api: httpx.Client
) -> None:
    again, ending = asyncio.run(_running_run("started again")), asyncio.run(_running_run("just ending"))
    for run_id in (again, ending):
        asyncio.run(_beat(run_id))
        beaten = datetime.fromisoformat(_until_heard(prefect_api, run_id, "heartbeat")["heartbeat"])
    silence = timedelta(seconds=4)
    while parsedate_to_datetime(prefect_api.get("health").headers["date"]) - beaten < silence:
        time.sleep(0.2)
    _set(prefect_api, again, "CRASHED", "RUNNING")

    def end(asked: str) -> None:
        if asked.endswith(f"{ending}/set_state"):
            _set(prefect_api, ending, "COMPLETED")

    with FailingGateway(prefect_server.url) as gateway, temporary_settings({PREFECT_API_URL: gateway.url}):
        gateway.on_request = end
        told = asyncio.run(crash_silent_runs(silence))

    assert not {"started again", "just ending"} & {*told}
    states = [prefect_api.get(f"flow_runs/{run_id}").json()["state"]["type"] for run_id in (again, ending)]
    assert states == ["RUNNING", "COMPLETED"]
    prefect_api.delete(f"flow_runs/{again}").raise_for_status()


def _set(api: httpx.Client, run_id: UUID, *states: str) -> None:
    for kind in states:
        body = {"state": {"type": kind, "name": kind.title()}, "force": True}
        api.post(f"flow_runs/{run_id}/set_state", json=body).raise_for_status()


@flow(name="many-runs")
def _one_of_many() -> None:
    pass


@pytest.mark.slow
def test_runs_beyond_the_first_page_of_the_server_are_found(prefect_api: httpx.Client) -> None:
    flow_id = prefect_api.post("flows/", json={"name": _one_of_many.name}).raise_for_status().json()["id"]
    body = {"name": "one of 201", "flow_id": flow_id, "state": {"type": "PENDING"}}
    made = {prefect_api.post("flow_runs/", json=body).raise_for_status().json()["id"] for _ in range(201)}

    async def found() -> list[list[str]]:
        wanted = FlowRunFilter(name=FlowRunFilterName(any_=["one of 201"]))
        async with get_client() as client:
            pages = run_pages(client, [_one_of_many.name], wanted)
            return [[str(run.id) for run in page] async for page in pages]

    pages = asyncio.run(found())

    prefect_api.delete(f"flows/{flow_id}").raise_for_status()
    assert [len(page) for page in pages] == [200, 1]
    assert {*pages[0], *pages[1]} == made
