"""A clip that a run of a deployment finishes: only where a worker takes it, and told how it ended."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from flows.mcp.deployed_run import DEPLOYMENT, DeployedRun, start_deployed_run

pytestmark = pytest.mark.slow

PARAMETERS = {"key": "ab" * 32, "max_cost": "0.70 CNY", "credentials_block": None, "storage_block": None}


@pytest.fixture
def pool(set_up: Any, prefect_api: httpx.Client) -> str:
    """The pool of the deployment that `wan-video setup` made."""
    return prefect_api.get(f"deployments/name/{DEPLOYMENT}").raise_for_status().json()["work_pool_name"]


@pytest.fixture
def worker(pool: str, prefect_api: httpx.Client) -> Iterator[None]:
    """A worker that says that it lives, and takes nothing."""
    place = f"work_pools/{pool}/workers"
    prefect_api.post(f"{place}/heartbeat", json={"name": "of-the-test"}).raise_for_status()
    yield
    prefect_api.delete(f"{place}/of-the-test")


def test_without_a_worker_no_run_is_started(pool: str, prefect_server: Any) -> None:
    assert start_deployed_run(prefect_server.url, PARAMETERS) is None


@pytest.mark.usefixtures("worker")
def test_with_a_worker_the_clip_is_a_run_with_its_key_and_cap(
    prefect_server: Any, prefect_api: httpx.Client
) -> None:
    run = start_deployed_run(prefect_server.url, PARAMETERS)
    assert isinstance(run, DeployedRun)
    where = f"flow_runs/{run.run_id}"
    assert prefect_api.get(where).json()["parameters"] == PARAMETERS
    assert run.ended() is None

    failed = {
        "state": {"type": "FAILED", "message": "No clip in this store begins like this."},
        "force": True,
    }
    prefect_api.post(f"{where}/set_state", json=failed).raise_for_status()
    while (ended := run.ended()) is None:
        time.sleep(0.1)

    assert (ended.exit_code, ended.document) == (5, None)
