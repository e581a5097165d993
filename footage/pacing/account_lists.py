"""The provider's list of an account's tasks, read once for all clips that ask at about the same time.

After a crash hundreds of clips ask for it, and it is a day long. Its order is documented nowhere: where it was read to
its end and came newest first, a glance reads it as far as it is new. What a purchase follows from reads it to its end.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from footage.concurrency.shared_calls import SharedCalls
from footage.errors import FootageError, Unreachable

if TYPE_CHECKING:
    from footage.provider import TaskRow, WanClient

PAGE_SIZE = 50
# Half a million tasks: more than an account makes in a day.
MOST_PAGES = 10_000
# What is created within the same moment may be listed in any order.
_MARGIN = timedelta(seconds=60)

# Address, key, workspace, model: what a list is of.
_Place = tuple[str, str, str | None, str | None]


class AccountLists:
    """Lists of the tasks of the last 24 hours; thread-safe."""

    def __init__(self) -> None:
        self._calls: SharedCalls[list[TaskRow]] = SharedCalls(FootageError)
        # Whether every list that was read to its end came newest first; not there: none had two pages yet.
        self._newest_first: dict[_Place, bool] = {}

    def tasks(
        self,
        client: WanClient,
        model: str | None = None,
        *,
        since: datetime | None = None,
        glance: bool = False,
    ) -> list[TaskRow]:
        """The listed tasks, of one model or of all, as of now or later; with `since` none that is ten minutes older.

        A `glance` may miss what a list shows out of order.

        Raises:
            AccountProblem, Unreachable, Throttled: The list could not be read to its end.
        """
        place = client.base_url, client.api_key.fingerprint, client.workspace, model
        # To ten minutes: who asks about clips of the same time shares an answer.
        since = since and since.replace(minute=since.minute // 10 * 10, second=0, microsecond=0)
        return self._calls.ask(
            (*place, since, glance), lambda: self._read(place, client, since, glance=glance)
        )

    def _read(
        self, place: _Place, client: WanClient, since: datetime | None, *, glance: bool
    ) -> list[TaskRow]:
        rows: list[TaskRow] = []
        ordered, before = True, None
        for page in range(1, MOST_PAGES + 1):
            answer = client.list_tasks(model=place[3], page=page, page_size=PAGE_SIZE)
            for row in answer.rows:
                ordered = ordered and (before is None or row.created_at <= before)
                before = row.created_at
            rows.extend(row for row in answer.rows if since is None or row.created_at >= since)
            if page >= answer.total_pages or not answer.rows:
                if page > 1 or not ordered:
                    self._newest_first[place] = ordered and self._newest_first.get(place, True)
                return rows
            if (
                glance
                and since is not None
                and ordered
                and self._newest_first.get(place)
                and all(row.created_at < since - _MARGIN for row in answer.rows)
            ):
                return rows
        raise Unreachable(f"The task list does not end after {MOST_PAGES} pages.")
