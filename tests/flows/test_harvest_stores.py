"""A harvest that no Video Storage block is named to finishes what was bought in every store of the server."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from emulatedrun import environment, fast_emulator
from prefect.blocks.core import Block
from prefect.client.orchestration import get_client
from purchases import buy_and_leave

from blocks.storage import VideoStorage
from flows.cli import run
from footage.clip import Clip
from footage.context import open_context
from footage.emulator import Emulator
from footage.settings import load_settings
from tasks.saved_blocks import saved_blocks

pytestmark = pytest.mark.filterwarnings("default::DeprecationWarning", "ignore:unclosed:ResourceWarning")

BOAT = {"prompt": "A boat", "model": "wan2.2-t2v-plus", "size": "832*480"}


class NeverSaved(Block):
    """A block type that no server knows."""


@pytest.fixture
def emulator(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, prefect_server: Any) -> Iterator[Emulator]:
    with fast_emulator(generation_s=0.0) as emulator:
        for name, value in environment(emulator, tmp_path / "own").items():
            monkeypatch.setenv(name, value)
        yield emulator


@pytest.fixture
def blocks(tmp_path: Path, prefect_server: Any) -> Iterator[None]:
    # The store of OUTPUT_DIR once more, another one twice, and one that is no folder.
    (tmp_path / "file").touch()
    (tmp_path / "written").mkdir()
    bases = {"stores-own": "own", "stores-b": "b", "stores-b-again": "b", "stores-torn": "file"}
    for name, base in bases.items():
        # However it is written.
        VideoStorage(base=str(tmp_path / "written" / ".." / base)).save(name, overwrite=True)
    yield
    for name in bases:
        VideoStorage.delete(name)


async def _bought(output: Path) -> Clip:
    with open_context(load_settings(output_dir=str(output))) as context:
        return await buy_and_leave(context, BOAT)


@pytest.mark.slow
@pytest.mark.usefixtures("blocks")
def test_it_finishes_what_was_bought_in_the_store_of_each_block_once_and_names_a_store_that_cannot_be_used(
    emulator: Emulator, tmp_path: Path, prefect_api: httpx.Client, capsys: pytest.CaptureFixture[str]
) -> None:
    own, other = (asyncio.run(_bought(tmp_path / folder)) for folder in ("own", "b"))

    assert run(["harvest", "--json"]) == 0

    report = json.loads(capsys.readouterr().out)
    assert report["delivered"] == [own.key]
    for folder, clip in (("own", own), ("b", other)):
        with open_context(load_settings(output_dir=str(tmp_path / folder))) as context:
            assert context.store.exists(f"evidence/{clip.key}/result.json")
    assert sum("stores-torn" in warning for warning in report["warnings"]) == 1
    assert not any("stores-b" in warning or "stores-own" in warning for warning in report["warnings"])
    artifacts = prefect_api.post("artifacts/filter", json={"limit": 200}).json()
    assert {"wan-video-status", "wan-video-status-stores-b"} <= {one["key"] for one in artifacts}
    assert emulator.ledger()["creates"] == 2


def test_a_kind_of_block_that_nobody_saved_has_no_blocks(prefect_server: Any) -> None:
    async def look() -> list[Any]:
        async with get_client() as client:
            return await saved_blocks(client, NeverSaved)

    assert asyncio.run(look()) == []
