"""`harvest.json`: what the next harvest need not ask or say again. It may be lost at any time."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from footage.errors import BadRecord, NotThere
from footage.evidence.reader import RecordReader
from footage.evidence.records import Key, Record

if TYPE_CHECKING:
    from footage.storage import Store

_PATH = "harvest.json"
# As many as one record holds, beside the clips.
MOST_REMEMBERED = 60_000
_MOST_EXPIRED = 1_000


class HarvestMemory(Record):
    """Listed tasks whose clips have nothing left to finish, shortened; and open clips that were called expired."""

    finished: list[Annotated[str, Field(pattern=r"^[0-9a-f]{12}$")]] = Field(default_factory=list[str])
    expired: list[Key] = Field(default_factory=list[str])


def remembered(store: Store) -> HarvestMemory:
    """What was kept; nothing where it is not there or damaged. Raises StorageProblem."""
    try:
        return RecordReader(store).record(_PATH, HarvestMemory)
    except (NotThere, BadRecord):
        return HarvestMemory()


def keep_finished(store: Store, before: HarvestMemory, finished: Collection[str]) -> None:
    """Keep the shortened tasks of which nothing is left to finish; where nothing changed nothing is written."""
    kept = sorted(finished)[:MOST_REMEMBERED]
    if kept != sorted(before.finished):
        _keep(store, before.model_copy(update={"finished": kept}))


def not_yet_told(store: Store, expired: Collection[str]) -> set[str]:
    """Those of the expired clips that no harvest called so before; from now on they count as told.

    Raises:
        StorageProblem: It could not be kept, so they are told again.
    """
    before = remembered(store)
    kept = sorted(expired)[:_MOST_EXPIRED]
    if kept != sorted(before.expired):
        _keep(store, before.model_copy(update={"expired": kept}))
    return set(expired) - set(before.expired)


def _keep(store: Store, memory: HarvestMemory) -> None:
    # Compact: a busy account has tens of thousands.
    store.replace(_PATH, memory.model_dump_json().encode())
