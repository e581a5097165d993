"""Wake-ups: a note in the store that cuts the pause of whoever waits for a clip, in this or another process.

    wakeups/<key>       somebody says that the clip has ended; deleted by who looks

It has no authority: it only makes the next question to the provider come sooner.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from footage.concurrency.executors import in_thread
from footage.errors import AlreadyThere, StorageProblem

if TYPE_CHECKING:
    from footage.storage import Store

logger = logging.getLogger(__name__)

FOLDER = "wakeups"
# A listing costs nothing in a folder, and a request elsewhere.
LOOK_EVERY_LOCAL_S, LOOK_EVERY_S = 0.5, 5.0
# As long as one of ours came within this time, the next ones are expected to come, too.
BELIEVED_FOR_S = 900.0


def wake(store: Store, key: str) -> None:
    """Leave a note for whoever waits for a clip; one that is there already is enough.

    Raises:
        StorageProblem: The store cannot be written.
    """
    with contextlib.suppress(AlreadyThere):
        store.create(f"{FOLDER}/{key}", json.dumps({"at": datetime.now(UTC).isoformat()}).encode())


def take_note(store: Store, key: str) -> bool:
    """Take a clip's note away; whether there was one.

    Raises:
        StorageProblem: The store cannot be read or written.
    """
    if not store.exists(f"{FOLDER}/{key}"):
        return False
    store.delete(f"{FOLDER}/{key}")
    return True


def noted(store: Store) -> list[str]:
    """The keys of all clips that a note is about.

    Raises:
        StorageProblem: The store cannot be listed.
    """
    return [path.rpartition("/")[2] for path in store.list(FOLDER)]


class WakeUps:
    """Waits for notes of all clips of this process with one listing; for one event loop.

    `enabled` is False where nothing listens: then a pause is a pause.
    """

    def __init__(self, store: Store, *, enabled: bool) -> None:
        self._store = store
        self._enabled = enabled
        self._every_s = LOOK_EVERY_S if store.network_address or "://" in store.url else LOOK_EVERY_LOCAL_S
        self._waiting: dict[str, asyncio.Event] = {}
        self._looking: asyncio.Task[None] | None = None
        self._last_s = float("-inf")

    @property
    def expected(self) -> bool:
        """Whether clips of this process were woken lately, so that it need not be asked so often."""
        return time.monotonic() - self._last_s < BELIEVED_FOR_S

    async def pause(self, key: str, seconds: float) -> None:
        """Sleep for so long, or until a note for this clip comes."""
        if not self._enabled:
            await asyncio.sleep(seconds)
            return
        woken = self._waiting.setdefault(key, asyncio.Event())
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(self._look())
        try:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(woken.wait(), seconds)
        finally:
            self._waiting.pop(key, None)

    async def _look(self) -> None:
        """List the notes for as long as anybody waits."""
        while self._waiting:
            try:
                for key in await in_thread(noted, self._store):
                    if (woken := self._waiting.get(key)) is not None:
                        await in_thread(self._store.delete, f"{FOLDER}/{key}")
                        self._last_s = time.monotonic()
                        woken.set()
            except StorageProblem as error:
                logger.warning("Wake-ups cannot be looked for: %s", error.message)
            await asyncio.sleep(self._every_s)
