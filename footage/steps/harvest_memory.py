"""`harvest.json`: what the next harvest need not ask or say again. It may be lost at any time."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

from pydantic import Base64UrlBytes, Field

from footage.errors import BadRecord, NotThere
from footage.evidence.hashed_names import BYTES_OF_EACH, HashedNames
from footage.evidence.reader import RecordReader
from footage.evidence.records import Record
from footage.pacing.account_lists import MOST_PAGES, PAGE_SIZE

if TYPE_CHECKING:
    from footage.storage import Store

_PATH = "harvest.json"
MOST_REMEMBERED = MOST_PAGES * PAGE_SIZE
_ONE_DAY = timedelta(days=1)
# Both parts as text, as full as they get.
_MOST_BYTES = 2 * MOST_REMEMBERED * BYTES_OF_EACH * 4 // 3 + 1_000


class HarvestMemory(Record):
    """Tasks whose clips have nothing left to finish, and open clips that were called expired: packed hashes.

    Each task is kept with the day (UTC) on which somebody saw that: the provider lists it for no more than a day from
    then on. So what one account's list does not have is kept for the next harvest of the account that it is of.
    """

    finished_on: dict[date, Base64UrlBytes] = Field(default_factory=dict[date, Base64UrlBytes])
    # As it was before days were kept.
    finished: Base64UrlBytes = b""
    expired: Base64UrlBytes = b""

    def over(self) -> HashedNames:
        """The tasks of which nothing was left to finish when somebody looked."""
        over = HashedNames.unpacked(self.finished)
        for kept in self.finished_on.values():
            over |= HashedNames.unpacked(kept)
        return over


def remembered(store: Store) -> HarvestMemory:
    """What was kept; nothing where it is not there or damaged. Raises StorageProblem."""
    try:
        return RecordReader(store, max_bytes=_MOST_BYTES).record(_PATH, HarvestMemory)
    except (NotThere, BadRecord):
        return HarvestMemory()


def keep_finished(store: Store, task_ids: Collection[str]) -> None:
    """Keep these tasks as well, of which nothing is left to finish; those that no list can have any more are forgotten.

    Raises:
        StorageProblem: It could not be kept, so they are looked at again.
    """
    if not task_ids:
        return
    # Read again: minutes have passed, and another harvest may have told what expired.
    memory, today = remembered(store), datetime.now(UTC).date()
    # Tomorrow it is where another worker's clock is ahead.
    days = {
        day: HashedNames.unpacked(kept)
        for day, kept in memory.finished_on.items()
        if abs(today - day) <= _ONE_DAY
    }
    new = HashedNames(task_ids) | HashedNames.unpacked(memory.finished)
    days[today] = days.get(today, HashedNames()) | new
    finished_on: dict[date, bytes] = {}
    left = MOST_REMEMBERED
    for day in sorted(days, reverse=True):
        finished_on[day] = days[day].packed(left)
        left -= min(left, len(days[day]))
    _keep(store, memory.model_copy(update={"finished_on": finished_on, "finished": b""}))


def not_yet_told(store: Store, expired: Collection[str], *, others: bool = False) -> set[str]:
    """Those of the expired clips that no harvest called so before; from now on they count as told.

    `others`: these are not all that are open, so what was told of the others is kept.

    Raises:
        StorageProblem: It could not be kept, so they are told again.
    """
    before = remembered(store)
    told, now = HashedNames.unpacked(before.expired), HashedNames(expired)
    packed = (now | told if others else now).packed(MOST_REMEMBERED)
    if packed != before.expired:
        _keep(store, before.model_copy(update={"expired": packed}))
    return {key for key in expired if key not in told}


def _keep(store: Store, memory: HarvestMemory) -> None:
    # Compact: a busy account has hundreds of thousands.
    store.replace(_PATH, memory.model_dump_json().encode())
