"""Cancelling a run reaches its clips and the runs that it started on other workers, and says so."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from prefect import flow, task
from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import ArtifactCreate
from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterFlowRunId
from prefect.client.schemas.objects import Artifact
from prefect.states import Completed, Crashed, Running, Scheduled

from footage.settings import ROOM
from tasks.hooks import cancel_clips, cancel_work


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


def test_runs_that_may_still_begin_are_cancelled_with_the_run_that_started_them_and_one_that_ended_is_not(
    prefect_server: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OUTPUT_DIR", str(tmp_path))

    states = asyncio.run(_cancelled_with(Scheduled(), Crashed(), Completed()))

    assert states == ["Cancelled", "Cancelled", "Completed"]


async def _told_of_a_clip_that_a_child_began_after_the_cancel(store: Path, key: str) -> list[str]:
    async with get_client() as client:
        parent = await client.create_flow_run(board, state=Running())
        wait = await client.create_task_run(shot, parent.id, dynamic_key="0")
        child = await client.create_flow_run(board, state=Running(), parent_task_run_id=wait.id)
    asked_at = datetime.now(UTC) - timedelta(minutes=1)
    for run in (parent, child):
        (store / "runs" / str(run.id)).mkdir(parents=True)
        (store / "runs" / str(run.id) / key).touch()
    return [done.message for done in await cancel_work(parent.id, {}, asked_at=asked_at)]


def test_what_a_child_began_after_its_parent_was_cancelled_is_cancelled_with_the_parent(
    prefect_server: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OUTPUT_DIR", str(tmp_path))
    key = "c" * 64

    told = asyncio.run(_told_of_a_clip_that_a_child_began_after_the_cancel(tmp_path / ROOM, key))

    assert told == ["nothing was bought for it"]
    assert (tmp_path / ROOM / "evidence" / key / "cancel-1.json").exists()


async def _shown_after_cancel(store: Path) -> dict[str, Artifact]:
    """The artifacts by type of a run that was cancelled while it worked on one clip, 40 % of it shown."""
    async with get_client() as client:
        run = await client.create_flow_run(board, name="A *boat*", state=Running())
        (store / "runs" / str(run.id)).mkdir(parents=True)
        (store / "runs" / str(run.id) / ("b9bf8d" + "0" * 58)).touch()
        await client.create_artifact(
            ArtifactCreate(key="boat-progress", type="progress", data=40, flow_run_id=run.id)
        )

        await cancel_clips(board, run, None)

        of_run = ArtifactFilter(flow_run_id=ArtifactFilterFlowRunId(any_=[run.id]))
        return {str(one.type): one for one in await client.read_artifacts(artifact_filter=of_run)}


def test_a_cancelled_run_says_what_became_of_its_clips_and_no_bar_says_that_they_are_made(
    prefect_server: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OUTPUT_DIR", str(tmp_path))

    shown = asyncio.run(_shown_after_cancel(tmp_path / ROOM))

    assert "clip `b9bf8d000000`: nothing was bought for it" in str(shown["markdown"].data)
    assert (shown["progress"].data, shown["progress"].description) == (40, "cancelled")
