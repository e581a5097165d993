"""A storyboard's run that is started again, as the automation and the button Retry do it."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from emulatedrun import environment, fast_emulator
from prefect.client.orchestration import get_client
from prefect.flow_engine import run_flow_async
from prefect.states import Pending

from flows.storyboard import storyboard

pytestmark = pytest.mark.filterwarnings("default::DeprecationWarning", "ignore:unclosed:ResourceWarning")


def _write(board: Path, prompt: str) -> None:
    defaults = {"model": "wanx2.1-t2v-turbo", "size": "832*480"}
    # Nothing is rendered for a shot that fails.
    shot = {"id": "a", "prompt": f"{prompt} [[emulator: fail=DataInspectionFailed]]"}
    fields = {"schema": "wan-video/storyboard/1", "title": "Again", "defaults": defaults, "shots": [shot]}
    board.write_text(json.dumps(fields))


async def _tries(board: Path, *prompts: str) -> list[Any]:
    """The states in which the tries of one run end, each with another prompt of its one shot."""
    asked, ended = {"board": str(board)}, list[Any]()
    async with get_client() as client:
        run = await client.create_flow_run(storyboard, parameters=asked, state=Pending())
        for prompt in prompts:
            _write(board, prompt)
            await client.set_flow_run_state(run.id, Pending(), force=True)
            again = await client.read_flow_run(run.id)
            ended.append(await run_flow_async(storyboard, again, parameters=asked, return_type="state"))
    return ended


def test_a_board_that_changed_since_its_run_began_is_bought_nothing_more_for(
    prefect_server: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with fast_emulator() as emulator:
        for name, value in environment(emulator, tmp_path / "out").items():
            monkeypatch.setenv(name, value)

        begun, changed = asyncio.run(_tries(tmp_path / "board.json", "A boat", "Another boat"))

        assert (begun.name, changed.name) == ("Incomplete", "Failed")
        assert "- shots[a]: " in changed.message
        assert emulator.ledger()["creates"] == 1
