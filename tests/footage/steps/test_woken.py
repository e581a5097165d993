"""From the end of a task to its clip by the provider's own event: signed, verified, noted, heard."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import uvicorn
from bench import Bench

from footage.emulator import Emulator
from footage.push.certificates import TrustedCertificates
from footage.push.receiver import Receiver, Rule
from footage.storage import open_store


class Listening:
    """A receiver on a port of this machine."""

    def __init__(self, folder: Path, emulator: Emulator, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}/events"
        self.ended: list[str] = []
        parts = urlsplit(emulator.base_url)
        certificates = TrustedCertificates({"cn-beijing"}, f"{parts.scheme}://{parts.netloc}")
        rule = Rule(self.url, ("emulator",), frozenset({"cn-beijing"}))
        store = open_store(str(folder / "alicloud-ai-video-wan-video"))
        self.receiver = Receiver(rule, store, certificates, self.ended.append)


@pytest.fixture
def listening(tmp_path: Path, emulator: Emulator) -> Iterator[Listening]:
    config = uvicorn.Config(app=lambda: None, port=0, log_level="critical", lifespan="off")
    socket = config.bind_socket()
    found = Listening(tmp_path, emulator, socket.getsockname()[1])
    server = uvicorn.Server(uvicorn.Config(found.receiver.app(), log_level="critical", lifespan="off"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [socket]})
    thread.start()
    try:
        yield found
    finally:
        server.should_exit = True
        thread.join()
        socket.close()
        emulator.turn(push_url=None, push_mode="once")


@pytest.mark.parametrize("mode", ["once", "twice", "newline"])
def test_a_waiting_clip_is_looked_at_when_its_event_comes(
    bench: Bench, listening: Listening, mode: str
) -> None:
    # Four seconds of ours; without the event it would be asked for after a minute.
    bench.emulator.turn(push_url=listening.url, push_mode=mode, generation_s=1600.0)
    context = bench.context(push_url=listening.url, poll_min_s=60.0, poll_max_s=60.0, deadline_s=90.0)
    began = time.monotonic()

    assert bench.make(bench.clip(context)).video_url

    assert time.monotonic() - began < 50
    assert context.wake_ups.expected
    assert listening.receiver.counts["woken"] == 1


@pytest.mark.parametrize(
    ("mode", "stage"),
    [
        ("forged", "signature"),
        ("altered", "signature"),
        ("stale", "window"),
        ("token", "token"),
        ("unknown", "unknown task"),
    ],
)
def test_a_false_event_wakes_nobody_and_the_clip_comes_by_asking(
    bench: Bench, listening: Listening, mode: str, stage: str
) -> None:
    bench.emulator.turn(push_url=listening.url, push_mode=mode)
    context = bench.context(push_url=listening.url)

    assert bench.make(bench.clip(context)).video_url

    until(lambda: listening.receiver.counts[stage] > 0)
    assert (listening.ended, context.wake_ups.expected) == ([], False)


def until(reached: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not reached():
        assert time.monotonic() < deadline, "the event did not come"
        time.sleep(0.02)


def test_a_clip_that_nobody_waits_for_is_named_to_who_finishes_it(bench: Bench, listening: Listening) -> None:
    bench.emulator.turn(push_url=listening.url, generation_s=400.0)
    clip = bench.clip()
    bench.buy(clip)

    until(lambda: bool(listening.ended))

    assert listening.ended == [clip.key]
    assert clip.context.store.list("wakeups") == [f"wakeups/{clip.key}"]


def test_while_events_come_a_clip_is_asked_for_as_seldom_as_an_operator_allows(
    bench: Bench, listening: Listening
) -> None:
    context = bench.context(push_url=listening.url, poll_min_s=0.05, poll_max_s=30.0, deadline_s=90.0)
    bench.emulator.turn(push_url=listening.url, generation_s=400.0)
    for take in (1, 3, 4, 5):
        # A question may find the end before the event does.
        bench.make(bench.clip(context, take=take))
        if context.wake_ups.expected:
            break
    assert context.wake_ups.expected
    bench.emulator.turn(generation_s=1600.0)
    before = bench.emulator.ledger(tasks=False)["queries"]

    bench.make(bench.clip(context, take=2))

    # Once at the beginning, and once when it was woken.
    assert bench.emulator.ledger(tasks=False)["queries"] - before <= 3
