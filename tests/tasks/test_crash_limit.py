"""A run that crashes again and again is stopped, and only that one."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from failinggateway import FailingGateway
from prefect import State, flow, task
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import StateType
from prefect.flow_engine import run_flow
from prefect.settings import PREFECT_API_URL, temporary_settings
from prefect.states import Cancelling, Completed, Crashed, Running, Scheduled

from footage.errors import FootageError
from tasks.context import context_of
from tasks.crash_limit import crashes_in_a_row
from tasks.final_states import stopped

KINDS = {
    "S": StateType.SCHEDULED,
    "R": StateType.RUNNING,
    "X": StateType.CRASHED,
    "F": StateType.FAILED,
}


def _history(written: str) -> list[State[Any]]:
    """A state for each letter, a minute after the one before, or an hour where a dash is between."""
    at, states = datetime(2026, 11, 1, tzinfo=UTC), list[State[Any]]()
    for letter in written:
        at += timedelta(hours=letter == "-", minutes=letter in KINDS)
        if letter in KINDS:
            states.append(State(type=KINDS[letter], timestamp=at))
    return states


@pytest.mark.parametrize(
    ("history", "crashes"),
    [
        ("", 0),
        ("S R", 0),
        ("S R X S R", 1),
        ("S R X S R X S R", 2),
        ("S R X X S R", 2),  # reported twice: by the worker and by the automation
        ("S R X S R X S R F S R", 0),  # gave up, and a person pressed Retry
        ("S R F S R X S R", 1),
        ("S R-X S R-X S R-X S R-X S R", 0),  # meant to last, and its workers are replaced
        ("S R X S R-X S R X S R", 1),
        ("S R-X S X S R", 1),  # the worker could not even start it
        ("S R X-S-R X S-R X S R", 3),  # waited for a worker
    ],
)
def test_crashes_count_since_the_run_last_lasted_or_ended_otherwise(history: str, crashes: int) -> None:
    assert crashes_in_a_row(_history(history)) == crashes
    assert crashes_in_a_row(reversed(_history(history))) == crashes


@flow(name="crash-prone")
async def crash_prone() -> State[Any]:
    try:
        async with context_of("run"):
            return Completed(message="did its work")
    except FootageError as error:
        return await stopped("The run", error)


@task
async def started_it() -> None: ...


async def _run_after(
    *history: State[Any], parent: State[Any] | None = None, gateway: FailingGateway | None = None
) -> State[Any]:
    """The end of a run that comes after these states, started by a run that is in a state of its own.

    The gateway tells nothing about what started it.
    """
    async with get_client() as client:
        of_parent = None
        if parent is not None:
            board = await client.create_flow_run(crash_prone, state=parent)
            of_parent = (await client.create_task_run(started_it, board.id, dynamic_key="0")).id
        created = await client.create_flow_run(crash_prone, state=Scheduled(), parent_task_run_id=of_parent)
        for state in history:
            await client.set_flow_run_state(created.id, state, force=True)
        run = await client.read_flow_run(created.id)
    if gateway is not None:
        gateway.failing = f"/api/task_runs/{of_parent}"
    # Typed for every kind of flow at once; that of an async one is awaited.
    ended: Any = run_flow(crash_prone, flow_run=run, return_type="state")
    return await ended


@pytest.mark.parametrize(("crashes", "name"), [(1, "Completed"), (3, "Completed"), (4, "GaveUp")])
def test_the_fourth_crash_in_a_row_is_the_last(
    prefect_api: httpx.Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, crashes: int, name: str
) -> None:
    monkeypatch.setenv("OUTPUT_DIR", str(tmp_path))
    history = [state for _ in range(crashes) for state in (Running(), Crashed(), Scheduled())]

    end = asyncio.run(_run_after(*history))

    assert end.name == name
    if name == "GaveUp":
        assert end.is_failed()
        assert "4 times in a row" in (end.message or "")
        assert "press Retry" in (end.message or "")
        # It stopped before it looked at what its earlier starts bought.
        of_run = {"artifacts": {"flow_run_id": {"any_": [str(end.state_details.flow_run_id)]}}}
        (page,) = prefect_api.post("artifacts/filter", json=of_run).json()
        assert "Paid:** not looked up" in page["data"]


@pytest.mark.parametrize("history", [[], [Running(), Crashed(), Scheduled()]], ids=["first start", "again"])
@pytest.mark.parametrize(("parent", "name"), [(Cancelling(), "Cancelled"), (Running(), "Completed")])
def test_a_run_does_nothing_where_the_run_that_started_it_is_cancelled(
    prefect_server: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    history: list[State[Any]],
    parent: State[Any],
    name: str,
) -> None:
    monkeypatch.setenv("OUTPUT_DIR", str(tmp_path))

    end = asyncio.run(_run_after(*history, parent=parent))

    assert end.name == name


def test_a_run_goes_on_where_prefect_does_not_say_what_became_of_the_run_that_started_it(
    prefect_api: httpx.Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OUTPUT_DIR", str(tmp_path))
    with (
        FailingGateway(str(prefect_api.base_url).rstrip("/")) as gateway,
        temporary_settings({PREFECT_API_URL: gateway.url}),
    ):
        end = asyncio.run(_run_after(Running(), Crashed(), Scheduled(), parent=Running(), gateway=gateway))

        assert gateway.failed.is_set()
    assert end.name == "Completed"
