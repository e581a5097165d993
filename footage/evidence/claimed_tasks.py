"""Which clips the provider's tasks belong to, as their claims say.

A claim lies outside of the clip's folder and outlives it. It never changes: each is read once for all clips of a run.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from footage.errors import BadRecord, NotThere
from footage.evidence.claims import INDEX_NOTE, claim_path, index_of
from footage.evidence.hashed_names import HashedNames
from footage.evidence.reader import RecordReader
from footage.evidence.records import Claim, ClaimIndexNote

if TYPE_CHECKING:
    from footage.provider import TaskRow
    from footage.storage import Store

# After so many tasks without a claim, or whose claims nobody looked for yet, one listing tells which of the others
# have one: a store that shares its account meets thousands of tasks, and a listing has a thousand names a request.
_WORTH_A_LIST = 100
# A list of all claims stays right, because claims do not change; it only lacks new ones.
_LISTED_AGAIN_S = 60.0
# So old must an index be that began in a store with claims: the provider remembers its tasks for a day, and until a day
# after the upgrade a worker of the release before may claim without an entry; the third is for clocks.
_INDEX_AGE = timedelta(hours=72)


@dataclass(frozen=True)
class _Sought:
    """A clip whose tasks somebody looks for, when that began by the provider's clock, and from when on they may be."""

    key: str
    now: datetime
    likely_from: datetime | None


@dataclass(frozen=True, slots=True)
class Claimed:
    """What a claim says; the record of it takes three times the memory, and an account has thousands a day."""

    key: str
    attempt: int


