"""Runs that were cancelled while no process had them: harvest does what their hook would have done."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from failinggateway import FailingGateway
from prefect import flow
from prefect.client.orchestration import PrefectClient, get_client
from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterFlowRunId
from prefect.settings import PREFECT_API_URL, temporary_settings
from prefect.states import AwaitingRetry, Cancelled, Cancelling, Crashed, Running

from footage.settings import ROOM
from tasks.late_cancels import cancel_unheard_runs

# The date in an answer may be of the second before.
NOW = timedelta(seconds=-5)
DEPLOYMENT = "generate-videos/late-cancels"


@flow(name="generate-videos")
async def batch() -> None: ...


async def _run(client: PrefectClient, name: str, *history: Any, **parameters: Any) -> UUID:
    """A run of a deployment that went through these states, as the server allows them."""
    flow_id = await client.create_flow(batch)
    deployment = await client.create_deployment(flow_id, DEPLOYMENT.rpartition("/")[2])
    run = await client.create_flow_run_from_deployment(deployment, name=name, parameters=parameters)
    for state in history:
        await client.set_flow_run_state(run.id, state)
    return run.id


def _note(store: Path, run: UUID, key: str) -> Path:
    """Note in the store that the run works on this clip; its first wish to be cancelled."""
    (store / "runs" / str(run)).mkdir(parents=True)
    (store / "runs" / str(run) / key).touch()
    return store / "evidence" / key / "cancel-1.json"


def _store(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("OUTPUT_DIR", str(folder))
    return folder / ROOM


async def _delete(client: PrefectClient, runs: Iterable[UUID]) -> None:
    """Leave nothing to the next test on the same server."""
    for run in runs:
        await client.delete_flow_run(run)
    await client.delete_deployment((await client.read_deployment_by_name(DEPLOYMENT)).id)


async def _page(client: PrefectClient, run: UUID) -> list[str]:
    of_run = ArtifactFilter(flow_run_id=ArtifactFilterFlowRunId(any_=[run]))
    return [str(one.data) for one in await client.read_artifacts(artifact_filter=of_run)]


@pytest.mark.slow
def test_a_run_that_was_cancelled_without_a_process_has_its_clips_cancelled_once(
    prefect_server: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = _store(tmp_path, monkeypatch)

    async def scenario() -> None:
        async with get_client() as client:
            waits = await _run(client, "waits", Running(), Crashed(), AwaitingRetry(), Cancelling())
            dead = await _run(client, "dead", Running(), Cancelling())
            ended = await _run(client, "ended", Running(), Cancelled(message="by itself"))
            elsewhere = await _run(client, "elsewhere", Running(), Cancelling(), Cancelled())
            broken = await _run(client, "broken", Running(), Cancelling(), storage_block="not-there")
            # The server itself does this where no process has the run.
            waiting = await client.read_flow_run(waits)
            assert waiting.state is not None
            assert waiting.state.is_cancelled()
            wish_of_waits, wish_of_dead, wish_of_ended = (
                _note(store, run, f"{number}" * 64) for number, run in enumerate((waits, dead, ended), 1)
            )

            assert await cancel_unheard_runs(timedelta(hours=1)) == ["waits"]
            assert (wish_of_waits.exists(), wish_of_dead.exists()) == (True, False)
            # It is late by the server's clock, which wrote when it was cancelled.
            with (
                FailingGateway(prefect_server.url) as gateway,
                temporary_settings({PREFECT_API_URL: gateway.url}),
            ):
                gateway.clock_ahead = timedelta(hours=2)
                assert await cancel_unheard_runs(timedelta(hours=1)) == ["dead"]
            assert (wish_of_dead.exists(), wish_of_ended.exists()) == (True, False)
            assert await cancel_unheard_runs(NOW) == []

            (told,) = await _page(client, waits)
            assert "clip `111111111111`: nothing was bought for it" in told
            # Started again and cancelled once more while nobody had it: its page is about the first time.
            wish_of_dead.unlink()
            await client.set_flow_run_state(dead, Cancelled(), force=True)
            for state in (AwaitingRetry(), Running(), Cancelling()):
                await client.set_flow_run_state(dead, state, force=True)
            assert await cancel_unheard_runs(NOW) == ["dead"]
            assert wish_of_dead.exists()
            # What could not be done is tried again by the next harvest.
            assert [await _page(client, run) for run in (ended, elsewhere, broken)] == [[], [], []]
            await _delete(client, (waits, dead, ended, elsewhere, broken))

    asyncio.run(scenario())


@pytest.mark.slow
def test_runs_that_ended_by_themselves_keep_no_cancel_from_being_done(
    prefect_server: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = _store(tmp_path, monkeypatch)

    async def scenario() -> None:
        async with get_client() as client:
            # More than are cancelled at once, and of ten others some stand behind so many in nearly every order.
            ended = [
                await _run(client, "ended", Running(), Cancelled(message="by itself")) for _ in range(60)
            ]
            names = [f"dead-{number}" for number in range(10)]
            dead = [await _run(client, name, Running(), Cancelling()) for name in names]
            for number, run in enumerate(dead):
                _note(store, run, f"{number}" * 64)

            assert sorted(await cancel_unheard_runs(NOW)) == names
            await _delete(client, (*ended, *dead))

    asyncio.run(scenario())
