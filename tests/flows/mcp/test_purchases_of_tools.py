"""Purchases through the tools, by real processes: once for ten calls, and through the death of the server."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest
from agentclient import CLIP, PRICE, Person, call, client_of, refusal
from bench import last_receipt
from mcp.client import Client
from mcp.client.stdio import StdioServerParameters
from mcp.shared.exceptions import MCPError
from pictures import picture
from purchases import buy_and_leave
from waiting import until

from flows.mcp.protocol_server import make_server
from flows.mcp.server_context import ServerContext
from footage.context import open_context
from footage.emulator import Emulator
from footage.evidence.state import Permission
from footage.steps.cancel import cancel_clip
from footage.steps.check import enter, prepare

pytestmark = pytest.mark.timeout(240)


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Boards that are bought are kept there."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


async def delivered(client: Client, key: str) -> dict[str, Any]:
    """The clip once it is there; each wait is bounded."""
    for _ in range(4):
        where = await call(client, "wait", key=key, seconds=30)
        if not where["timed_out"]:
            break
    assert where["state"] == "delivered", where
    return where


@pytest.mark.slow
async def test_ten_equal_calls_at_once_buy_one_clip(emulator: Emulator) -> None:
    server_context, person = ServerContext(), Person()
    async with client_of(make_server(server_context), "auto", person) as client:
        answers = await asyncio.gather(*(call(client, "submit", request=CLIP, **PRICE) for _ in range(10)))
        await delivered(client, answers[0]["key"])
        server_context.workers.close()

    assert {answer["key"] for answer in answers} == {answers[0]["key"]}
    assert {answer["state"] for answer in answers} <= {"booked", "delivered"}
    assert emulator.ledger()["accepted"] == 1


@pytest.mark.slow
async def test_a_clip_is_bought_where_it_was_priced_now_and_not_where_it_was_ordered_first(
    emulator: Emulator,
) -> None:
    server_context = ServerContext()
    with open_context() as context:
        # By mistake; it costs more there.
        first = enter(context, prepare(context, {**CLIP, "region": "ap-southeast-1"}), Permission())
    async with client_of(make_server(server_context), "auto", Person()) as client:
        booked = await call(client, "submit", request=CLIP, **PRICE)
        await delivered(client, first.key)
        server_context.workers.close()

    assert booked["key"] == first.key
    assert last_receipt(first).region == "cn-beijing"


@pytest.mark.slow
@pytest.mark.parametrize("cancelled", [False, True], ids=["wanted", "cancelled"])
async def test_a_booked_clip_that_is_submitted_again_and_fails_is_bought_by_nobody(
    emulator: Emulator, cancelled: bool
) -> None:
    emulator.turn(generation_s=3000)
    emulator.fault("failed-without-code")
    server_context, person = ServerContext(), Person("decline")
    with open_context() as context:
        clip = await buy_and_leave(context, CLIP)
        # What has not begun is not made by turning the clock on.
        while emulator.tasks()[0]["status"] != "RUNNING":
            emulator.advance(1)
        if cancelled:
            assert (await asyncio.to_thread(cancel_clip, context, clip.key, "a person")).became == "abandoned"
    async with client_of(make_server(server_context), "auto", person) as client:
        again = await call(client, "submit", request=CLIP, max_cost="0.01", currency="CNY")
    worker = server_context.workers.of(clip.key)
    assert worker is not None
    emulator.advance(3000)
    await asyncio.to_thread(until, lambda: worker.ended(), "the worker has ended", 120)

    assert again["state"] == "booked"
    assert person.asked == []
    assert emulator.tasks()[0]["status"] == "FAILED"
    assert emulator.ledger()["creates"] == 1
    assert clip.evidence.state().cancel_wanted is cancelled


@asynccontextmanager
async def piped(
    person: Person | None, *arguments: str, era: str = "legacy"
) -> AsyncIterator[tuple[Client, int]]:
    """The server as clients start it, and its process id."""
    program = f"from flows.cli import run; run(['mcp', *{arguments!r}])"
    server = StdioServerParameters(command=sys.executable, args=["-c", program], env=dict(os.environ))
    before = {child.pid for child in psutil.Process().children()}
    async with client_of(server, era, person) as client:  # pyright: ignore[reportArgumentType]
        (pid,) = {child.pid for child in psutil.Process().children()} - before
        yield client, pid


async def booked_and_killed() -> dict[str, Any]:
    """What a server answered that was killed while its client waited for the clip."""
    async with piped(Person()) as (client, pid):
        booked = await call(client, "submit", request=CLIP, **PRICE)

        async def kill(progress: float, total: float | None, message: str | None) -> None:
            os.kill(pid, signal.SIGKILL)

        waiting = {"key": booked["key"], "seconds": 40}
        with pytest.raises(MCPError):
            await client.call_tool("wait", waiting, progress_callback=kill)
    return booked


@pytest.mark.slow
async def test_a_server_killed_in_a_wait_loses_nothing(emulator: Emulator) -> None:
    emulator.turn(generation_s=3000)
    booked = await booked_and_killed()
    assert booked["state"] == "booked"
    emulator.advance(3000)

    async with client_of(make_server(ServerContext()), "auto", Person("decline")) as client:
        (where,) = (await call(client, "status", keys=[booked["key"]]))["clips"]
        await delivered(client, booked["key"])
        again = await call(client, "submit", request=CLIP, **PRICE)

    assert (where["key"], where["task_id"]) == (booked["key"], booked["task_id"])
    assert again["state"] == "delivered"
    assert emulator.ledger()["accepted"] == 1


async def _made(emulator: Emulator, server_context: ServerContext, board: str, clips: int) -> None:
    """Have the clips of a board bought and its worker end."""
    worker = server_context.workers.of(f"board {board}")
    assert worker is not None
    await asyncio.to_thread(until, lambda: len(emulator.tasks()) == clips, f"{clips} clips are bought", 90)
    emulator.advance(3000)
    await asyncio.to_thread(until, lambda: worker.ended(), "the worker has ended", 90)


@pytest.mark.slow
async def test_a_board_that_was_changed_is_refused_while_its_first_version_is_made(
    emulator: Emulator,
) -> None:
    emulator.turn(generation_s=3000)
    one = (
        "schema: wan-video/storyboard/1\ntitle: Fleet\ndefaults: {model: wan2.2-t2v-plus, size: 832*480}\n"
        "shots:\n  - {id: s01, prompt: A boat}\n"
    )
    two = f"{one}  - {{id: s02, prompt: A harbour}}\n"
    caps = {"max_cost": 1.4, "currency": "CNY", "max_seconds": 10}
    server_context, person = ServerContext(), Person()
    async with client_of(make_server(server_context), "auto", person) as client:
        begun = await call(client, "storyboard_submit", board=one, **caps)
        refused = await refusal(client, "storyboard_submit", board=two, **caps)
        # On a busy machine that is later than the answer.
        await asyncio.to_thread(until, lambda: emulator.ledger()["accepted"] == 1, "it is bought", 120)
        same = await call(client, "storyboard_submit", board=one, **caps)
        asked = len(person.asked)
        await _made(emulator, server_context, begun["board"], clips=1)
        then = await call(client, "storyboard_submit", board=two, **caps)
        await _made(emulator, server_context, begun["board"], clips=2)

    assert (begun["state"], same["state"], same["board"]) == ("booked", "booked", begun["board"])
    assert "another version of this board is being made" in refused
    assert "storyboard_status" in refused
    assert asked == 1
    assert (then["board"], then["to_buy"]) == (begun["board"], 1)
    assert emulator.ledger()["accepted"] == 2


@pytest.mark.slow
async def test_a_board_whose_picture_cannot_be_read_again_is_followed_all_the_same(
    emulator: Emulator,
) -> None:
    emulator.turn(generation_s=3000)
    image = "data:image/png;base64," + base64.b64encode(picture(640, 480)).decode()
    board = json.dumps(
        {
            "schema": "wan-video/storyboard/1",
            "title": "Pictures",
            "shots": [
                {"id": "s01", "prompt": "A boat", "model": "wan2.6-i2v-flash", "reference_image": image},
                {"id": "s02", "prompt": "A harbour", "model": "wan2.2-t2v-plus", "size": "832*480"},
            ],
        }
    )
    caps = {"max_cost": 9, "currency": "CNY", "max_seconds": 20}
    server_context = ServerContext()
    async with client_of(make_server(server_context), "auto", Person()) as client:
        begun = await call(client, "storyboard_submit", board=board, **caps)
        await asyncio.to_thread(until, lambda: emulator.ledger()["accepted"] == 2, "they are bought", 120)
        how_far = await call(client, "storyboard_status", board=begun["board"])
        await _made(emulator, server_context, begun["board"], clips=2)
        made = await call(client, "storyboard_status", board=begun["board"])

    assert (how_far["state"], how_far["counts"]) == ("booked", {"booked": 2})
    assert (made["state"], [shot["id"] for shot in made["shots"]]) == ("delivered", ["s01", "s02"])


@pytest.mark.slow
async def test_a_board_is_bought_once_and_followed_to_its_film(emulator: Emulator) -> None:
    board = (
        "schema: wan-video/storyboard/1\ntitle: Boats\ndefaults: {model: wan2.2-t2v-plus, size: 832*480}\n"
        "budget: {currency: CNY, approve_above: 1}\n"
        "shots:\n  - {id: s01, prompt: A boat}\n  - {id: s02, prompt: A harbour}\n"
    )
    caps = {"max_cost": 1.4, "currency": "CNY", "max_seconds": 10}
    server_context, person = ServerContext(), Person()
    async with client_of(make_server(server_context), "auto", person) as client:
        begun = await call(client, "storyboard_submit", board=board, **caps)
        for _ in range(120):
            how_far = await call(client, "storyboard_status", board=begun["board"])
            if how_far["state"] != "booked":
                break
            await asyncio.sleep(0.5)
        again = await call(client, "storyboard_plan", board=board)
        server_context.workers.close()

    assert begun["state"] in ("booked", "delivered")
    assert len(person.asked) == 1
    assert how_far["state"] == "delivered", how_far
    assert how_far["counts"] == {"delivered": 2}
    assert (how_far["spent"]["amount"], how_far["spent"]["currency"]) == ("1.40", "CNY")
    assert {"film.mp4", "timeline.xml", "dailies.html"} <= set(how_far["links"])
    assert (again["to_buy"], again["state"]) == (0, "booked")
    assert emulator.ledger()["accepted"] == 2
