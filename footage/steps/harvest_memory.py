"""`harvest.json`: what the next harvest need not ask or say again. It may be lost at any time."""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from typing import TYPE_CHECKING

from pydantic import Base64UrlBytes

from footage.errors import BadRecord, NotThere
from footage.evidence.reader import RecordReader
from footage.evidence.records import Record
from footage.pacing.account_lists import MOST_PAGES, PAGE_SIZE

if TYPE_CHECKING:
    from footage.storage import Store

_PATH = "harvest.json"
MOST_REMEMBERED = MOST_PAGES * PAGE_SIZE
# Of a hash. One task in thirty million million is taken for one of them, and is missed if its marker is lost as well.
_BYTES_OF_EACH = 8
# Both parts as text, as full as they get.
_MOST_BYTES = 2 * MOST_REMEMBERED * _BYTES_OF_EACH * 4 // 3 + 1_000


class HarvestMemory(Record):
    """Listed tasks whose clips have nothing left to finish, and open clips that were called expired: packed hashes."""

    finished: Base64UrlBytes = b""
    expired: Base64UrlBytes = b""

    def over(self, task_ids: Collection[str]) -> set[str]:
        """Those of the tasks of which nothing was left to finish when somebody looked."""
        known = _unpacked(self.finished)
        return {task_id for task_id in task_ids if _short(task_id) in known}


def remembered(store: Store) -> HarvestMemory:
    """What was kept; nothing where it is not there or damaged. Raises StorageProblem."""
    try:
        return RecordReader(store, max_bytes=_MOST_BYTES).record(_PATH, HarvestMemory)
    except (NotThere, BadRecord):
        return HarvestMemory()


def keep_finished(store: Store, before: HarvestMemory, task_ids: Collection[str]) -> None:
    """Keep the tasks of which nothing is left to finish, and no others; where nothing changed nothing is written.

    Raises:
        StorageProblem: It could not be kept, so they are looked at again.
    """
    finished = _packed(task_ids)
    if finished != before.finished:
        # Read again: minutes have passed, and a harvest that somebody started by hand may have told what expired.
        _keep(store, remembered(store).model_copy(update={"finished": finished}))


def not_yet_told(store: Store, expired: Collection[str]) -> set[str]:
    """Those of all expired clips that no harvest called so before; from now on they count as told.

    Raises:
        StorageProblem: It could not be kept, so they are told again.
    """
    before = remembered(store)
    packed = _packed(expired)
    if packed != before.expired:
        _keep(store, before.model_copy(update={"expired": packed}))
    told = _unpacked(before.expired)
    return {key for key in expired if _short(key) not in told}


def _keep(store: Store, memory: HarvestMemory) -> None:
    # Compact: a busy account has hundreds of thousands.
    store.replace(_PATH, memory.model_dump_json().encode())


def _short(name: str) -> bytes:
    return hashlib.sha256(name.encode()).digest()[:_BYTES_OF_EACH]


def _packed(names: Collection[str]) -> bytes:
    return b"".join(sorted({_short(name) for name in names})[:MOST_REMEMBERED])


def _unpacked(packed: bytes) -> set[bytes]:
    return {packed[at : at + _BYTES_OF_EACH] for at in range(0, len(packed), _BYTES_OF_EACH)}
