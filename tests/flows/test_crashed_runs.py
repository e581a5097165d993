"""Crashed runs that nobody started again are started by harvest."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import httpx
import pytest

from tasks.silent_runs import RESTART_AUTOMATION, start_crashed_runs

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
    assert "crashed and forgotten" in asyncio.run(start_crashed_runs(timedelta(seconds=-5)))

    assert (state(crashed), state(never_began)) == ("AwaitingRetry", "Crashed")
    for run_id in (crashed, never_began):
        prefect_api.delete(f"flow_runs/{run_id}").raise_for_status()


def _crashed_run(api: httpx.Client, deployment: str, *, began: bool) -> str:
    asked = {"name": "crashed and forgotten", "parameters": {"prompt": "A boat", "model": "wan2.2-t2v-plus"}}
    run_id = api.post(f"deployments/{deployment}/create_flow_run", json=asked).raise_for_status().json()["id"]
    for kind in ("RUNNING", "CRASHED") if began else ("CRASHED",):
        body = {"state": {"type": kind, "name": kind.title()}, "force": True}
        api.post(f"flow_runs/{run_id}/set_state", json=body).raise_for_status()
    return str(run_id)
