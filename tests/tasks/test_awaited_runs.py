"""How the runs are that another one waits for, asked of a real server."""

from __future__ import annotations

import asyncio
from uuid import UUID, uuid4

import httpx
import pytest
from failinggateway import FailingGateway
from prefect import flow
from prefect.client.orchestration import get_client
from prefect.exceptions import ObjectNotFound
from prefect.settings import PREFECT_API_URL, temporary_settings
from prefect.states import Completed, Crashed, Running

from tasks.awaited_runs import AwaitedRuns, SeenRun

pytestmark = pytest.mark.filterwarnings("default::DeprecationWarning", "default::ResourceWarning")


@flow(name="generate-videos")
def _one_of_ours() -> None:
    pass


async def _runs() -> list[UUID]:
    states = [Running(), Completed(), Crashed(), *(Running() for _ in range(17))]
    async with get_client() as client:
        return [(await client.create_flow_run(_one_of_ours, state=state)).id for state in states]


@pytest.mark.slow
def test_however_many_runs_are_waited_for_they_are_asked_about_in_pages(prefect_api: httpx.Client) -> None:
    runs = asyncio.run(_runs())
    unknown = [uuid4() for _ in range(220)]

    async def see(ids: list[UUID]) -> list[SeenRun | BaseException]:
        awaited = AwaitedRuns()
        return await asyncio.gather(*(awaited.see(run_id) for run_id in ids), return_exceptions=True)

    with (
        FailingGateway(str(prefect_api.base_url).rstrip("/")) as gateway,
        temporary_settings({PREFECT_API_URL: gateway.url}),
    ):
        seen = asyncio.run(see(runs))
        asked, gateway.passed = gateway.passed, []
        among_others = asyncio.run(see([*unknown, *runs]))
    for run_id in runs:
        prefect_api.delete(f"flow_runs/{run_id}").raise_for_status()

    found = [one for one in seen if isinstance(one, SeenRun)]
    assert [one.run.id for one in found] == runs
    assert [one.run.state_name for one in found[:4]] == ["Running", "Completed", "Crashed", "Running"]
    # The one that crashed never began.
    assert not any(one.goes_on for one in found)
    assert _questions(asked) == 1
    assert all(isinstance(one, ObjectNotFound) for one in among_others[: len(unknown)])
    assert [one.run.id for one in among_others if isinstance(one, SeenRun)] == runs
    # Two pages, and the second time each without what was found.
    assert _questions(gateway.passed) <= 4


def _questions(asked: list[str]) -> int:
    assert not any(one.startswith("GET /api/flow_runs/") for one in asked)
    return asked.count("POST /api/flow_runs/filter")
