"""A receiver that is killed in a flood of events: nothing is bought twice, nothing is lost, and polling repairs."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
from emulatedrun import environment
from manymachines import free_port, process
from plainsteps import PLAIN_STEPS
from prooffaults import FAULTS, with_fault
from waiting import until

from flows.cli import run
from footage.clip import Clip
from footage.context import Context, open_context
from footage.emulator import Emulator
from footage.evidence.state import Permission, Step
from footage.steps.check import enter, prepare

pytestmark = [
    pytest.mark.chaos,
    pytest.mark.filterwarnings("default::DeprecationWarning", "ignore:unclosed:ResourceWarning"),
]

RECEIVER = Path(__file__).parents[1] / "support" / "receiverprocess.py"
BOAT = {"model": "wanx2.1-t2v-turbo", "size": "832*480"}
WAITED_FOR, LEFT = 12, 3
# Every other one is heeded.
MODES = ("once", "forged", "twice", "stale", "newline", "unknown", "late", "altered", "once", "token")
# Nobody is to finish anything before the first one is killed.
LONG_GRACE_S, SHORT_GRACE_S = 60.0, 0.5


@pytest.fixture
def emulator(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, prefect_server: Any) -> Iterator[Emulator]:
    # One after the other, so that events come for a while.
    with Emulator(speed=30, rate_limits=False, concurrency=1, render="tiny", generation_s=36.0) as emulator:
        port = free_port()
        address = f"http://127.0.0.1:{port}/events"
        more = {
            "WAN_VIDEO_PUSH_URL": address,
            "WAN_VIDEO_PUSH_TOKEN": "emulator",
            "WAN_VIDEO_POLL_MAX_S": "3",
            "WAN_VIDEO_REPAIR_POLL_S": "3",
        }
        for name, value in (environment(emulator, tmp_path / "out") | more).items():
            monkeypatch.setenv(name, value)
        emulator.turn(push_url=address)
        yield emulator


@contextmanager
def receiver(folder: Path, grace_s: float) -> Iterator[subprocess.Popen[bytes]]:
    """A receiver that answers."""
    port = os.environ["WAN_VIDEO_PUSH_URL"].split(":")[2].split("/")[0]
    command = [sys.executable, str(RECEIVER), port, str(grace_s)]
    with process(command, folder / "receiver.log") as started:
        until(lambda: _counts() is not None, "the receiver answers", 30)
        yield started


def _counts() -> Counter[str] | None:
    try:
        answer = httpx.get(os.environ["WAN_VIDEO_PUSH_URL"].replace("/events", "/healthz"), trust_env=False)
    except httpx.HTTPError:
        return None
    return Counter(answer.json()["counts"])


@contextmanager
def flood(emulator: Emulator) -> Iterator[None]:
    """Within this block events go wrong in every way, each event in the next one, and strangers send rubbish."""
    ended = threading.Event()

    def pour(client: httpx.Client) -> None:
        while not ended.wait(0.25):
            over = sum(task["status"] in ("SUCCEEDED", "FAILED") for task in emulator.tasks())
            emulator.turn(push_mode=MODES[over % len(MODES)])
            for _ in range(20):
                # Nobody listens for a while.
                with suppress(httpx.HTTPError):
                    client.post(os.environ["WAN_VIDEO_PUSH_URL"], content=b"{}")

    with httpx.Client(trust_env=False) as client:
        thread = threading.Thread(target=pour, args=[client])
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()


def _buy(context: Context, take: int) -> str:
    """A clip that is bought, and that nobody waits for."""

    async def bought() -> Clip:
        clip = enter(context, prepare(context, {**BOAT, "prompt": "Nobody", "take": take}), Permission())
        async with clip.held():
            while await clip.next_step() is Step.SUBMIT:
                await PLAIN_STEPS[Step.SUBMIT](clip)
        return clip

    return asyncio.run(bought()).key


@contextmanager
def waiting(folder: Path, prefect_server: Any, prompts: list[str]) -> Iterator[subprocess.Popen[bytes]]:
    """A process that makes clips and waits for them."""
    command = [
        sys.executable,
        "-c",
        "from flows.cli import main; main()",
        "generate",
        "--file",
        _lines(folder, prompts),
    ]
    with process(command, folder / "waiting.log", {**os.environ, **prefect_server.environment}) as started:
        yield started


def _lines(folder: Path, prompts: list[str]) -> str:
    file = folder / "requests.jsonl"
    file.write_text("".join(f"{json.dumps({**BOAT, 'prompt': prompt})}\n" for prompt in prompts))
    return str(file)


@pytest.mark.timeout(240)
@pytest.mark.parametrize("faults", [0, len(FAULTS)], ids=["", "with every fault of the great proof"])
def test_a_receiver_killed_in_a_flood_of_events_costs_no_clip_and_no_money(
    emulator: Emulator, prefect_server: Any, tmp_path: Path, faults: int
) -> None:
    prompts = [f"Boat {number}" for number in range(WAITED_FOR)]
    prompts[:faults] = [with_fault(prompt, number) for number, prompt in enumerate(prompts[:faults])]
    with open_context() as context, receiver(tmp_path, LONG_GRACE_S) as first:
        left = [_buy(context, take) for take in range(1, LEFT + 1)]
        until(lambda: len(context.store.list("wakeups")) == LEFT, "the events of the clips left alone", 30)
        with flood(emulator), waiting(tmp_path, prefect_server, prompts) as waiter:
            until(lambda: (_counts() or Counter())["woken"] >= LEFT + 2, "some of the events", 60)
            first.kill()
            first.wait()
            # Events of this time reach nobody for now: they are sent again, after the clip was found by asking.
            there = len(context.store.list("videos"))
            until(lambda: len(context.store.list("videos")) > there, "a clip without a receiver", 30)
            with receiver(tmp_path, SHORT_GRACE_S):
                assert waiter.wait(150) == 0, (tmp_path / "waiting.log").read_text()
                # What the first one had noted and not finished is finished after the second one's start.
                until(lambda: all(_finished(context, key) for key in left), "the clips left alone", 60)
                counts = _counts() or Counter()

    (report,) = context.store.list("batches")
    assert json.loads(context.store.read(report))["counts"] == {"delivered": WAITED_FOR}
    tasks = [(task["body"]["input"]["prompt"], task["status"]) for task in emulator.tasks()]
    paid = Counter(prompt for prompt, status in tasks if status != "FAILED")
    # Each once, although answers were lost; and all faults were met.
    assert paid == {"Nobody": LEFT} | dict.fromkeys(prompts, 1)
    assert sum(emulator.ledger(tasks=False)["faults"].values()) == faults
    assert {"woken", "headers"} <= set(counts)
    assert run(["harvest"]) == 0
    assert context.store.list("open") == []


def _finished(context: Context, key: str) -> bool:
    return context.store.exists(f"evidence/{key}/result.json")
