"""From the end of a task to its clip by the provider's own event: signed, verified, noted, heard."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from bench import REGION, Bench
from countedstore import CountedStore
from servedapp import answering, free_socket
from waiting import until

from footage.credentials import parse_key
from footage.emulator import Emulator
from footage.evidence.claims import claim_path
from footage.pacing.interval import FEW
from footage.push.certificates import TrustedCertificates
from footage.push.end_news import DOUBTS_WITHIN_S, EndNews
from footage.push.event_delivery import EventDelivery
from footage.push.receiver import Receiver, Rule
from footage.push.wake_ups import News, wake
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
    with free_socket() as socket:
        found = Listening(tmp_path, emulator, socket.getsockname()[1])
        with answering(found.receiver.app(), socket):
            yield found
        emulator.turn(push_url=None, push_mode="once", push_retry_s=1.0, push_region="cn-beijing")


@pytest.mark.parametrize("mode", ["once", "twice", "newline"])
def test_a_waiting_clip_is_looked_at_when_its_event_comes(
    bench: Bench, listening: Listening, mode: str
) -> None:
    # Four seconds of ours; without the event it would be asked for after a minute.
    bench.emulator.turn(push_url=listening.url, push_mode=mode, generation_s=1600.0)
    context = bench.context(push_url=listening.url, poll_min_s=60.0, poll_max_s=60.0, deadline_s=90.0)
    began = time.monotonic()

    clip = bench.clip(context)

    assert bench.make(clip).video_url

    assert time.monotonic() - began < 50
    assert context.event_delivery.works(clip.client())
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

    clip = bench.clip(context)

    assert bench.make(clip).video_url

    until(lambda: listening.receiver.counts[stage] > 0, "it is refused")
    assert (listening.ended, context.event_delivery.works(clip.client())) == ([], False)


def test_a_clip_that_nobody_waits_for_is_named_to_who_finishes_it(bench: Bench, listening: Listening) -> None:
    bench.emulator.turn(push_url=listening.url, generation_s=400.0)
    clip = bench.clip()
    bench.buy(clip)

    until(lambda: bool(listening.ended), "its event comes")

    assert listening.ended == [clip.key]
    assert clip.context.store.list("wakeups") == [f"wakeups/{clip.key}"]


def test_an_event_of_another_region_is_of_no_clip_here(bench: Bench, listening: Listening) -> None:
    bench.emulator.turn(push_url=listening.url, push_region="ap-southeast-1", generation_s=400.0)
    bench.buy(bench.clip())

    until(lambda: listening.receiver.counts["other region"] == 1, "its event comes")

    assert listening.ended == []


def test_an_event_that_could_not_be_looked_up_is_taken_when_it_is_sent_again(
    bench: Bench, listening: Listening
) -> None:
    bench.emulator.turn(push_url=listening.url, push_retry_s=0.2, generation_s=800.0)
    clip = bench.clip()
    claim = claim_path(bench.buy(clip).task_id)
    store = clip.context.store
    whole = store.read(claim)
    store.replace(claim, b"{")
    until(lambda: listening.receiver.counts["store"] > 0, "its event comes")

    store.replace(claim, whole)

    until(lambda: listening.receiver.counts["woken"] > 0, "its event comes again")
    assert listening.ended == [clip.key]


def test_events_that_come_in_another_order_name_each_their_clip(bench: Bench, listening: Listening) -> None:
    context = bench.context()
    clips = [bench.clip(context), bench.clip(context, take=2)]
    for clip, generation_s in zip(clips, (600.0, 1000.0), strict=True):
        bench.emulator.turn(push_url=listening.url, push_mode="reversed", generation_s=generation_s)
        bench.buy(clip)

    until(lambda: len(listening.ended) == 2, "both events come")

    assert listening.ended == [clips[1].key, clips[0].key]


def test_without_any_event_a_clip_comes_by_asking(bench: Bench, listening: Listening) -> None:
    bench.emulator.turn(push_url=listening.url, push_mode="never")
    context = bench.context(push_url=listening.url)
    assert bench.make(bench.clip(context)).video_url
    bench.emulator.turn(push_mode="once", generation_s=400.0)
    one_more = bench.clip(context, take=2)
    bench.buy(one_more)

    until(lambda: listening.receiver.counts["woken"] > 0, "its event comes")

    assert listening.ended == [one_more.key]
    assert listening.receiver.counts == {"signed as documented": 1, "woken": 1}


def test_while_events_come_a_clip_is_asked_for_as_seldom_as_an_operator_says(
    bench: Bench, listening: Listening
) -> None:
    context = bench.context(push_url=listening.url, poll_min_s=0.05, poll_max_s=30.0, deadline_s=90.0)
    clip = bench.clip(context)
    context.event_delivery.arrived(clip.client())
    bench.emulator.turn(push_url=listening.url, generation_s=800.0)
    before = bench.emulator.ledger(tasks=False)["queries"]

    bench.make(clip)

    # Once at the beginning, and once when it was woken.
    assert bench.emulator.ledger(tasks=False)["queries"] - before <= 3


def test_an_end_that_no_event_told_brings_the_usual_pace_back(bench: Bench) -> None:
    context = bench.context(repair_poll_s=0.5)
    clip = bench.clip(context)
    context.event_delivery.arrived(clip.client())

    bench.make(clip)

    assert not context.event_delivery.works(clip.client())


async def test_who_pauses_while_an_event_is_missed_asks_soon(bench: Bench) -> None:
    context = bench.context()
    one, other = (
        EndNews(clip.key, clip.client(), context.wake_ups, context.event_delivery)
        for clip in (bench.clip(context), bench.clip(context, take=2))
    )
    context.event_delivery.arrived(bench.clip(context).client())
    pausing = asyncio.create_task(one.pause(3600.0))
    await other.pause(0.0)

    # It ended, and no event told it.
    await other.confirm()

    assert await asyncio.wait_for(pausing, 60) is News.NOTHING


async def test_a_pause_that_relies_on_events_ends_when_its_time_is_over_or_news_come(bench: Bench) -> None:
    context = bench.context()
    clip = bench.clip(context)
    end = EndNews(clip.key, clip.client(), context.wake_ups, context.event_delivery)
    context.event_delivery.arrived(clip.client())
    began = time.monotonic()

    assert await end.pause(DOUBTS_WITHIN_S + 0.5) is News.NOTHING
    assert time.monotonic() - began > DOUBTS_WITHIN_S
    wake(context.store, clip.key)
    assert await asyncio.wait_for(end.pause(3600.0), 60) is News.ENDED

    assert end.told


def test_an_end_that_was_told_at_the_same_moment_does_not(bench: Bench) -> None:
    # A store that costs a request each time is looked at every 5 s.
    kept = CountedStore(open_store("memory://told"))
    bench.emulator.turn(generation_s=5000.0)
    context = bench.context(wrap=lambda _: kept, repair_poll_s=0.5)
    clip = bench.clip(context)
    context.event_delivery.arrived(clip.client())

    def tell() -> None:
        until(lambda: ("list", "wakeups") in kept.asked and bool(bench.tasks()), "it waits")
        wake(context.store, clip.key)
        bench.emulator.advance(5000)

    teller = threading.Thread(target=tell)
    teller.start()
    bench.make(clip)
    teller.join()

    assert context.event_delivery.works(clip.client())
    assert context.store.list("wakeups") == []


@pytest.mark.slow
def test_an_end_that_is_told_while_its_answer_is_slow_is_not_missed(bench: Bench) -> None:
    bench.emulator.turn(generation_s=5000.0)
    # A short lease makes requests short.
    context = bench.context(lease_s=60.0, repair_poll_s=0.3, deadline_s=90.0)
    clip = bench.clip(context)
    context.event_delivery.arrived(clip.client())

    def tell() -> None:
        # Not the first question: an event is missed in a pause.
        until(lambda: counted("queries") > asked + 1, "it pauses")
        bench.fault("latency", seconds=4)
        until(lambda: counted("faults").get("latency", 0) > struck, "a question is slow")
        wake(context.store, clip.key)
        bench.emulator.advance(5000)

    def counted(what: str) -> Any:
        return bench.emulator.ledger(tasks=False)[what]

    asked, struck = counted("queries"), counted("faults").get("latency", 0)
    teller = threading.Thread(target=tell)
    teller.start()
    bench.make(clip)
    teller.join()

    assert context.event_delivery.works(clip.client())


def test_an_event_is_relied_on_for_a_time(bench: Bench) -> None:
    client = bench.clip().client()
    for believed_for_s, works in ((900.0, True), (0.0, False)):
        delivery = EventDelivery(believed_for_s)
        assert not delivery.works(client)

        delivery.arrived(client)

        assert delivery.works(client) is works


def test_events_of_one_account_say_nothing_of_another_one_s(bench: Bench) -> None:
    context = bench.context(more_keys=[parse_key("sk-emulator-2", "test", account="other")])
    one, other = (context.client(context.endpoint(REGION), None, key) for key in context.api_keys)

    context.event_delivery.arrived(one)

    assert (context.event_delivery.works(one), context.event_delivery.works(other)) == (True, False)


def test_what_an_event_told_is_asked_of_the_task_and_not_of_a_list_from_before(
    bench: Bench, listening: Listening
) -> None:
    bench.emulator.turn(push_url=listening.url, generation_s=800.0)
    # A list is believed for 30 s.
    context = bench.context(push_url=listening.url, poll_min_s=60.0, poll_max_s=60.0, deadline_s=90.0)
    clip = bench.clip(context)
    listed, began = bench.emulator.ledger(tasks=False)["lists"], time.monotonic()

    with contextlib.ExitStack() as others:
        for _ in range(FEW):
            others.enter_context(context.task_list.waiting(clip.client()))
        assert bench.make(clip).video_url

    assert bench.emulator.ledger(tasks=False)["lists"] > listed
    assert time.monotonic() - began < 50
    assert listening.receiver.counts["woken"] == 1


def test_a_task_that_is_told_to_have_ended_is_asked_for_again_until_it_says_so(bench: Bench) -> None:
    bench.emulator.turn(generation_s=600.0)
    context = bench.context(poll_min_s=30.0, poll_max_s=30.0, deadline_s=90.0)
    clip = bench.clip(context)
    before, began = bench.emulator.ledger(tasks=False)["queries"], time.monotonic()

    def tell_too_early() -> None:
        until(lambda: bench.emulator.ledger(tasks=False)["queries"] > before, "its task is asked for")
        wake(context.store, clip.key)

    teller = threading.Thread(target=tell_too_early)
    teller.start()
    bench.make(clip)
    teller.join()

    assert time.monotonic() - began < 25
