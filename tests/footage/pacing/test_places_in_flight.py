"""Who gets a place at the provider, and when: as many as its account makes at once, and as many queued."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest
from bench import MODEL

from footage.credentials import parse_key
from footage.pacing.in_flight import InFlight
from footage.provider import WanClient


@pytest.fixture
def client() -> Iterator[WanClient]:
    with WanClient("https://dashscope-intl.aliyuncs.com/api/v1", parse_key("sk-x", "test")) as made:
        yield made


async def _enter(flight: InFlight, client: WanClient, names: str) -> list[asyncio.Task[WanClient]]:
    tasks = [asyncio.create_task(flight.enter((client,), MODEL, name)) for name in names]
    await _turns()
    return tasks


async def _turns() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


def _inside(tasks: list[asyncio.Task[WanClient]], names: str) -> str:
    return "".join(name for name, task in zip(names, tasks, strict=True) if task.done())


@pytest.fixture
def other_account() -> Iterator[WanClient]:
    key = parse_key("sk-y", "test", account="studio-b")
    with WanClient("https://dashscope-intl.aliyuncs.com/api/v1", key) as made:
        yield made


async def test_an_account_is_given_as_many_clips_as_it_has_room_for(
    client: WanClient, other_account: WanClient
) -> None:
    flight, names = InFlight(), "abcdefghijklmn"
    flight.allow(client, MODEL, 5)
    flight.allow(other_account, MODEL, 1)

    tasks = [asyncio.create_task(flight.enter((client, other_account), MODEL, name)) for name in names]
    await _turns()

    assert _inside(tasks, names) == names[:12]
    theirs = [
        name for name, task in zip(names[:12], tasks[:12], strict=True) if task.result() is other_account
    ]
    assert len(theirs) == 2
    # Who waits is given to whichever account has room first.
    for name in theirs:
        flight.leave(name)
    await _turns()
    assert [task.result() for task in tasks[12:]] == [other_account] * 2


async def test_clips_that_wait_go_to_an_account_that_turns_out_to_have_more_room(
    client: WanClient, other_account: WanClient
) -> None:
    flight, names = InFlight(), "abcdefghijkl"
    tasks = [asyncio.create_task(flight.enter((client, other_account), MODEL, name)) for name in names]
    await _turns()
    # Two at once are documented for each.
    assert _inside(tasks, names) == names[:8]

    flight.allow(client, MODEL, 1)
    flight.allow(other_account, MODEL, 20)
    await _turns()

    assert [task.result() for task in tasks[8:]] == [other_account] * 4


async def test_an_account_that_refuses_is_given_nothing_while_another_one_does_not(
    client: WanClient, other_account: WanClient
) -> None:
    both = client, other_account
    flight, names = InFlight(), "abcdefghijkl"
    tasks = [asyncio.create_task(flight.enter(both, MODEL, name)) for name in names]
    await _turns()
    refused = [
        name for name, task in zip(names[:8], tasks[:8], strict=True) if task.result() is other_account
    ]
    assert len(refused) == 4
    flight.note_refusal(other_account, MODEL)

    assert flight.sold_elsewhere(other_account, both, MODEL)
    assert not flight.sold_elsewhere(client, both, MODEL)
    # Those that wait do not go there, and neither does one that comes again, whatever room it has.
    for name in refused[1:]:
        flight.leave(name)
    again = asyncio.create_task(flight.enter(both, MODEL, refused[0]))
    await _turns()
    assert not any(task.done() for task in (*tasks[8:], again))
    for name in (*(set(names[:8]) - set(refused)), names[8]):
        flight.leave(name)
        await _turns()
    assert [task.result() for task in (*tasks[8:], again)] == [client] * 5
    # Where no account sells any, each clip gets a refusal of its own.
    flight.note_refusal(client, MODEL)
    assert not flight.sold_elsewhere(client, both, MODEL)
    assert await flight.enter(both, MODEL, "m") is other_account


def test_as_many_as_are_documented_are_sent_and_as_many_again_for_the_queue(client: WanClient) -> None:
    async def play() -> None:
        flight, names = InFlight(), "abcdefgh"
        tasks = await _enter(flight, client, names)
        # Two at once are documented for this model.
        assert _inside(tasks, names) == "abcd"
        flight.leave("c")
        await _turns()
        assert _inside(tasks, names) == "abcde"
        # A clip that gave up waiting takes nobody's place.
        tasks[5].cancel()
        flight.leave("a")
        await _turns()
        assert _inside(tasks, names) == "abcdefg"
        assert tasks[5].cancelled()
        tasks[7].cancel()
        await _turns()

    asyncio.run(play())


def test_an_account_that_runs_more_than_documented_gets_more(client: WanClient) -> None:
    async def play() -> None:
        flight, names = InFlight(), "abcdefghijkl"
        tasks = await _enter(flight, client, names)
        for at_s in (0.0, 5.0, 11.0):
            for name in "abcd":
                flight.note(client, MODEL, name, running=True, at_s=at_s)
        await _turns()
        # All four run, for more than a moment: so this account makes four at once, and eight may be there.
        assert _inside(tasks, names) == "abcdefgh"
        # What the provider says counts for more than what was seen.
        flight.allow(client, MODEL, 5)
        await _turns()
        assert _inside(tasks, names) == "abcdefghij"
        flight.allow(client, MODEL, 1)
        for name in "abcdefgh":
            flight.leave(name)
        await _turns()
        assert _inside(tasks, names) == "abcdefghij"
        flight.leave("i")
        await _turns()
        assert _inside(tasks, names) == "abcdefghijk"
        flight.leave("j")
        await _turns()
        assert _inside(tasks, names) == names

    asyncio.run(play())


def test_clips_that_follow_each_other_are_not_taken_for_more_at_once(client: WanClient) -> None:
    async def play() -> None:
        flight, names = InFlight(), "abcdefgh"
        tasks = await _enter(flight, client, names)
        for name in "ab":
            flight.note(client, MODEL, name, running=True, at_s=0.0)
        # These two have ended, which nobody noticed yet, and the next two run.
        for at_s in (60.0, 61.0):
            for name in "cd":
                flight.note(client, MODEL, name, running=True, at_s=at_s)
        flight.leave("a")
        flight.note(client, MODEL, "c", running=True, at_s=120.0)
        await _turns()
        assert _inside(tasks, names) == "abcde"
        for task in tasks[5:]:
            task.cancel()
        await _turns()

    asyncio.run(play())


def test_two_clips_of_one_key_have_a_place_each(client: WanClient) -> None:
    async def play() -> None:
        flight = InFlight()
        one, other, *more = (object() for _ in range(6))
        tasks = [asyncio.create_task(flight.enter((client,), MODEL, clip)) for clip in (one, other, *more)]
        await _turns()
        assert [task.done() for task in tasks] == [True] * 4 + [False] * 2
        tasks[4].cancel()
        flight.leave(other)
        await _turns()
        assert (tasks[4].cancelled(), tasks[5].done()) == (True, True)

    asyncio.run(play())


def test_a_clip_that_was_bought_before_takes_a_place_without_waiting(client: WanClient) -> None:
    async def play() -> None:
        flight, names = InFlight(), "ab"
        for name in "wxyz":
            flight.note(client, MODEL, name, running=False, at_s=0.0)
        tasks = await _enter(flight, client, names)
        assert _inside(tasks, names) == ""
        flight.leave("w")
        await _turns()
        assert _inside(tasks, names) == "a"
        flight.leave("x")
        await _turns()

    asyncio.run(play())
