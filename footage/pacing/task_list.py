"""One list answers for all clips that wait: the account may ask 20 questions a second, all workers together.

The provider lists tasks by status. A task that is listed as RUNNING or PENDING needs no question of its own;
one that is in neither list has ended, or is too new to be listed, and is asked for by its id. The list is
never believed about an end, nor for ever that there is none: it may lag.

The tasks of others are listed, too: where all pages would be more questions than there are clips that wait, each clip
is asked for by its id. The first page is read all the same: it tells how many there are, and an outage to all at once.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import time
from collections import defaultdict
from collections.abc import Generator
from copy import copy
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from footage.concurrency.executors import in_question_thread
from footage.errors import AccountProblem, FootageError, Throttled, Unreachable
from footage.pacing.interval import few, interval_s
from footage.pacing.queries import pace_of
from footage.provider.results import TaskRow, TaskStatus

if TYPE_CHECKING:
    from footage.provider import WanClient

PAGE_SIZE = 50
# A list is read so often in each pause, or a clip would be seen up to two pauses late.
_LISTS_A_PAUSE = 2
_STATUSES = TaskStatus.PENDING, TaskStatus.RUNNING
# From here on a list may be cheaper than asking for each: it takes one query for every 50 tasks and status.
WORTH_A_LIST = _LISTS_A_PAUSE * len(_STATUSES) + 1
# How much of what the account allows now goes to questions about tasks that have been listed for long.
_DOUBTED_SHARE = 0.1


@dataclass
class _Account:
    """What is known of one place; nobody waits for what another one's list takes."""

    waiting: int = 0
    # The rows by task, or why there are none.
    listed: dict[str, TaskRow] | FootageError = field(default_factory=dict[str, TaskRow])
    listed_at_s: float = float("-inf")
    # What the last list cost, or would have: also those list their tasks there who wait in other processes.
    pages: int = len(_STATUSES)
    reading: asyncio.Task[None] | None = None
    # When a row was not believed last.
    doubted_at_s: float = float("-inf")

    @property
    def being_read(self) -> bool:
        return self.reading is not None and not self.reading.done()

    @property
    def most_pages(self) -> int:
        """As many as cost less in a pause than a question for each clip that waits."""
        return (self.waiting - 1) // _LISTS_A_PAUSE

    @property
    def questions(self) -> int:
        """What all that wait cost in a pause."""
        if self.waiting < WORTH_A_LIST:
            return self.waiting
        if self.pages <= self.most_pages:
            return _LISTS_A_PAUSE * self.pages
        return self.waiting + _LISTS_A_PAUSE * len(_STATUSES)


class TaskList:
    """What the provider's lists say about the tasks that this process waits for; for one event loop."""

    def __init__(self, min_s: float, max_s: float) -> None:
        # Of a pause, by the operator.
        self.bounds_s = min_s, max_s
        # By address and key, which list different tasks, within what the provider counts questions by.
        self._accounts: defaultdict[tuple[str, str], dict[tuple[str, str], _Account]] = defaultdict(dict)

    @contextlib.contextmanager
    def waiting(self, client: WanClient) -> Generator[None]:
        """Count one more clip that waits for this endpoint."""
        account = self._of(client)
        account.waiting += 1
        try:
            yield
        finally:
            account.waiting -= 1

    def interval_s(self, client: WanClient) -> float:
        """Seconds between two questions about one task of this endpoint, for all that wait for it now."""
        sharing = self._accounts[client.counted_as].values()
        return interval_s(
            sum(account.waiting for account in sharing),
            *self.bounds_s,
            questions=sum(account.questions for account in sharing),
            per_second=_allowed_per_second(client),
        )

    def few(self, client: WanClient) -> bool:
        """Whether so few wait for this endpoint that each may have a pace of its own."""
        sharing = self._accounts[client.counted_as].values()
        return few(sum(account.waiting for account in sharing), _allowed_per_second(client))

    async def row(
        self, client: WanClient, task_id: str, *, believed_until_s: float = math.inf
    ) -> TaskRow | None:
        """The task's row if it is still queued or running; None: ask for the task itself.

        After `believed_until_s` (monotonic) that is None once in a while for one of the tasks, whatever is listed.

        Raises:
            Unreachable, Throttled, AccountProblem: The list could not be read.
        """
        account = self._of(client)
        if account.waiting < WORTH_A_LIST or self.few(client):
            return None
        if not account.being_read:
            fresh_s = self.interval_s(client) / _LISTS_A_PAUSE
            if time.monotonic() - account.listed_at_s >= fresh_s:
                account.reading = asyncio.create_task(_read(client, account))
        # Whoever comes while it is read waits for that list instead of making another one, even if the first one left.
        if account.reading is not None and account.being_read:
            await asyncio.shield(account.reading)
        if isinstance(account.listed, FootageError):
            # One for each clip, because whoever catches it adds to it.
            raise copy(account.listed)
        row = account.listed.get(task_id)
        doubts_from_s = account.doubted_at_s + 1 / (_DOUBTED_SHARE * _allowed_per_second(client))
        if row is not None and time.monotonic() >= max(believed_until_s, doubts_from_s):
            account.doubted_at_s = time.monotonic()
            return None
        return row

    def _of(self, client: WanClient) -> _Account:
        return self._accounts[client.counted_as].setdefault(client.asks_as, _Account())


async def _read(client: WanClient, account: _Account) -> None:
    """Read the list, or keep why it could not be read: an outage reaches all that wait at once."""
    try:
        read = partial(_open_tasks, client, account.most_pages)
        account.listed, account.pages = await in_question_thread(client.asks_as, read)
    except (Unreachable, Throttled, AccountProblem) as error:
        account.listed = error
    account.listed_at_s = time.monotonic()


def _allowed_per_second(client: WanClient) -> float:
    return pace_of(client.counted_as).per_second()


def _open_tasks(client: WanClient, most_pages: int) -> tuple[dict[str, TaskRow], int]:
    """Every queued or running task, and how many pages that are; no task where they are more than `most_pages`.

    RUNNING is read last: what moves on in between is in both lists, not in none.
    """
    rows: dict[str, TaskRow] = {}
    pages = 0
    for number, status in enumerate(_STATUSES, start=1):
        page = 1
        while True:
            answer = client.list_tasks(status=status, page=page, page_size=PAGE_SIZE)
            pages += 1
            rows |= {row.task_id: row for row in answer.rows if not row.status.final}
            if page >= answer.total_pages or not answer.rows:
                break
            # With one page at least of each status that comes.
            in_all = pages + answer.total_pages - page + len(_STATUSES) - number
            if in_all > most_pages:
                return {}, in_all
            page += 1
    return rows, pages
