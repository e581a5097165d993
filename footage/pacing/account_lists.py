"""The provider's list of an account's tasks, read once for all clips that ask at about the same time.

After a crash hundreds of clips ask for it, and it is a day long. Its order is documented nowhere: where it was read to
its end and came newest first, a glance reads it as far as it is new. What a purchase follows from is read to its end,
unless the number of tasks proves that nothing new is hidden behind what was read.
"""

from __future__ import annotations

import threading
import time
from array import array
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

from footage.concurrency.executors import in_question_thread
from footage.concurrency.shared_calls import AsyncSharedCalls, SharedCalls
from footage.errors import FootageError, Throttled, Unreachable
from footage.pacing.queries import LONGEST_WAIT_S, WINDOW_S

if TYPE_CHECKING:
    from collections.abc import Sequence

    from footage.provider import TaskPage, TaskRow, WanClient

PAGE_SIZE = 50
# Half a million tasks: more than an account makes in a day.
MOST_PAGES = 10_000
# What is created within the same moment may be listed in any order.
_MARGIN = timedelta(seconds=60)
# Younger tasks are all still listed, whatever the provider's day begins with.
_STILL_LISTED = timedelta(hours=23)

# So many rows are read before those are left out that nobody wants.
_SIFTED_AT_ONCE = 10_000

# Address, key, workspace, model: what a list is of.
_Place = tuple[str, str, str | None, str | None]
# Leaves out rows that nobody wants who asks with this very function.
Sift = Callable[[list["TaskRow"]], list["TaskRow"]]


@dataclass(frozen=True)
class _Whole:
    """When the tasks of a whole list were made that came newest first: seconds since the epoch, ascending."""

    made_s: array[float]

    @property
    def newest_s(self) -> float:
        return self.made_s[-1]

    def with_new(self, made_s: Sequence[float], listed: int, now: datetime) -> _Whole | None:
        """The list with these tasks besides; None if that is not proved by how many are `listed` now."""
        forgotten = self.made_s[0] < (now - _STILL_LISTED).timestamp()
        if forgotten or len(self.made_s) + len(made_s) != listed:
            return None
        return _Whole(self.made_s + array("d", sorted(made_s)))


class AccountLists:
    """Lists of the tasks of the last 24 hours; thread-safe."""

    def __init__(self) -> None:
        self._calls: SharedCalls[list[TaskRow]] = SharedCalls(FootageError)
        self._awaited: AsyncSharedCalls[list[TaskRow]] = AsyncSharedCalls()
        # None: a list came in another order, and none is relied on again.
        self._wholes: dict[_Place, _Whole | None] = {}
        self._keeping = threading.Lock()

    def tasks(
        self,
        client: WanClient,
        model: str | None = None,
        *,
        since: datetime | None = None,
        now: datetime | None = None,
        glance: bool = False,
        sift: Sift | None = None,
    ) -> list[TaskRow]:
        """The listed tasks, of one model or of all, as of now or later; with `since` none that is an hour older.

        `now` is the provider's time, for those who give `since`. A `glance` may miss what a list shows out of order.
        A long list is given to `sift` while it is read, so that it is nowhere as a whole.

        Raises:
            AccountProblem, Unreachable, Throttled: The list could not be read to its end.
        """
        place, since = _place(client, model), _hour(since)
        reading = _Reading(client, model, since, now, glance=glance, sift=sift)
        return self._calls.ask((*place, since, glance, sift), lambda: self._read(place, reading))

    async def wait_for_tasks(
        self,
        client: WanClient,
        model: str | None = None,
        *,
        since: datetime | None = None,
        now: datetime | None = None,
        glance: bool = False,
        sift: Sift | None = None,
    ) -> list[TaskRow]:
        """As `tasks`; of all that wait for a list only the one that reads it holds a thread."""
        read = partial(self.tasks, client, model, since=since, now=now, glance=glance, sift=sift)
        what = (*_place(client, model), _hour(since), glance, sift)
        return await self._awaited.ask(what, partial(in_question_thread, client.asks_as, read))

    def _read(self, place: _Place, reading: _Reading) -> list[TaskRow]:
        known = self._wholes.get(place)
        while reading.next_page():
            if known is not None and reading.saw_all_that_is_new(known):
                if reading.glance:
                    return reading.rows
                if (grown := reading.grown(known)) is not None:
                    self._keep(place, grown)
                    return reading.rows
                # Read on, to its end.
                known = None
        whole = reading.whole()
        if whole is not None or not reading.newest_first:
            self._keep(place, whole)
        return reading.rows

    def _keep(self, place: _Place, whole: _Whole | None) -> None:
        with self._keeping:
            if self._wholes.get(place, whole) is not None or place not in self._wholes:
                self._wholes[place] = whole


