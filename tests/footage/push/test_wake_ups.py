"""A note in the store cuts the pause of whoever waits for a clip."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from footage.push.wake_ups import News, WakeUps, take_note, wake, wake_to_cancel
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

    assert await asyncio.wait_for(mine, 10) is News.ENDED

    assert not other.done()
    assert store.list("wakeups") == []
    other.cancel()
    await asyncio.gather(other, return_exceptions=True)


async def test_without_a_note_a_pause_lasts_as_long_as_it_says(store: Store) -> None:
    waiting, began = WakeUps(store), time.monotonic()

    assert await waiting.pause(KEY, 0.3) is News.NOTHING

    assert time.monotonic() - began >= 0.3


async def test_a_cancel_is_heard_also_in_the_moment_in_which_a_note_comes(store: Store) -> None:
    unheard = 0
    # One of so many turns of the loop is that moment.
    for turns in range(40):
        wake(store, KEY)
        pause = asyncio.create_task(WakeUps(store).pause(KEY, 60))
        while store.list("wakeups"):  # noqa: ASYNC110 - turns of the loop are what this is about
            await asyncio.sleep(0)
        for _ in range(turns):
            await asyncio.sleep(0)
        asked = pause.cancel()
        await asyncio.wait([pause])
        unheard += asked and not pause.cancelled()

    assert unheard == 0


async def test_a_pause_that_is_cancelled_leaves_the_next_one_its_note(store: Store) -> None:
    waiting = WakeUps(store)
    first = asyncio.create_task(waiting.pause(KEY, 60))
    await asyncio.sleep(0)
    # The first one hears of its cancel only after the next one began.
    next_one = asyncio.create_task(waiting.pause(KEY, 60))
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.wait([first])
    wake(store, KEY)

    assert await asyncio.wait_for(next_one, 10) is News.ENDED


def test_a_note_is_taken_once(store: Store) -> None:
    wake(store, KEY)
    wake(store, KEY)

    assert [take_note(store, KEY), take_note(store, KEY)] == [True, False]


async def test_a_note_about_a_wish_to_cancel_is_no_event_of_the_provider(store: Store) -> None:
    waiting = WakeUps(store)
    wake_to_cancel(store, KEY)
    wake_to_cancel(store, OTHER)

    assert await asyncio.wait_for(waiting.pause(OTHER, 60), 10) is News.TO_CANCEL

    # Of a clip that somebody else waits for.
    assert store.list("wakeups") == [f"wakeups/{KEY}.cancel"]


class _SlowToDelete:
    """A store whose deletions wait until they may."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.begun, self.may_end, self.ended = threading.Event(), threading.Event(), threading.Event()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def delete(self, path: str) -> None:
        self.begun.set()
        assert self.may_end.wait(20)
        self._store.delete(path)
        self.ended.set()

    async def end_a_pause_of(self, waiting: WakeUps) -> None:
        """End a pause, as where its time is over, while its note is being taken."""
        pause = asyncio.create_task(waiting.pause(KEY, 60))
        assert await asyncio.to_thread(self.begun.wait, 20)
        pause.cancel()
        await asyncio.wait([pause])

    async def go_on(self) -> None:
        """Let the note be gone."""
        self.may_end.set()
        assert await asyncio.to_thread(self.ended.wait, 20)
        # Whoever looks goes on a moment after that.
        await asyncio.sleep(0.1)


async def test_a_note_that_is_taken_when_the_last_pause_ends_is_not_left_for_a_later_clip(
    store: Store,
) -> None:
    slow: Any = _SlowToDelete(store)
    waiting = WakeUps(slow)
    wake(store, KEY)
    await slow.end_a_pause_of(waiting)
    await slow.go_on()

    assert [await waiting.take(KEY), await waiting.take(KEY)] == [True, False]
    wake(store, KEY)
    assert await waiting.take(KEY)
    assert await waiting.pause(KEY, 0.01) is News.NOTHING


@pytest.mark.parametrize("between", [False, True], ids=["within the next pause", "between two pauses"])
@pytest.mark.parametrize(("leave", "news"), [(wake, News.ENDED), (wake_to_cancel, News.TO_CANCEL)])
async def test_a_note_that_is_taken_when_a_pause_ends_is_told_by_the_next_one(
    store: Store, leave: Callable[[Store, str], None], news: News, between: bool
) -> None:
    slow: Any = _SlowToDelete(store)
    waiting = WakeUps(slow)
    leave(store, KEY)

    await slow.end_a_pause_of(waiting)
    if between:
        await slow.go_on()
    next_one = asyncio.create_task(waiting.pause(KEY, 60))
    await asyncio.sleep(0)
    slow.may_end.set()

    assert await asyncio.wait_for(next_one, 10) is news
    assert await waiting.pause(KEY, 0.01) is News.NOTHING
