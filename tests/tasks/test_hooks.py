"""Cancelling a run reaches the runs that it started on other workers."""

import asyncio
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from prefect import flow, task
from prefect.client.orchestration import get_client
from prefect.states import Completed, Running, Scheduled

from tasks.hooks import cancel_work


@flow
async def board() -> None: ...


@task
async def shot() -> None: ...


async def _cancelled_with(*children: Any) -> list[str | None]:
    """The states of a run's children, one begun in each of the given states, after the run was cancelled."""
    async with get_client() as client:
        parent = await client.create_flow_run(board, state=Running())
        runs: list[UUID] = []
        for number, state in enumerate(children):
            wait = await client.create_task_run(shot, parent.id, dynamic_key=str(number))
            runs.append((await client.create_flow_run(board, state=state, parent_task_run_id=wait.id)).id)
        await cancel_work(parent.id, {})
        ended = [await client.read_flow_run(run) for run in runs]
    return [run.state.name for run in ended if run.state is not None]


def test_a_run_that_has_not_begun_is_cancelled_with_the_run_that_started_it_and_one_that_ended_is_not(
    prefect_server: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OUTPUT_DIR", str(tmp_path))

    states = asyncio.run(_cancelled_with(Scheduled(), Completed()))

    assert states == ["Cancelled", "Completed"]
