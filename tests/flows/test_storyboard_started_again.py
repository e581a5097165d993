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
from purchases import buy_and_leave

from flows.storyboard import storyboard
from footage.context import open_context

pytestmark = pytest.mark.filterwarnings("default::DeprecationWarning", "ignore:unclosed:ResourceWarning")


PLAIN = {"model": "wanx2.1-t2v-turbo", "size": "832*480"}
# Five seconds of it.
PRICE = 1.2


def _write(board: Path, prompt: str) -> None:
    # Nothing is rendered for a shot that fails.
    shot = {"id": "a", "prompt": f"{prompt} [[emulator: fail=DataInspectionFailed]]"}
    fields = {"schema": "wan-video/storyboard/1", "title": "Again", "defaults": PLAIN, "shots": [shot]}
    board.write_text(json.dumps(fields))


async def _buy(prompt: str) -> None:
    with open_context() as context:
        await buy_and_leave(context, {"prompt": prompt, **PLAIN})


async def _start(times: int, **parameters: Any) -> list[Any]:
    """The states in which one run ends that is started so often."""
    async with get_client() as client:
        run = await client.create_flow_run(storyboard, parameters=parameters, state=Pending())
        ended: list[Any] = []
        for _ in range(times):
            await client.set_flow_run_state(run.id, Pending(), force=True)
            again = await client.read_flow_run(run.id)
            ended.append(await run_flow_async(storyboard, again, parameters=parameters, return_type="state"))
    return ended


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


@pytest.mark.parametrize("bound", ["max_cost", "approve_above"])
def test_what_an_earlier_run_bought_and_fails_is_bought_by_a_new_run_and_not_by_one_with_other_caps(
    prefect_server: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bound: str
) -> None:
    shots = [{"id": "left", "prompt": "A boat"}, {"id": "new", "prompt": "A harbour"}]
    board = {"schema": "wan-video/storyboard/1", "title": "Left", "defaults": PLAIN, "shots": shots}
    asked = {"board": board | {"budget": {"currency": "CNY", bound: PRICE}}}
    with fast_emulator() as emulator:
        for name, value in environment(emulator, tmp_path / "out").items():
            monkeypatch.setenv(name, value)
        emulator.fault("failed-without-code")
        asyncio.run(_buy("A boat"))

        # One clip is due, and the other one fails meanwhile.
        tries = asyncio.run(_start(2, **asked))

        told = [ended.data.result for ended in tries]
        assert [one["shots"] for one in told] == [{"left": "held", "new": "delivered"}] * 2
        assert all("new run" in one["commands"]["left"] for one in told)
        assert emulator.ledger()["creates"] == 2

        (anew,) = asyncio.run(_start(1, **asked))

        assert set(anew.data.result["shots"].values()) == {"delivered"}
        assert emulator.ledger()["creates"] == 3
