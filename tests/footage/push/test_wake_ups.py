"""A note in the store cuts the pause of whoever waits for a clip."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

from footage.push.wake_ups import WakeUps, take_note, wake, wake_to_cancel
from footage.storage import Store, open_store

KEY, OTHER = "a" * 64, "b" * 64


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return open_store(str(tmp_path / "store"))


async def test_a_note_wakes_its_clip_and_no_other(store: Store) -> None:
    waiting = WakeUps(store)
    other = asyncio.create_task(waiting.pause(OTHER, 60))
    mine = asyncio.create_task(waiting.pause(KEY, 60))
    await asyncio.sleep(0)
    wake(store, KEY)

    await asyncio.wait_for(mine, 10)

    assert not other.done()
    assert store.list("wakeups") == []
    assert waiting.expected
    other.cancel()
    await asyncio.gather(other, return_exceptions=True)


async def test_without_a_note_a_pause_lasts_as_long_as_it_says(store: Store) -> None:
    waiting, began = WakeUps(store), time.monotonic()

    await waiting.pause(KEY, 0.3)

    assert time.monotonic() - began >= 0.3
    assert not waiting.expected


def test_a_note_is_taken_once(store: Store) -> None:
    wake(store, KEY)
    wake(store, KEY)

    assert [take_note(store, KEY), take_note(store, KEY)] == [True, False]


async def test_a_note_about_a_wish_to_cancel_is_no_event_of_the_provider(store: Store) -> None:
    waiting = WakeUps(store)
    wake_to_cancel(store, KEY)
    wake_to_cancel(store, OTHER)

    assert await asyncio.wait_for(waiting.pause(OTHER, 60), 10)

    assert not waiting.expected
    # Of a clip that somebody else waits for.
    assert store.list("wakeups") == [f"wakeups/{KEY}.cancel"]


async def test_a_note_that_a_clip_ended_tells_of_no_wish_to_cancel(store: Store) -> None:
    wake(store, KEY)

    assert not await WakeUps(store).pause(KEY, 60)
