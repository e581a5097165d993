"""Wake-ups: a note in the store that cuts the pause of whoever waits for a clip, in this or another process.

    wakeups/<key>           somebody says that the clip has ended; deleted by who waits for it, else once it is finished
    wakeups/<key>.cancel    somebody left a wish to cancel the clip in its evidence

It has no authority: it only makes the next question, to the provider or to the clip's folder, come sooner. One listing
tells the notes of all clips that a process waits for.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from datetime import UTC, datetime
from enum import Flag, auto
from typing import TYPE_CHECKING

from footage.concurrency.executors import in_thread
from footage.errors import AlreadyThere, StorageProblem

if TYPE_CHECKING:
    from footage.storage import Store

logger = logging.getLogger(__name__)

FOLDER = "wakeups"
_CANCEL = ".cancel"
# A listing costs nothing in a folder, and a request elsewhere.
LOOK_EVERY_LOCAL_S, LOOK_EVERY_S = 0.5, 5.0


class News(Flag):
    """What the notes about a clip say; none: NOTHING."""

    NOTHING = 0
    ENDED = auto()
    TO_CANCEL = auto()


def wake(store: Store, key: str) -> None:
    """Leave a note for whoever waits for a clip; one that is there already is enough.

    Raises:
        StorageProblem: The store cannot be written.
    """
    with contextlib.suppress(AlreadyThere):
        store.create(f"{FOLDER}/{key}", json.dumps({"at": datetime.now(UTC).isoformat()}).encode())


def wake_to_cancel(store: Store, key: str) -> None:
    """Leave a note that the clip's folder has a wish to cancel it. Raises as `wake`."""
    wake(store, key + _CANCEL)


def has_note(store: Store, key: str) -> bool:
    """Whether somebody says that a clip has ended, and nobody took that up. Raises as `take_note`."""
    return store.exists(f"{FOLDER}/{key}")


def take_note(store: Store, key: str) -> bool:
    """Take a clip's note away; whether there was one.

    Raises:
        StorageProblem: The store cannot be read or written.
    """
    if not has_note(store, key):
        return False
    store.delete(f"{FOLDER}/{key}")
    return True


def noted(store: Store) -> list[str]:
    """The keys of all clips that somebody says have ended.

    Raises:
        StorageProblem: The store cannot be listed.
    """
    names = [path.rpartition("/")[2] for path in store.list(FOLDER)]
    return [name for name in names if not name.endswith(_CANCEL)]


class WakeUps:
    """Waits for notes of all clips of this process with one listing; for one event loop."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._every_s = LOOK_EVERY_S if store.remote else LOOK_EVERY_LOCAL_S
        self._waiting: dict[str, asyncio.Event] = {}
        # Of notes that were taken away and not told yet: a pause may end, or be ended, in that very moment.
        self._news: dict[str, News] = {}
        self._looking: asyncio.Task[None] | None = None

    async def pause(self, key: str, seconds: float) -> News:
        """Sleep for so long, or until a note about this clip comes; what it says, or one that came just before."""
        if key not in self._news:
            # Its own: a pause that was cancelled may end after the next one began.
            self._waiting[key] = woken = asyncio.Event()
            if self._looking is None or self._looking.done():
                self._looking = asyncio.create_task(self._look())
            try:
                # Not `wait_for`, which forgets on Python 3.11 that it was cancelled where a note comes at that moment.
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(seconds):
                        await woken.wait()
            finally:
                if self._waiting.get(key) is woken:
                    del self._waiting[key]
        return self._news.pop(key, News.NOTHING)

    async def take(self, key: str) -> bool:
        """Take away what a note says about a clip that nobody waits for any more; whether it was told to have ended.

        Raises:
            StorageProblem: As `take_note`.
        """
        news = self._news.pop(key, News.NOTHING)
        return News.ENDED in news or await in_thread(take_note, self._store, key)

    async def _look(self) -> None:
        """List the notes for as long as anybody waits."""
        while self._waiting:
            try:
                for path in await in_thread(self._store.list, FOLDER):
                    name = path.rpartition("/")[2]
                    key = name.removesuffix(_CANCEL)
                    if key not in self._waiting:
                        continue
                    await in_thread(self._store.delete, path)
                    self._news[key] = self._news.get(key, News.NOTHING) | (
                        News.ENDED if name == key else News.TO_CANCEL
                    )
                    if (woken := self._waiting.get(key)) is not None:
                        woken.set()
            except StorageProblem as error:
                logger.warning("Wake-ups cannot be looked for: %s", error.message)
            await asyncio.sleep(self._every_s)
