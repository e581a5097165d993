"""A board's price is approved by a person who says so, and by nothing less, on a real Prefect server."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from pictures import GREEN, RED, picture
from prefect import State, flow
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import FlowRun
from prefect.exceptions import Pause
from prefect.flow_engine import run_flow_async
from prefect.states import AwaitingRetry, Crashed, Failed, Pending, Running

from footage.context import open_context
from footage.errors import InvalidRequest
from footage.storyboard.prepared_board import prepare_board
from tasks.storyboard import approved, require_same_as_begun

pytestmark = pytest.mark.filterwarnings("default::DeprecationWarning", "default::ResourceWarning")

BOARD: dict[str, Any] = {
    "schema": "wan-video/storyboard/1",
    "title": "Harbour",
    "defaults": {"model": "wan2.6-i2v-flash", "duration": 2, "prompt": "A quiet harbour"},
    "budget": {"approve_above": 0, "currency": "CNY"},
    "shots": [{"id": "a"}],
}
# What is due by now, where it is not all of the board.
DUE: dict[str, Any] = {}


@flow(name="asks-for-approval", persist_result=False)
async def asks() -> bool:
    # In every process of the run a new one.
    with open_context() as context:
        plan = prepare_board(context, BOARD).plan
        due = replace(plan.quote, **DUE)
        await require_same_as_begun(context, plan, due)
        return await approved(plan, due)


async def _suspended() -> FlowRun:
    """A deployed run that waits for its answer; its process has ended."""
    async with get_client() as client:
        flow_id = await client.create_flow(asks)
        deployment_id = await client.create_deployment(flow_id, "asks")
        run = await client.create_flow_run_from_deployment(deployment_id, state=Pending())
    with pytest.raises(Pause):
        await run_flow_async(asks, flow_run=run)
    return run


async def _begun() -> FlowRun:
    """A run whose first process may buy; it is started again after a crash."""
    async with get_client() as client:
        run = await client.create_flow_run(asks, state=Pending())
        assert await run_flow_async(asks, flow_run=run)
        await client.set_flow_run_state(run.id, Pending(), force=True)
    return run


async def _becomes(run: FlowRun, *states: State[Any]) -> None:
    async with get_client() as client:
        for state in states:
            await client.set_flow_run_state(run.id, state)


async def _goes_on(run: FlowRun) -> Any:
    """The next process of the run, as a worker starts it."""
    async with get_client() as client:
        run = await client.read_flow_run(run.id)
    return await run_flow_async(asks, flow_run=run)


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


def test_a_yes_is_about_the_pictures_that_were_there_when_it_was_asked_for(
    approved_run: FlowRun, first_frame: Path
) -> None:
    first_frame.write_bytes(picture(color=GREEN))

    with pytest.raises(InvalidRequest) as refused:
        asyncio.run(_goes_on(approved_run))
    assert [problem.field for problem in refused.value.problems] == ["shots[a]"]
    assert "- shots[a]: " in refused.value.message
    assert "nothing more was bought" in refused.value.message
    assert "nothing was sent" not in refused.value.message


def test_a_run_goes_on_after_a_yes_where_its_pictures_are_the_same(approved_run: FlowRun) -> None:
    assert asyncio.run(_goes_on(approved_run)) is True


@pytest.mark.parametrize("approve", [False, True])
def test_an_answer_stands_where_less_is_due_by_the_time_that_the_run_goes_on(
    waiting: FlowRun, prefect_api: httpx.Client, monkeypatch: pytest.MonkeyPatch, approve: bool
) -> None:
    answer = {"run_input": {"approve": approve}}
    prefect_api.post(f"flow_runs/{waiting.id}/resume", json=answer).raise_for_status()
    monkeypatch.setitem(DUE, "amounts", {})

    assert asyncio.run(_goes_on(waiting)) is approve


def test_a_yes_stands_where_the_worker_dies_after_it(approved_run: FlowRun) -> None:
    asyncio.run(_becomes(approved_run, Pending(), Running(), Crashed(), AwaitingRetry(), Pending()))

    assert asyncio.run(_goes_on(approved_run)) is True


def test_a_run_that_ended_asks_again_when_it_is_retried(approved_run: FlowRun) -> None:
    asyncio.run(_becomes(approved_run, Pending(), Running(), Failed(), AwaitingRetry(), Pending()))

    with pytest.raises(Pause):
        asyncio.run(_goes_on(approved_run))


@pytest.mark.usefixtures("prefect_api")
def test_a_run_that_crashed_does_not_go_on_with_other_pictures_than_it_began_with(
    first_frame: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(BOARD, "budget", {"currency": "CNY"})
    run = asyncio.run(_begun())
    first_frame.write_bytes(picture(color=GREEN))

    with pytest.raises(InvalidRequest) as refused:
        asyncio.run(_goes_on(run))
    assert [problem.field for problem in refused.value.problems] == ["shots[a]"]


@pytest.mark.usefixtures("prefect_api", "first_frame")
def test_a_run_that_crashed_goes_on_with_the_pictures_that_it_began_with(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(BOARD, "budget", {"currency": "CNY"})
    run = asyncio.run(_begun())

    assert asyncio.run(_goes_on(run)) is True


@pytest.fixture
def first_frame(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("OUTPUT_DIR", str(tmp_path / "out"))
    path = tmp_path / "first.png"
    path.write_bytes(picture(color=RED))
    monkeypatch.setitem(BOARD["shots"][0], "reference_image", str(path))
    return path


@pytest.fixture
def waiting(first_frame: Path, prefect_api: httpx.Client) -> Iterator[FlowRun]:
    run = asyncio.run(_suspended())
    yield run
    # Other tests look for the run that waits.
    prefect_api.delete(f"flow_runs/{run.id}").raise_for_status()


@pytest.fixture
def approved_run(waiting: FlowRun, prefect_api: httpx.Client) -> FlowRun:
    """The run that waited, after a person's yes."""
    yes = {"run_input": {"approve": True}}
    prefect_api.post(f"flow_runs/{waiting.id}/resume", json=yes).raise_for_status()
    return waiting


@pytest.fixture
def suspended(waiting: FlowRun) -> str:
    return str(waiting.id)