def _place(client: WanClient, model: str | None) -> _Place:
    return *client.asks_as, client.workspace, model


def _hour(since: datetime | None) -> datetime | None:
    # Who asks about clips of the same time shares an answer.
    return since and since.replace(minute=0, second=0, microsecond=0)


class _Reading:
    """One way through the pages of a list."""

    def __init__(
        self,
        client: WanClient,
        model: str | None,
        since: datetime | None,
        now: datetime | None,
        *,
        glance: bool,
        sift: Sift | None,
    ) -> None:
        self.client, self.model, self.since, self.now, self.glance = client, model, since, now, glance
        self.rows: list[TaskRow] = []
        self._sift, self._sifted = sift, 0
        self._made_s = array("d")
        self._page: TaskPage | None = None
        self._number = 0
        # Tasks that came while it was read push others to the next page once more.
        self._last_ids: set[str] = set()
        # How many tasks there were when the first page was read, and how many of them it had, as each but the last has.
        self.listed = self._page_rows = 0
        self.newest_first = True

    def next_page(self) -> bool:
        """Read another page; False where there is none."""
        if self._page is not None and (self._number >= self._page.total_pages or not self._page.rows):
            return False
        self._number += 1
        if self._number > MOST_PAGES:
            raise Unreachable(f"The task list does not end after {MOST_PAGES} pages.")
        page = self._read_page()
        if self._number == 1:
            self.listed, self._page_rows = page.total, len(page.rows)
        if self._hides_something(page):
            raise Unreachable(
                f"The task list contradicts itself: page {page.page} of {page.total_pages} came for page "
                f"{self._number}, with {len(page.rows)} tasks of {page.total}.",
                next_step="nothing; it is asked again later",
            )
        new = [row for row in page.rows if row.task_id not in self._last_ids]
        for row in new:
            made_s = row.created_at.timestamp()
            self.newest_first &= not self._made_s or made_s <= self._made_s[-1]
            self._made_s.append(made_s)
        self.rows.extend(row for row in new if self.since is None or row.created_at >= self.since)
        if self._sift is not None and len(self.rows) - self._sifted >= _SIFTED_AT_ONCE:
            self.rows[self._sifted :] = self._sift(self.rows[self._sifted :])
            self._sifted = len(self.rows)
        self._last_ids, self._page = {row.task_id for row in page.rows}, page
        return True

    def _hides_something(self, page: TaskPage) -> bool:
        """Whether there are tasks, by what the page says itself, that neither it has nor those before it can have.

        What is not shown may have been bought.
        """
        before = (self._number - 1) * self._page_rows
        if self._number < page.total_pages:
            whole = self._page_rows > 0 and len(page.rows) >= self._page_rows
        else:
            whole = before + len(page.rows) >= page.total
        return page.page != self._number or not whole

    def _read_page(self) -> TaskPage:
        """The page; asked for again where it is refused, so that those before it need not be."""
        give_up_s = time.monotonic() + LONGEST_WAIT_S
        while True:
            try:
                return self.client.list_tasks(model=self.model, page=self._number, page_size=PAGE_SIZE)
            except Throttled as refusal:
                pause_s = max(refusal.retry_after_s or 0.0, WINDOW_S)
                # Before the first page nothing is lost, and who asks for the list waits as for any other question.
                if self._number == 1 or time.monotonic() + pause_s > give_up_s:
                    raise
            time.sleep(pause_s)

    def saw_all_that_is_new(self, known: _Whole) -> bool:
        """Whether nothing that is asked about can come behind this page, if the list goes on newest first."""
        if self.since is None or self._page is None or not self._page.rows or not self.newest_first:
            return False
        # For a verdict the new tasks have to be counted.
        until_s = self.since.timestamp()
        until_s = until_s if self.glance else min(until_s, known.newest_s)
        newest_s = max(row.created_at for row in self._page.rows).timestamp()
        return newest_s < until_s - _MARGIN.total_seconds()

    def grown(self, known: _Whole) -> _Whole | None:
        """What is known now, if the number of tasks proves that none of them is hidden behind the last page."""
        new = [made_s for made_s in self._made_s if made_s > known.newest_s]
        return None if self.now is None else known.with_new(new, self.listed, self.now)

    def whole(self) -> _Whole | None:
        """What is known of a list that was read to its end; None where it did not come newest first, or was empty."""
        return _Whole(array("d", reversed(self._made_s))) if self.newest_first and self._made_s else None
