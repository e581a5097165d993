"""One list query answers for all clips that wait: the account may ask 20 questions a second, all workers together.

The provider lists tasks by status. A task that is listed as RUNNING or PENDING needs no question of its own;
one that is in neither list has ended, or is too new to be listed, and is asked for by its id. The list is
never believed about an end.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Generator
from copy import copy
from typing import TYPE_CHECKING

from footage.concurrency.executors import in_thread
from footage.errors import AccountProblem, FootageError, Throttled, Unreachable
from footage.pacing.interval import FEW, interval_s
from footage.provider.results import TaskRow, TaskStatus

if TYPE_CHECKING:
    from footage.provider import WanClient

# From here on a list is cheaper than asking for each: it takes one query for every 50 tasks and status.
WORTH_A_LIST = FEW + 1
PAGE_SIZE = 50


# Address and key: keys of two accounts list different tasks.
_Place = tuple[str, str]


class TaskList:
    """What the provider's lists say about the tasks that this process waits for; for one event loop."""

    def __init__(self, min_s: float, max_s: float) -> None:
        self._bounds_s = min_s, max_s
        self._waiting: dict[_Place, int] = {}
        # The rows by task, or why there are none.
        self._listed: dict[_Place, dict[str, TaskRow] | FootageError] = {}
        self._listed_at: dict[_Place, float] = {}
        self._lock = asyncio.Lock()

    @contextlib.contextmanager
    def waiting(self, client: WanClient) -> Generator[None]:
        """Count one more clip that waits for this endpoint."""
        place = _place(client)
        self._waiting[place] = self._waiting.get(place, 0) + 1
        try:
            yield
        finally:
            self._waiting[place] -= 1

    def interval_s(self, client: WanClient) -> float:
        """Seconds between two questions about one task of this endpoint, for all that wait for it now."""
        return interval_s(self._waiting.get(_place(client), 0), *self._bounds_s)

    def few(self, client: WanClient) -> bool:
        """Whether so few wait for this endpoint that each may have a pace of its own."""
        return self._waiting.get(_place(client), 0) <= FEW

    async def row(self, client: WanClient, task_id: str) -> TaskRow | None:
        """The task's row if it is still queued or running; None: ask for the task itself.

        Raises:
            Unreachable, Throttled, AccountProblem: The list could not be read.
        """
        place = _place(client)
        if self._waiting.get(place, 0) < WORTH_A_LIST:
            return None
        # Whoever comes while somebody lists waits for that list instead of making another one.
        async with self._lock:
            # Half as old as the pause at the most, or a clip would be seen up to two pauses late.
            fresh_s = self.interval_s(client) / 2
            if time.monotonic() - self._listed_at.get(place, float("-inf")) >= fresh_s:
                await self._list(client)
        listed = self._listed[place]
        if isinstance(listed, FootageError):
            # One for each clip, because whoever catches it adds to it.
            raise copy(listed)
        return listed.get(task_id)

    async def _list(self, client: WanClient) -> None:
        """Read the list, or keep why it could not be read: an outage reaches all that wait at once."""
        place = _place(client)
        try:
            self._listed[place] = await in_thread(_open_tasks, client)
        except (Unreachable, Throttled, AccountProblem) as error:
            self._listed[place] = error
        self._listed_at[place] = time.monotonic()


def _place(client: WanClient) -> _Place:
    return client.base_url, client.api_key.fingerprint


def _open_tasks(client: WanClient) -> dict[str, TaskRow]:
    """Every queued or running task. RUNNING is read last: what moves on in between is in both lists, not in none."""
    rows: dict[str, TaskRow] = {}
    for status in (TaskStatus.PENDING, TaskStatus.RUNNING):
        page = 1
        while True:
            answer = client.list_tasks(status=status, page=page, page_size=PAGE_SIZE)
            rows |= {row.task_id: row for row in answer.rows if not row.status.final}
            if page >= answer.total_pages or not answer.rows:
                break
            page += 1
    return rows
