"""Crashed runs that nobody started again are started by harvest."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import httpx
import pytest

from tasks.run_repair import repair_runs
from tasks.silent_runs import RESTART_AUTOMATION, start_crashed_runs, start_unbegun_runs

NAME = "crashed and forgotten"

pytestmark = pytest.mark.filterwarnings("default::DeprecationWarning", "default::ResourceWarning")


@pytest.mark.slow
def test_a_crashed_run_that_nobody_started_again_is_started_unless_an_operator_switched_that_off(
    prefect_api: httpx.Client, set_up: Any
) -> None:
    deployment = prefect_api.get("deployments/name/generate-video/generate-video").json()["id"]
    (automation,) = prefect_api.post(
        "automations/filter", json={"automations": {"name": {"any_": [RESTART_AUTOMATION]}}}
    ).json()
    crashed = _crashed_run(prefect_api, deployment, began=True)
    never_began = _crashed_run(prefect_api, deployment, began=False)

    def state(run_id: str) -> str:
        return prefect_api.get(f"flow_runs/{run_id}").json()["state"]["name"]

    assert asyncio.run(start_crashed_runs()) == []
    prefect_api.patch(f"automations/{automation['id']}", json={"enabled": False}).raise_for_status()
    assert asyncio.run(start_crashed_runs(timedelta(seconds=-5))) == []
    prefect_api.patch(f"automations/{automation['id']}", json={"enabled": True}).raise_for_status()
    told = asyncio.run(repair_runs(unstarted=timedelta(seconds=-5)))
    assert f"run {NAME} was crashed and is started again now" in told

    assert (state(crashed), state(never_began)) == ("AwaitingRetry", "Crashed")
    for run_id in (crashed, never_began):
        prefect_api.delete(f"flow_runs/{run_id}").raise_for_status()


@pytest.mark.slow
def test_a_run_that_a_worker_took_and_never_began_is_given_back(
    prefect_api: httpx.Client, set_up: Any
) -> None:
    def deployment(name: str) -> str:
        return prefect_api.get(f"deployments/name/{name}/{name}").json()["id"]

    taken = _run_in(prefect_api, deployment("generate-video"), "PENDING")
    harvest = _run_in(prefect_api, deployment("harvest"), "PENDING", parameters={})
    again = _run_in(prefect_api, deployment("generate-video"), "RUNNING", "CRASHED", "PENDING")
    runs = {"a worker died": taken, "on schedule": harvest, "and another one": again}

    assert asyncio.run(start_unbegun_runs()) == []
    told = asyncio.run(repair_runs(unbegun=timedelta(seconds=-5)))
    assert told.count(f"run {NAME} was taken by a worker that died before it began") == 3

    states = {name: prefect_api.get(f"flow_runs/{run_id}").json()["state"] for name, run_id in runs.items()}
    assert {name: state["name"] for name, state in states.items()} == {
        "a worker died": "AwaitingRetry",
        "on schedule": "Crashed",
        "and another one": "AwaitingRetry",
    }
    assert all("never began it" in state["message"] for state in states.values())
    for run_id in runs.values():
        prefect_api.delete(f"flow_runs/{run_id}").raise_for_status()


def _crashed_run(api: httpx.Client, deployment: str, *, began: bool) -> str:
    return _run_in(api, deployment, *(("RUNNING", "CRASHED") if began else ("CRASHED",)))


def _run_in(
    api: httpx.Client, deployment: str, *states: str, parameters: dict[str, Any] | None = None
) -> str:
    """A run of a deployment that went through these states."""
    clip = {"prompt": "A boat", "model": "wan2.2-t2v-plus"} if parameters is None else parameters
    asked = {"name": NAME, "parameters": clip}
    run_id = api.post(f"deployments/{deployment}/create_flow_run", json=asked).raise_for_status().json()["id"]
    for kind in states:
        body = {"state": {"type": kind, "name": kind.title()}, "force": True}
        api.post(f"flow_runs/{run_id}/set_state", json=body).raise_for_status()
    return str(run_id)
