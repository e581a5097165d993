"""Which clips the provider's tasks belong to, as their claims say.

A claim lies outside of the clip's folder and outlives it. Claims are named by task, and there are as many as ever
clips were bought; so the provider's list, which is free and one day long, says which of them are worth reading. A claim
never changes: each is read once for all clips of a run.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from footage.errors import BadRecord, NotThere
from footage.evidence.claims import claim_path
from footage.evidence.reader import RecordReader
from footage.evidence.records import Claim

if TYPE_CHECKING:
    from footage.storage import Store

# After so many tasks without a claim one listing tells which of the others have one: a store that shares its account
# with others meets thousands of theirs, and a listing has a thousand names a request.
_WORTH_A_LIST = 100


class ClaimedTasks:
    """Reads the claims of one store; thread-safe."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._reader = RecordReader(store)
        self._read: dict[str, Claim] = {}

    def of(self, task_ids: Iterable[str]) -> dict[str, Claim | BadRecord]:
        """The claim of each task that has one, or what is wrong with it; tasks without a claim are left out.

        Raises:
            StorageProblem: The store does not tell, so that nothing may be concluded.
        """
        found: dict[str, Claim | BadRecord] = {}
        there: set[str] | None = None
        missing = 0
        for task_id in task_ids:
            if there is not None and task_id not in self._read and claim_path(task_id) not in there:
                continue
            claim = self._claim(task_id)
            if claim is not None:
                found[task_id] = claim
                continue
            missing += 1
            if missing == _WORTH_A_LIST:
                there = set(self._store.list("claims"))
        return found

    def note(self, claim: Claim) -> None:
        """Remember a claim that was made here."""
        self._read[claim.task_id] = claim

    def _claim(self, task_id: str) -> Claim | BadRecord | None:
        if task_id in self._read:
            return self._read[task_id]
        try:
            claim = self._reader.record(claim_path(task_id), Claim, task_id=task_id)
        except NotThere:
            return None
        except BadRecord as broken:
            return broken
        self._read[task_id] = claim
        return claim
