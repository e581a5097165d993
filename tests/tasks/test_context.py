"""Where a flow run works."""

import asyncio
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from emulatedrun import environment, fast_emulator
from prefect import flow
from prefect.client.orchestration import get_client
from prefect.flow_engine import run_flow_async
from prefect.runtime import flow_run
from prefect.states import Scheduled
from records import INTENT, KEY

from footage.errors import InvalidRequest, Unreachable
from footage.evidence.clip_evidence import ClipEvidence
from footage.steps.check import prepare
from tasks.context import context_of

REQUEST = {"prompt": "A boat", "model": "wan2.6-i2v-flash", "reference_image": "/etc/hostname"}


def _refused() -> str:
    async def ask() -> None:
        async with context_of(None) as context:
            prepare(context, REQUEST)

    with pytest.raises(InvalidRequest) as caught:
        asyncio.run(ask())
    return str(caught.value)


def test_a_deployed_run_reads_no_file_outside_of_its_folders_and_a_command_does(
    prefect_server: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OUTPUT_DIR", str(tmp_path / "out"))

    of_a_command = _refused()
    # As Prefect's own tests say that a deployment is behind a run.
    monkeypatch.setenv("PREFECT__RUNTIME__DEPLOYMENT__ID", "a-deployment")
    of_a_deployment = _refused()

    assert "not an image" in of_a_command
    assert "WAN_VIDEO_INPUT_ROOTS" in of_a_deployment


def test_a_storage_block_that_is_not_there_is_named_with_the_command_that_makes_it(
    prefect_server: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OUTPUT_DIR", str(tmp_path))

    async def ask() -> None:
        async with context_of(None, None, "no-films"):
            pass

    with pytest.raises(InvalidRequest, match="no Video Storage block of this name") as caught:
        asyncio.run(ask())

    assert str(caught.value).endswith("wan-video setup --storage-block no-films")


@pytest.mark.parametrize(
    ("booked", "code"), [pytest.param(False, 8, id="nothing sent"), pytest.param(True, 5, id="sent")]
)
def test_what_the_run_has_booked_decides_how_a_network_ends_it(
    booked: bool, code: int, prefect_server: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OUTPUT_DIR", str(tmp_path))

    async def ask() -> None:
        async with context_of("a-run") as context:
            context.store.create(f"runs/a-run/{KEY}", b"{}")
            if booked:
                ClipEvidence(context.store, KEY).write_intent(INTENT)
            raise Unreachable("No answer.")

    with pytest.raises(Unreachable) as caught:
        asyncio.run(ask())

    assert caught.value.exit_code == code


def test_a_run_that_is_started_over_knows_when_it_began(
    prefect_server: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[bool, datetime]] = []

    @flow
    async def opens() -> None:
        async with context_of(str(flow_run.id)) as context:
            seen.append((context.started_over, context.run_began_at))

    async def twice() -> None:
        async with get_client() as client:
            run = await client.create_flow_run(opens)
            for _ in range(2):
                await run_flow_async(opens, await client.read_flow_run(run.id), return_type="state")
                await client.set_flow_run_state(run.id, Scheduled(), force=True)

    with fast_emulator() as emulator:
        for name, value in environment(emulator, tmp_path / "out").items():
            monkeypatch.setenv(name, value)
        asyncio.run(twice())

    (first, began), (again, began_then) = seen
    assert (first, again) == (False, True)
    assert began_then <= began
