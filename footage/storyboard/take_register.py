"""Writes down which clip each take of a board is, and what further takes people asked for, before they are bought."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from footage.errors import AlreadyThere, BadRecord, InvalidRequest, NotThere, Problem
from footage.evidence.clip_evidence import ClipEvidence
from footage.evidence.reader import RecordReader
from footage.storyboard.review_records import TakeRecord
from footage.storyboard.take_list import shot_folder, take_paths

if TYPE_CHECKING:
    from footage.storage import Store
    from footage.storyboard.plan import BoardPlan, ShotPlan


class TakeRegister:
    """The takes of one board that were ordered before this run, and those of this run."""

    def __init__(self, store: Store, folder: str) -> None:
        """Raises StorageProblem when the folder cannot be listed."""
        self._store = store
        self.folder = folder
        self._paths = frozenset(store.list(f"{folder}/takes"))

    def add(self, take: ShotPlan, key: str, starts_from: str | None) -> None:
        """Write down which clip a take is, and from which clip it starts.

        Raises:
            StorageProblem: The store cannot be written.
        """
        record = TakeRecord(
            shot=take.shot.id,
            take=take.take,
            key=key,
            shot_sha256=take.shot_sha256,
            starts_from=starts_from,
            ordered_at=datetime.now(UTC),
        )
        path, otherwise = take_paths(self.folder, record)
        if path not in self._paths:
            with contextlib.suppress(AlreadyThere):
                self._store.create(path, record.to_bytes())
                return
        # A further take that is the shot's first one now is a take of what is asked now, too.
        if otherwise not in self._paths and not self._says_the_same(path, record):
            with contextlib.suppress(AlreadyThere):
                self._store.create(otherwise, record.to_bytes())

    def _says_the_same(self, path: str, record: TakeRecord) -> bool:
        try:
            return RecordReader(self._store).record(path, TakeRecord).shot_sha256 == record.shot_sha256
        except (NotThere, BadRecord):
            return False

    def paid(self, take: ShotPlan) -> TakeRecord | None:
        """The order of this take by an earlier run, where its clip is stored or booked; the newest one of several.

        Raises:
            StorageProblem: The record or the evidence of its clip cannot be read.
        """
        begin = f"{self.folder}/takes/{shot_folder(take.shot.id)}/{take.take}-"
        reader = RecordReader(self._store)
        records = [reader.record(path, TakeRecord) for path in self._paths if path.startswith(begin)]
        paid = [
            record
            for record in records
            if record.shot_sha256 == take.shot_sha256 and self._is_paid(record.key)
        ]
        return max(paid, key=lambda record: record.ordered_at, default=None)

    def _is_paid(self, key: str) -> bool:
        evidence = ClipEvidence(self._store, key)
        try:
            return evidence.result() is not None or evidence.state().unfinished
        except BadRecord:
            # Nothing is bought for it, and its own shot says what is wrong.
            return True


def order_retakes(store: Store, folder: str, plan: BoardPlan) -> None:
    """Write down the further takes that this run makes because somebody asked for them.

    Raises:
        InvalidRequest: Somebody else asked for another one under the same number; nothing was bought.
        StorageProblem: The store cannot be written.
    """
    for take in plan.takes:
        if take.retake is None:
            continue
        try:
            store.create(
                f"{folder}/retakes/{shot_folder(take.shot.id)}/{take.take}.json", take.retake.to_bytes()
            )
        except AlreadyThere:
            why = "somebody else asked for another retake under this number just now; nothing was bought"
            raise InvalidRequest(
                problems=(Problem(f"shots[{take.shot.id}].take", str(take.take), why),),
                next_step="look at the takes, and ask again",
            ) from None
