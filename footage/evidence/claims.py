"""The tasks of one clip, each in `claims/<task_id>.json`: who creates that file first owns the task.

Claims are named by task, and there are as many as ever clips were bought. So that those of one clip are found without a
look at all of them, each is entered in `claimed/<key>/<task_id>.json` before it is made. The entry proves nothing.
"""

from __future__ import annotations

import contextlib
import threading
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from weakref import WeakSet

from footage.errors import AlreadyThere, NotThere
from footage.evidence.records import Claim, ClaimIndexNote

if TYPE_CHECKING:
    from footage.evidence.reader import RecordReader
    from footage.evidence.records import Receipt
    from footage.storage import Store


INDEX_NOTE = "claimed/since.json"


def claim_path(task_id: str) -> str:
    """Where the claim of a task is."""
    return f"claims/{task_id}.json"


def index_of(key: str) -> str:
    """The folder with an entry for each task that was claimed for a clip, or was about to be."""
    return f"claimed/{key}"


# Stores of which is known that their note is there.
_noted: WeakSet[Store] = WeakSet()


_noting = threading.Lock()


def _note_index(store: Store, now: datetime) -> None:
    """Say since when every claim has an entry, before the first one is made."""
    with _noting:
        if store in _noted:
            return
        if not store.exists(INDEX_NOTE):
            # A store of an earlier release has claims without one.
            since = now if store.list("claims") else None
            with contextlib.suppress(AlreadyThere):
                store.create(INDEX_NOTE, ClaimIndexNote(complete_since=since).to_bytes())
        _noted.add(store)


class Claims:
    """Makes and checks the claims of one clip; every method may raise BadRecord and StorageProblem."""

    def __init__(self, store: Store, reader: RecordReader, key: str) -> None:
        self._store = store
        self._reader = reader
        self._key = key
        # Tasks and attempts of this clip whose claim was seen: a claim never changes, so each is read once.
        self._seen: set[tuple[str, int]] = set()

    def holds(self, receipt: Receipt) -> bool:
        """Whether the task is claimed for this clip."""
        try:
            return self._owner(receipt.task_id).key == self._key
        except NotThere:
            return False

    def make(self, receipt: Receipt) -> bool:
        """Claim a task; whether it is this attempt's now."""
        mine = Claim(task_id=receipt.task_id, key=self._key, attempt=receipt.attempt)
        # By the later one of two clocks: one of them may be wrong.
        _note_index(self._store, max(datetime.now(UTC), receipt.submitted_at))
        with contextlib.suppress(AlreadyThere):
            self._store.create(f"{index_of(self._key)}/{receipt.task_id}.json", mine.to_bytes())
        try:
            self._store.create(claim_path(receipt.task_id), mine.to_bytes())
        except AlreadyThere:
            holder = self._owner(receipt.task_id)
            if (holder.key, holder.attempt) != (self._key, receipt.attempt):
                return False
        self._seen.add((receipt.task_id, receipt.attempt))
        return True

    def require(self, receipt: Receipt) -> None:
        """Claim a task that a receipt has; nothing is done where that is so already.

        Raises:
            BadRecord: It belongs to another attempt.
        """
        if (receipt.task_id, receipt.attempt) not in self._seen and not self.make(receipt):
            self._reader.refuse(self._path(receipt), f"task {receipt.task_id} belongs to another clip")

    def confirms(self, receipt: Receipt, found: list[str]) -> bool:
        """Whether the receipt's task is claimed for it; a claim that was lost shows in what was `found` first.

        Raises:
            BadRecord: It belongs to another attempt, or nothing else says that it is this clip's.
        """
        this = (receipt.task_id, receipt.attempt)
        if this in self._seen:
            return True
        try:
            claim = self._owner(receipt.task_id)
        except NotThere:
            if receipt.task_id not in found:
                why = f"nothing else says that task {receipt.task_id} is this clip's"
                self._reader.refuse(self._path(receipt), why)
            return False
        if (claim.key, claim.attempt) != (self._key, receipt.attempt):
            whose = f"clip {claim.key[:12]}, attempt {claim.attempt}"
            self._reader.refuse(self._path(receipt), f"task {receipt.task_id} belongs to {whose}")
        self._seen.add(this)
        return True

    def _owner(self, task_id: str) -> Claim:
        """Who owns a task. Raises NotThere where nobody does."""
        return self._reader.record(claim_path(task_id), Claim, task_id=task_id)

    def _path(self, receipt: Receipt) -> str:
        return f"evidence/{self._key}/attempt-{receipt.attempt}/receipt.json"
