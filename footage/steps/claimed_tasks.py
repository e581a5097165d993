"""Tasks that their claims give to a clip whose own records of them are gone.

A claim lies outside of the clip's folder and outlives it. Claims are named by task, and there are as many as ever
clips were bought; so the provider's list, which is free and one day long, says which of them are worth reading.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from footage.errors import NotThere, StorageProblem
from footage.evidence.reader import RecordReader
from footage.evidence.records import Claim

if TYPE_CHECKING:
    from footage.clip import Clip
    from footage.provider import TaskRow
    from footage.storage import Store

_UNBILLED = ("FAILED", "CANCELED")


def claimed_in(store: Store) -> set[str]:
    """The ids of all tasks that are claimed in this store."""
    return {name.removeprefix("claims/").removesuffix(".json") for name in store.list("claims")}


def lost_claims(clip: Clip, rows: Iterable[TaskRow], claimed: set[str]) -> dict[str, Claim]:
    """Claims of this clip, by task, among the listed tasks that are or will be billed.

    A claim that cannot be read may be about any clip. It is told and left out, so that it stops no other clip.
    """
    reader = RecordReader(clip.context.store)
    ours: dict[str, Claim] = {}
    for row in rows:
        if row.task_id not in claimed or row.status.value in _UNBILLED:
            continue
        try:
            claim = reader.record(f"claims/{row.task_id}.json", Claim, task_id=row.task_id)
        except NotThere:
            continue
        except StorageProblem as error:
            clip.say.warning("%s", error.message)
            continue
        if claim.key == clip.key:
            ours[row.task_id] = claim
    return ours