class ClaimedTasks:
    """Reads the claims of one store; thread-safe."""

    def __init__(self, store: Store, clock: Callable[[], float] = time.monotonic) -> None:
        """`clock` tells seconds that never go back."""
        self._store = store
        self._clock = clock
        self._reader = RecordReader(store)
        self._read: dict[str, Claimed] = {}
        # Tasks without a claim: when that was seen first, and last.
        self._missed: dict[str, tuple[float, float]] = {}
        self._indexed = False
        # The last list of all claims, and when it began.
        self._listed = HashedNames()
        self._listed_s = -math.inf
        # One for each search, because two may be for the same clip.
        self._sought: dict[object, _Sought] = {}
        # What the index had for clips that are sought, after that list.
        self._entered: dict[str, set[str]] = {}
        # One reads for all that ask for the same claims at the same time.
        self._reading = threading.Lock()

    def of(
        self, task_ids: Iterable[str], *, look_again_within_s: float = 0.0
    ) -> dict[str, Claimed | BadRecord]:
        """The claim of each task that has one, or what is wrong with it; tasks without a claim are left out.

        A task that has had no claim for n seconds is looked for again after n more, but after `look_again_within_s` at
        the latest; 0: unless somebody did so since this call began. Tasks of this store get theirs as soon as they are
        listed, those of others never.

        Raises:
            StorageProblem: The store does not tell, so that nothing may be concluded.
        """
        found: dict[str, Claimed | BadRecord] = {}
        there: HashedNames | None = None
        listed_s = 0.0
        missing, came_s = 0, self._clock()
        for task_id in task_ids:
            with self._reading:
                if self._missed_lately(task_id, came_s, look_again_within_s):
                    continue
                asked_s = self._clock()
                if task_id not in self._read and missing >= _WORTH_A_LIST:
                    if there is None:
                        there, listed_s = self._all_claimed(), asked_s
                    claim, asked_s = (self._claim(task_id) if task_id in there else None), listed_s
                else:
                    claim = self._claim(task_id)
                if claim is None:
                    missing += 1
                    first_s, _ = self._missed.get(task_id, (asked_s, asked_s))
                    self._missed[task_id] = first_s, asked_s
                else:
                    found[task_id] = claim
        return found

    def of_clip(self, key: str, now: datetime) -> dict[str, Claimed | BadRecord] | None:
        """The claims that the index has for a clip, at least all of the last day; None: it may lack some.

        `now` is the provider's time.

        Raises:
            StorageProblem: As for `of`.
        """
        return self.entered(key) if self.index_is_complete(now) else None

    def entered(self, key: str) -> dict[str, Claimed | BadRecord]:
        """The claims that the index has for a clip, complete or not, by one listing. Raises as `of`."""
        found = {task_id: self._claim(task_id) for task_id in self._entries(key)}
        return {task_id: claim for task_id, claim in found.items() if claim is not None}

    def index_is_complete(self, now: datetime) -> bool:
        """Whether the index has at least all claims of the last day; `now` is the provider's time. Raises as `of`."""
        if not self._indexed:
            self._indexed = self._is_complete(now)
        return self._indexed

    @contextmanager
    def sought(self, key: str, now: datetime, likely_from: datetime | None) -> Generator[None]:
        """Meanwhile no task of this clip, and none that was made from `likely_from` on, is called one of others.

        `now` is the provider's time; None: any task may be the clip's.
        """
        search = object()
        self._sought[search] = _Sought(key, now, likely_from)
        try:
            yield
        finally:
            del self._sought[search]

    def of_others(self, rows: Iterable[TaskRow]) -> set[str]:
        """Those of the older tasks that are claimed for clips which nobody seeks now, without a look at each claim.

        A claim that cannot be read counts, because its clip is known by the index. None is told where the index may
        lack some, and of few whose claims were not listed yet.

        Raises:
            StorageProblem: As for `of`.
        """
        sought = [*self._sought.values()]
        bounds = [one.likely_from for one in sought if one.likely_from is not None]
        if not sought or len(bounds) < len(sought):
            return set()
        older = {row.task_id for row in rows if row.created_at < min(bounds)}
        with self._reading:
            new = sum(task_id not in self._read and task_id not in self._listed for task_id in older)
            worth = new >= _WORTH_A_LIST and self._clock() - self._listed_s >= _LISTED_AGAIN_S
            if not (worth or self._listed) or not self.index_is_complete(min(one.now for one in sought)):
                return set()
            if worth:
                self._listed_s = self._clock()
                self._listed = self._all_claimed()
                self._entered = {}
            # Each has its entry before its claim: what was listed and is of a clip that is sought is found now.
            before = self._entered
            self._entered = {
                key: before[key] if key in before else self._entries(key)
                for key in {one.key for one in sought}
            }
            ours = set[str]().union(*self._entered.values())
            return {task_id for task_id in older - ours if task_id in self._listed}

    def without_others(self, rows: list[TaskRow]) -> list[TaskRow]:
        """The rows but for those of `of_others`; raises as that."""
        others = self.of_others(rows)
        return [row for row in rows if row.task_id not in others] if others else rows

    def _entries(self, key: str) -> set[str]:
        """The tasks that the index has for a clip."""
        return {_task_in(path) for path in self._store.list(index_of(key))}

    def _all_claimed(self) -> HashedNames:
        return HashedNames(_task_in(path) for path in self._store.walk("claims"))

    def note(self, claim: Claim) -> None:
        """Remember a claim that was made here."""
        self._read[claim.task_id] = Claimed(claim.key, claim.attempt)

    def _missed_lately(self, task_id: str, came_s: float, look_again_within_s: float) -> bool:
        if task_id in self._read or task_id not in self._missed:
            return False
        first_s, last_s = self._missed[task_id]
        return last_s > came_s or came_s - last_s < min(last_s - first_s, look_again_within_s)

    def _is_complete(self, now: datetime) -> bool:
        try:
            note = self._reader.record(INDEX_NOTE, ClaimIndexNote)
        except NotThere:
            # Where nothing was ever claimed, no task that the provider lists is of this store.
            return next(iter(self._store.walk("claims")), None) is None
        except BadRecord:
            return False
        return note.complete_since is None or now - note.complete_since > _INDEX_AGE

    def _claim(self, task_id: str) -> Claimed | BadRecord | None:
        if task_id in self._read:
            return self._read[task_id]
        try:
            claim = self._reader.record(claim_path(task_id), Claim, task_id=task_id)
        except NotThere:
            return None
        except BadRecord as broken:
            return broken
        return self._read.setdefault(task_id, Claimed(claim.key, claim.attempt))


def _task_in(path: str) -> str:
    return path.rpartition("/")[2].removesuffix(".json")
