"""What is shown in the UI beside a run, and that showing it never costs a clip anything.

A busy Prefect server answers 503 and its client then waits for up to a minute; a paid clip must neither wait for
that nor fail of it.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Coroutine
from typing import Any, ClassVar, TypeVar
from uuid import UUID
from weakref import WeakKeyDictionary, WeakSet

from prefect.artifacts import acreate_progress_artifact, aupdate_progress_artifact

T = TypeVar("T")

logger = logging.getLogger("footage.tasks")

PATIENCE_S = 10.0
# Calls left to themselves; while so many wait, the server has enough to do without more of them.
MOST_LATE = 8
# More often nobody looks; each time costs an event and its resources, which the server keeps for a week.
SHOW_EVERY_S = 30.0
# For each bar of the process: an update costs the server about 11 ms, and a board has hundreds of bars.
SHOW_APART_S = 0.25


async def published(artifact: Coroutine[Any, Any, T], patience_s: float = PATIENCE_S) -> T | None:
    """What creating an artifact gives, or None when the server did not take it in time.

    The call is left to itself then and not cancelled: it shares its connections with the run, and httpcore 1.0
    never gives a connection back whose request was cancelled while it waited for one. After sixteen of those
    the run could not even say that it has ended.
    """
    if len(_late) >= MOST_LATE:
        artifact.close()
        return None
    call = asyncio.ensure_future(artifact)
    await asyncio.wait({call}, timeout=patience_s)
    if not call.done():
        logger.warning("Prefect takes its time for an artifact; going on without it.")
        _late.add(call)
        call.add_done_callback(_forget)
        return None
    if (error := call.exception()) is not None:
        logger.warning("Prefect did not take an artifact (%s).", type(error).__name__)
        return None
    return call.result()


_late: set[asyncio.Future[Any]] = set()


def _forget(call: asyncio.Future[Any]) -> None:
    _late.discard(call)
    if not call.cancelled():
        # Asked for, so that asyncio does not complain about an exception that nobody saw.
        call.exception()


class ProgressArtifact:
    """A progress bar of the run, updated seldom, and more seldom the more of them the process has."""

    _alive: ClassVar[WeakSet[ProgressArtifact]] = WeakSet()

    def __init__(self, key: str) -> None:
        self._key = key
        self._id: UUID | None = None
        self._shown_at = float("-inf")
        self._share = 0.0
        # Two that show at once would make two bars, and one of them would stay as it began.
        self._turn = asyncio.Lock()
        self._alive.add(self)

    @property
    def due(self) -> bool:
        """Whether enough time has passed since it was last shown."""
        pause_s = max(SHOW_EVERY_S, SHOW_APART_S * len(self._alive))
        return time.monotonic() - self._shown_at >= pause_s

    async def show(self, share: float, description: str) -> None:
        """Set the bar to a share of 1."""
        self._shown_at, self._share = time.monotonic(), share
        percent = round(100 * share, 1)
        async with self._turn:
            if self._id is None:
                self._id = await published(
                    acreate_progress_artifact(progress=percent, key=self._key, description=description)
                )
            else:
                await published(
                    aupdate_progress_artifact(self._id, progress=percent, description=description)
                )

    async def end(self, description: str, *, full: bool = True) -> None:
        """Fill the bar, or leave it where it stopped; one that was never shown is not made for that."""
        self._alive.discard(self)
        if self._id is not None:
            await self.show(1.0 if full else self._share, description)


class CountProgress:
    """How many of a run's clips have ended, as lines of its log and a progress bar."""

    def __init__(self, total: int, what: str, key: str) -> None:
        self._total = total
        self._what = what
        self._ended = 0
        self._artifact = ProgressArtifact(key)

    async def count(self, name: str, state: str) -> None:
        """One more has ended, as `state`."""
        self._ended += 1
        logger.info("%s: %s (%d of %d %s)", name, state, self._ended, self._total, self._what)
        if self._artifact.due or self._ended == self._total:
            await self._artifact.show(self._ended / self._total, f"{self._total} {self._what}")


# A clip's bar is begun by its wait and filled by its end, which are two tasks.
_bars: WeakKeyDictionary[object, ProgressArtifact] = WeakKeyDictionary()


def bar_of(work: object, key: str) -> ProgressArtifact:
    """The one bar of this work in this process, which is made under this key at first use."""
    return _bars.setdefault(work, ProgressArtifact(key))
