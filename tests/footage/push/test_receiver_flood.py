"""Many senders at once, slow ones and strangers: an event passes all the same."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections.abc import AsyncIterator, Iterator

import httpx
from eventbus import KEY, Bus, asked, claimed, event
from rawserver import RawServer
from servedapp import served

from footage.push.receiver import AT_ONCE, INSIDE
from footage.storage import Store


async def test_who_comes_while_as_many_as_allowed_are_read_is_asked_to_come_again(bus: Bus) -> None:
    go_on, reading = asyncio.Event(), asyncio.Semaphore(0)
    _, headers = bus.signed(b"{}")

    async def slow() -> AsyncIterator[bytes]:
        yield b"{"
        reading.release()
        await go_on.wait()

    transport = httpx.ASGITransport(bus.receiver.app())
    async with httpx.AsyncClient(transport=transport, base_url="http://here", headers=headers) as client:
        sent = [asyncio.create_task(client.post("/dashscope/4f1c", content=slow())) for _ in range(INSIDE)]
        for _ in sent:
            await reading.acquire()

        one_more = await client.post("/dashscope/4f1c", content=b"{}")
        go_on.set()
        await asyncio.gather(*sent)
        after = await client.post("/dashscope/4f1c", content=b"{}")

    assert (one_more.status_code, bus.receiver.counts["busy"]) == (503, 1)
    assert after.status_code == 204


def test_strangers_use_up_nothing_of_what_is_taken_in_a_minute(store: Store, oss: RawServer) -> None:
    bus = Bus(store, oss, a_minute=2)
    for _ in range(5):
        assert asked(bus.receiver, "POST", "/dashscope/4f1c", content=b"{}").status_code == 401

    assert [bus.send(event(claimed(store))) for _ in range(3)] == [204, 204, 503]


def test_senders_that_dribble_are_cut_off_and_hold_up_no_event(store: Store, oss: RawServer) -> None:
    bus = Bus(store, oss, read_s=1.0)
    body, headers = bus.signed(event(claimed(store)))
    strangers, knowing = 2 * AT_ONCE, 2 * AT_ONCE

    with served(bus.receiver.app()) as port, contextlib.ExitStack() as open_ones:
        address = f"http://127.0.0.1:{port}/dashscope/4f1c?x=1"
        slow = [open_ones.enter_context(_begun(port, {}, what)) for what in ("POST /other", "GET /healthz")]
        slow += [open_ones.enter_context(_begun(port, {})) for _ in range(strangers)]
        slow += [open_ones.enter_context(_begun(port, headers)) for _ in range(knowing)]
        open_ones.enter_context(_dribbling(slow))
        answers = [httpx.post(address, content=body, headers=headers, trust_env=False)]
        # The end of what is read is the end of the connection.
        heads = [_all_of(one) for one in slow]

    assert [answer.status_code for answer in answers] == [204]
    assert bus.ended == [KEY]
    others = [b"404", b"200"]
    assert [head.split()[1] for head in heads] == others + [b"401"] * strangers + [b"408"] * knowing
    assert bus.receiver.counts["slow"] == knowing


@contextlib.contextmanager
def _begun(
    port: int, headers: dict[str, str], what: str = "POST /dashscope/4f1c?x=1"
) -> Iterator[socket.socket]:
    """A request of which a byte has come."""
    lines = [*(f"{name}: {value}" for name, value in headers.items()), "host: x", "content-length: 1000"]
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        head = "\r\n".join([f"{what} HTTP/1.1", *lines])
        connection.sendall(f"{head}\r\n\r\n{{".encode())
        yield connection


@contextlib.contextmanager
def _dribbling(connections: list[socket.socket]) -> Iterator[None]:
    """Within this block each connection sends a byte now and then."""
    ended = threading.Event()

    def dribble() -> None:
        while not ended.wait(0.05):
            for connection in connections:
                # It was cut off.
                with contextlib.suppress(OSError):
                    connection.send(b" ")

    thread = threading.Thread(target=dribble)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def _all_of(connection: socket.socket) -> bytes:
    data = b""
    with contextlib.suppress(ConnectionResetError):
        while part := connection.recv(4096):
            data += part
    return data
