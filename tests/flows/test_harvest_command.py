"""`wan-video harvest` from the outside."""

import asyncio
import json
from pathlib import Path
from uuid import UUID

import httpx
import pytest
from bench import Bench
from emulatedrun import environment, fast_emulator
from prefect import flow
from prefect.client.orchestration import get_client
from prefect.states import AwaitingRetry, Cancelling, Crashed, Running
from purchases import buy_and_leave

from flows.cli import run
from footage.context import open_context

pytestmark = pytest.mark.filterwarnings("default::DeprecationWarning", "ignore:unclosed:ResourceWarning")


def test_a_harvest_is_told_also_where_the_tasks_of_the_account_cannot_be_listed(
    prefect_api: httpx.Client,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    before = _status_artifacts(prefect_api)
    with fast_emulator() as emulator:
        for name, value in environment(emulator, tmp_path, "not-a-key-of-this-service").items():
            monkeypatch.setenv(name, value)

        assert run(["harvest", "--json"]) == 0

    told = capsys.readouterr()
    assert any("could not be listed" in warning for warning in json.loads(told.out)["warnings"])
    assert "could not be listed" in told.err
    # Renewed by every harvest, also by one that finds nothing.
    assert _status_artifacts(prefect_api) == before + 1


def test_a_harvest_of_a_named_clip_does_not_renew_the_status(
    prefect_api: httpx.Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = _status_artifacts(prefect_api)
    with fast_emulator(generation_s=0.0) as emulator:
        for name, value in environment(emulator, tmp_path).items():
            monkeypatch.setenv(name, value)
        bench = Bench(emulator, tmp_path)
        clip = bench.clip()
        bench.buy(clip)
        bench.close()

        assert run(["harvest", clip.key[:12]]) == 0

    assert clip.evidence.result() is not None
    assert _status_artifacts(prefect_api) == before


def _status_artifacts(prefect_api: httpx.Client) -> int:
    asked = {"artifacts": {"key": {"any_": ["wan-video-status"]}}}
    return len(prefect_api.post("artifacts/filter", json=asked).json())


@flow(name="generate-video")
async def clip_flow() -> None: ...


async def _cancelled_while_it_waited_for_a_worker() -> UUID:
    async with get_client() as client:
        deployment = await client.create_deployment(await client.create_flow(clip_flow), "of-harvest")
        created = await client.create_flow_run_from_deployment(deployment, name="waited")
        for state in (Running(), Crashed(), AwaitingRetry(), Cancelling()):
            await client.set_flow_run_state(created.id, state)
    return created.id


async def _buy(run_id: UUID) -> str:
    with open_context(run_id=str(run_id)) as context:
        clip = await buy_and_leave(
            context, {"prompt": "A boat", "model": "wan2.2-t2v-plus", "size": "832*480"}
        )
    return clip.key


@pytest.mark.slow
def test_a_harvest_cancels_what_a_run_bought_whose_cancel_no_worker_heard(
    prefect_api: httpx.Client,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    cancelled = asyncio.run(_cancelled_while_it_waited_for_a_worker())
    with fast_emulator() as emulator:
        emulator.turn(start_delay_s=1e6)
        for name, value in environment(emulator, tmp_path).items():
            monkeypatch.setenv(name, value)
        key = asyncio.run(_buy(cancelled))

        # One of a named clip is of that alone, and looks after no runs.
        run(["harvest", key, "--wait", "0"])
        assert [task["status"] for task in emulator.tasks()] == ["PENDING"]
        capsys.readouterr()
        assert run(["harvest", "--wait", "0", "--json"]) == 0

        assert [task["status"] for task in emulator.tasks()] == ["CANCELED"]
    warnings = json.loads(capsys.readouterr().out)["warnings"]
    assert "run waited was cancelled while no worker had it; its page tells of its clips" in warnings
    deployment = prefect_api.get("deployments/name/generate-video/of-harvest").json()["id"]
    for left in (f"flow_runs/{cancelled}", f"deployments/{deployment}"):
        prefect_api.delete(left).raise_for_status()
