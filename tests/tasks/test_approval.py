"""A board's price is approved by a person who says so, and by nothing less, on a real Prefect server."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from prefect import flow
from prefect.client.orchestration import get_client
from prefect.exceptions import Pause
from prefect.flow_engine import run_flow_async
from prefect.states import Pending

from footage.storyboard import plan_board, read_board
from tasks.storyboard import approved

pytestmark = pytest.mark.filterwarnings("default::DeprecationWarning", "default::ResourceWarning")

BOARD = {
    "schema": "wan-video/storyboard/1",
    "title": "Harbour",
    "defaults": {"model": "wanx2.1-t2v-turbo", "size": "832*480", "prompt": "A quiet harbour"},
    "budget": {"approve_above": 0, "currency": "CNY"},
    "shots": [{"id": "a"}],
}


def no_links(url: str) -> bytes:
    raise AssertionError(f"no shot of this board has a link, so {url} is not asked for")


@flow(name="asks-for-approval", persist_result=False)
async def asks() -> bool:
    plan = plan_board(read_board(BOARD).board, no_links)
    return await approved(plan, plan.quote)


async def _suspended() -> str:
    """A deployed run that waits for its answer; its process has ended."""
    async with get_client() as client:
        flow_id = await client.create_flow(asks)
        deployment_id = await client.create_deployment(flow_id, "asks")
        run = await client.create_flow_run_from_deployment(deployment_id, state=Pending())
    with pytest.raises(Pause):
        await run_flow_async(asks, flow_run=run)
    return str(run.id)


ANSWERS = [
    (b"", "text/plain"),
    (b'{"run_input": {"approve": true}}', "text/plain"),
    (b"", "application/json"),
    (b"{}", "application/json"),
    (b'{"run_input": null}', "application/json"),
    (b'{"run_input": {}}', "application/json"),
    (b'{"run_input": {"approve": "yes"}}', "application/json"),
    (b'{"run_input": {"approve": null}}', "application/json"),
]


def test_an_answer_that_does_not_say_yes_starts_no_suspended_run(
    suspended: str, prefect_api: httpx.Client
) -> None:
    for body, media_type in ANSWERS:
        answer = prefect_api.post(
            f"flow_runs/{suspended}/resume", content=body, headers={"Content-Type": media_type}
        )

        assert answer.status_code == 422 or answer.json()["status"] == "REJECT", (body, media_type)
        assert prefect_api.get(f"flow_runs/{suspended}").json()["state"]["name"] == "Suspended"


def test_a_yes_starts_the_suspended_run(suspended: str, prefect_api: httpx.Client) -> None:
    answer = prefect_api.post(f"flow_runs/{suspended}/resume", json={"run_input": {"approve": True}})

    assert answer.json()["status"] == "ACCEPT"


def test_the_form_asks_for_a_tick_that_nothing_sets_before(suspended: str, prefect_api: httpx.Client) -> None:
    run: dict[str, Any] = prefect_api.get(f"flow_runs/{suspended}").json()
    keyset = run["state"]["state_details"]["run_input_keyset"]
    form = prefect_api.get(f"flow_runs/{suspended}/input/{keyset['schema']}").json()

    assert form["properties"]["approve"]["type"] == "boolean"
    assert "default" not in form["properties"]["approve"]
    assert form["required"] == ["approve"]


@pytest.fixture
def suspended(prefect_api: httpx.Client) -> Iterator[str]:
    run_id = asyncio.run(_suspended())
    yield run_id
    # Other tests look for the run that waits.
    prefect_api.delete(f"flow_runs/{run_id}").raise_for_status()
