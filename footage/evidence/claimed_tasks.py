"""Which clips the provider's tasks belong to, as their claims say.

A claim lies outside of the clip's folder and outlives it. Claims are named by task, and there are as many as ever
clips were bought; so the provider's list, which is free and one day long, says which of them are worth reading. A claim
never changes: each is read once for all clips of a run.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from typing import TYPE_CHECKING

from footage.errors import NotThere, StorageProblem
from footage.evidence.reader import RecordReader
from footage.evidence.records import Claim

if TYPE_CHECKING:
    from footage.storage import Store


class ClaimedTasks:
    """Reads the claims of one store; thread-safe."""

    def __init__(self, store: Store) -> None:
        self._reader = RecordReader(store)
        self._lock = threading.Lock()
        self._read: dict[str, Claim] = {}

    def of(self, task_ids: Iterable[str]) -> dict[str, Claim | StorageProblem]:
        """The claim of each task that has one, or why it cannot be read; tasks without a claim are left out."""
        with self._lock:
            claims = {task_id: claim for task_id in task_ids if (claim := self._claim(task_id)) is not None}
            self._read |= {task: claim for task, claim in claims.items() if isinstance(claim, Claim)}
        return claims

    def _claim(self, task_id: str) -> Claim | StorageProblem | None:
        if task_id in self._read:
            return self._read[task_id]
        try:
            return self._reader.record(f"claims/{task_id}.json", Claim, task_id=task_id)
        except NotThere:
            return None
        except StorageProblem as error:
            # It may be about any clip: it is told, and stops none of the others.
            return error
