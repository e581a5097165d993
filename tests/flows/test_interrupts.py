"""Ctrl-C cancels what a command bought; SIGTERM leaves it booked; both say how to go on."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import threading
import time
import uuid
from collections.abc import Callable, Generator, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from emulatedrun import environment, fast_emulator
from failinggateway import FailingGateway
from prefect.settings import PREFECT_API_URL, temporary_settings
from purchases import buy_and_leave

from blocks.storage import VideoStorage
from flows.cli import run
from footage.context import open_context
from footage.emulator import Emulator
from footage.settings import load_settings

# Third parties' warnings inside a run of ours.
pytestmark = pytest.mark.filterwarnings("default::DeprecationWarning", "default::ResourceWarning")

BLOCK = "interrupted-films"
BOAT = {"prompt": "A boat", "model": "wan2.2-t2v-plus", "size": "832*480"}
CLIP = ["--prompt", "A quiet harbour", "--model", "wan2.2-t2v-plus", "--size", "832*480"]


@pytest.fixture
def emulator(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, prefect_server: Any) -> Iterator[Emulator]:
    """A provider whose queue does not move, and a storage block beside OUTPUT_DIR."""
    # Test runners may ignore Ctrl-C in the processes that they start.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    with fast_emulator() as emulator:
        emulator.turn(start_delay_s=1e6)
        for name, value in environment(emulator, tmp_path / "elsewhere").items():
            monkeypatch.setenv(name, value)
        VideoStorage(base=str(tmp_path / "block")).save(BLOCK, overwrite=True)
        yield emulator
    signal.signal(signal.SIGINT, before)


@contextmanager
def in_the_meantime(when: Callable[[], bool], act: Callable[[], object]) -> Generator[None]:
    """While this block runs, something happens as soon as `when` is true."""

    def watch() -> None:
        deadline = time.monotonic() + 30
        while not when() and time.monotonic() < deadline:
            time.sleep(0.02)
        act()

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield
    finally:
        watcher.join()


def sent(number: signal.Signals, when: Callable[[], bool]) -> AbstractContextManager[None]:
    """Within this block this process gets a signal as soon as `when` is true."""
    return in_the_meantime(when, lambda: os.kill(os.getpid(), number))


def _receipts(folder: Path) -> int:
    return len(list(folder.rglob("receipt.json")))


def _last_run(api: httpx.Client, flow: str) -> dict[str, Any]:
    """The run of this flow that was started last; one without an id or a state before there is any."""
    question = {"flows": {"name": {"any_": [flow]}}, "sort": "START_TIME_DESC", "limit": 1}
    found = api.post("flow_runs/filter", json=question).raise_for_status().json()
    return found[0] if found else {"id": None, "state": {"type": None}}


def _cancel(api: httpx.Client, flow: str) -> None:
    """Press Cancel on the last run of a flow."""
    run_id = _last_run(api, flow)["id"]
    api.post(f"flow_runs/{run_id}/set_state", json={"state": {"type": "CANCELLING"}}).raise_for_status()


def _board(tmp_path: Path, **fields: Any) -> str:
    shot = {"model": "wanx2.1-t2v-turbo", "size": "832*480", "prompt": "A quiet harbour"}
    shots = [{"id": "a", **shot}, {"id": "b", "take": 2, **shot}]
    path = tmp_path / "board.json"
    path.write_text(
        json.dumps({"schema": "wan-video/storyboard/1", "title": "Two", "shots": shots, **fields})
    )
    return str(path)


def test_ctrl_c_cancels_every_clip_of_a_board_in_the_store_of_its_block(
    emulator: Emulator, tmp_path: Path, prefect_api: httpx.Client, capsys: pytest.CaptureFixture[str]
) -> None:
    with sent(signal.SIGINT, lambda: _receipts(tmp_path / "block") == 2):
        code = run(["storyboard", _board(tmp_path), "--storage-block", BLOCK])

    told = capsys.readouterr()
    assert (code, told.out) == (130, "")
    assert [task["status"] for task in emulator.tasks()] == ["CANCELED", "CANCELED"]
    assert told.err.count("the task was cancelled before it ran; nothing is billed") == 2
    assert "→ the same command again" in told.err
    assert "Traceback" not in told.err
    state = _last_run(prefect_api, "storyboard")["state"]
    assert (state["type"], state["message"]) == ("CANCELLED", "Ctrl-C; clips: 2 canceled")


@pytest.mark.slow
def test_sigterm_and_ctrl_c_of_harvest_leave_a_clip_booked_and_cancel_in_prefect_cancels_it(
    emulator: Emulator, tmp_path: Path, prefect_api: httpx.Client, capsys: pytest.CaptureFixture[str]
) -> None:
    store = tmp_path / "block"
    flags = ["--storage-block", BLOCK]

    with sent(signal.SIGTERM, lambda: _receipts(store) == 1):
        assert run(["generate", *CLIP, *flags]) == 5

    told = capsys.readouterr().err
    assert "stays booked" in told
    assert "→ the same command again: what was bought is found in the evidence" in told
    assert f"wan-video harvest --storage-block {BLOCK}" in told
    assert "Traceback" not in told

    asked = emulator.ledger()["queries"]
    with sent(signal.SIGINT, lambda: emulator.ledger()["queries"] > asked):
        assert run(["harvest", *flags]) == 130

    assert "nothing is cancelled" in capsys.readouterr().err
    assert emulator.ledger()["cancels"] == 0
    assert _receipts(store) == 1

    key = next(store.rglob("receipt.json")).parts[-3]
    asked = emulator.ledger()["queries"]
    with in_the_meantime(
        lambda: emulator.ledger()["queries"] > asked, lambda: _cancel(prefect_api, "finish-video")
    ):
        assert run(["generate", "--key", key[:12], *flags]) == 5

    assert f"→ wan-video generate --storage-block {BLOCK} --key {key}" in capsys.readouterr().err
    assert [task["status"] for task in emulator.tasks()] == ["CANCELED"]
    assert _last_run(prefect_api, "finish-video")["state"]["type"] == "CANCELLED"

    # The evidence is in the block's store, and nowhere else.
    assert run(["cancel", key[:12], *flags]) == 0
    assert run(["adopt", key[:12], "some-task", *flags]) == 2
    told = capsys.readouterr().err
    assert "canceled: the task was cancelled before it ran" in told
    assert "nothing to settle" in told


@pytest.mark.slow
def test_ctrl_c_of_a_harvest_waits_for_no_other_store(emulator: Emulator, tmp_path: Path) -> None:
    async def buy(folder: str) -> None:
        with open_context(load_settings(output_dir=str(tmp_path / folder))) as context:
            await buy_and_leave(context, BOAT)

    # The one of OUTPUT_DIR, and the one of a block.
    for folder in ("elsewhere", "block"):
        asyncio.run(buy(folder))
    pressed: list[float] = []

    def both_wait() -> bool:
        if emulator.ledger()["queries"] > 10:
            pressed.append(time.monotonic())
        return bool(pressed)

    with sent(signal.SIGINT, both_wait):
        assert run(["harvest", "--wait", "60"]) == 130

    assert time.monotonic() - pressed[0] < 30


def test_a_price_that_is_refused_with_cancel_ends_with_the_code_of_a_budget(
    emulator: Emulator, tmp_path: Path, prefect_api: httpx.Client, capsys: pytest.CaptureFixture[str]
) -> None:
    board = _board(tmp_path, budget={"approve_above": 0, "currency": "CNY"})

    def paused() -> bool:
        return _last_run(prefect_api, "storyboard")["state"]["type"] == "PAUSED"

    with in_the_meantime(paused, lambda: _cancel(prefect_api, "storyboard")):
        assert run(["storyboard", board]) == 6

    assert "The price was not approved" in capsys.readouterr().err
    assert emulator.ledger()["creates"] == 0


def test_an_approval_that_the_server_does_not_take_is_no_mistake_of_the_person(
    prefect_api: httpx.Client, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run_id = str(uuid.uuid4())
    flow = prefect_api.post("flows/", json={"name": "waits-for-nobody"}).json()
    waits_for_nobody = prefect_api.post("flow_runs/", json={"flow_id": flow["id"]}).json()
    with FailingGateway(str(prefect_api.base_url).rstrip("/")) as gateway:
        monkeypatch.setenv("PREFECT_API_URL", gateway.url)
        with temporary_settings({PREFECT_API_URL: gateway.url}):
            mistakes = {
                run(["storyboard", "--approve", wrong]) for wrong in (run_id, waits_for_nobody["id"], "x")
            }
            gateway.failing = f"/api/flow_runs/{run_id}"
            unanswered = run(["storyboard", "--approve", run_id])

    told = capsys.readouterr().err
    assert (mistakes, unanswered) == ({2}, 8)
    assert "prefect flow-run ls --state-type PAUSED" in told
    assert "The Prefect server answers 504; nothing was approved." in told
