"""The evidence of one clip on a store: its write-ahead log, readable from any machine.

    evidence/<key>/request.json                 what was ordered, with explain report, quote and image hash
    evidence/<key>/reference.png|jpg|…          the prepared image, so that the original may disappear
    evidence/<key>/lease-<k>.json, .released    who works on it (footage/evidence/lease.py)
    evidence/<key>/attempt-<n>/intent.json      before the create
    evidence/<key>/attempt-<n>/receipt.json     after it
    evidence/<key>/attempt-<n>/cancel.json      somebody wants it cancelled
    evidence/<key>/attempt-<n>/polls.jsonl      every answer, redacted
    evidence/<key>/attempt-<n>/outcome.json     how it ended
    evidence/<key>/attempt-<n>/settlement.json  the last word, where the outcome was not
    evidence/<key>/delivered.json               the files in videos/, verified
    evidence/<key>/result.json                  the response; the clip is finished
    evidence/<key>/run.log
    claims/<task_id>.json                       which attempt owns the task
    runs/<run id>/<key>                         which clips a run works on, for its cancellation

Files are created, never rewritten; only the two logs grow.
"""

from __future__ import annotations

import hashlib
import json
import re
from typing import TYPE_CHECKING, Any, TypeVar

from footage.errors import AlreadyThere, NotThere, StorageProblem
from footage.evidence.records import CancelWish, Claim, Intent, Outcome, Receipt, Record
from footage.evidence.state import Attempt, ClipState

if TYPE_CHECKING:
    from footage.storage import Store

R = TypeVar("R", bound=Record)

_ATTEMPT_FILE = re.compile(r"attempt-(\d+)/(intent|receipt|outcome|settlement|cancel)\.json$")


class ClipEvidence:
    """Reads and writes the records of one clip.

    Every method may raise StorageProblem; what was bought is then still known to the provider.
    """

    def __init__(self, store: Store, key: str) -> None:
        self.store = store
        self.key = key
        self.folder = f"evidence/{key}"

    # -- reading ---------------------------------------------------------------------------------------------

    def state(self) -> ClipState:
        """Where the clip stands now, read fresh."""
        names = set(self.store.list(f"{self.folder}/"))
        found: dict[int, dict[str, Any]] = {}
        kinds: dict[str, type[Record]] = {
            "intent": Intent,
            "receipt": Receipt,
            "outcome": Outcome,
            "settlement": Outcome,
            "cancel": CancelWish,
        }
        for name in names:
            match = _ATTEMPT_FILE.search(name)
            if match:
                number, kind = int(match[1]), match[2]
                found.setdefault(number, {})[kind] = self._read(name, kinds[kind])
        attempts = tuple(
            Attempt(number=number, **parts) for number, parts in sorted(found.items()) if "intent" in parts
        )
        return ClipState(
            key=self.key,
            attempts=attempts,
            delivered=self._document("delivered.json", names),
            result=self._document("result.json", names),
        )

    def result(self) -> dict[str, Any] | None:
        """The finished clip's `result.json`, or None while there is none."""
        try:
            return json.loads(self.store.read(f"{self.folder}/result.json"))
        except NotThere:
            return None

    def order(self) -> dict[str, Any]:
        """`request.json` as it was when the clip was first ordered.

        Raises:
            NotThere: Nobody ever ordered a clip with this key in this store.
        """
        return json.loads(self.store.read(f"{self.folder}/request.json"))

    def reference_image(self, name: str) -> bytes:
        """The prepared reference image that `request.json` names."""
        return self.store.read(f"{self.folder}/{name}")

    def cancel_wanted(self, attempt: int) -> bool:
        """Whether somebody asked to cancel this attempt."""
        return self.store.exists(f"{self.folder}/attempt-{attempt}/cancel.json")

    # -- writing ---------------------------------------------------------------------------------------------

    def write_order(self, document: dict[str, Any], image: tuple[str, bytes] | None) -> None:
        """Keep what is ordered; the first order of a key is the one that stays."""
        if image is not None:
            _create_once(self.store, f"{self.folder}/{image[0]}", image[1])
        _create_once(self.store, f"{self.folder}/request.json", _json(document))

    def write_intent(self, intent: Intent) -> None:
        """Open an attempt.

        Raises:
            AlreadyThere: Another worker opened it; nothing may be sent here.
        """
        self.store.create(f"{self.folder}/attempt-{intent.attempt}/intent.json", intent.to_bytes())

    def claim(self, task_id: str, attempt: int) -> bool:
        """Take a task for this attempt; False when it belongs to another one."""
        path = f"claims/{task_id}.json"
        mine = Claim(task_id=task_id, key=self.key, attempt=attempt)
        try:
            self.store.create(path, mine.to_bytes())
        except AlreadyThere:
            holder = Claim.model_validate_json(self.store.read(path))
            return (holder.key, holder.attempt) == (self.key, attempt)
        return True

    def claimant(self, task_id: str) -> Claim | None:
        """Which attempt a task belongs to, or None."""
        try:
            return Claim.model_validate_json(self.store.read(f"claims/{task_id}.json"))
        except NotThere:
            return None

    def write_receipt(self, receipt: Receipt) -> Receipt:
        """Keep the task id; returns the receipt that is in the evidence, ours or an earlier one."""
        return self._first(f"attempt-{receipt.attempt}/receipt.json", receipt)

    def write_cancel(self, wish: CancelWish) -> None:
        """Keep that somebody wants the attempt cancelled; the first wish stays."""
        self._first(f"attempt-{wish.attempt}/cancel.json", wish)

    def write_outcome(self, outcome: Outcome) -> Outcome:
        """Close an attempt, or settle one that was abandoned or lost later; returns what the evidence now says."""
        first = self._first(f"attempt-{outcome.attempt}/outcome.json", outcome)
        lost_later = first.status == "succeeded" and outcome.status == "lost"
        if lost_later or (first.status == "abandoned" and outcome.status != "abandoned"):
            return self._first(f"attempt-{outcome.attempt}/settlement.json", outcome)
        return first

    def log_poll(self, attempt: int, answer: dict[str, Any]) -> None:
        """Append one answer of the provider; the caller has redacted it."""
        line = json.dumps(answer, ensure_ascii=False, default=str) + "\n"
        self.store.append(f"{self.folder}/attempt-{attempt}/polls.jsonl", line.encode())

    def write_delivered(self, document: dict[str, Any]) -> dict[str, Any]:
        """Keep what was published and verified; returns the first such record."""
        return _first_document(self.store, f"{self.folder}/delivered.json", document)

    def write_result(self, document: dict[str, Any]) -> dict[str, Any]:
        """Finish the clip; returns the first result, which everybody gets."""
        return _first_document(self.store, f"{self.folder}/result.json", document)

    def join_run(self, run_id: str) -> None:
        """Note that a run works on this clip, so that cancelling the run finds it."""
        _create_once(self.store, f"runs/{run_id}/{self.key}", b"")

    def manifest(self) -> dict[str, str]:
        """SHA-256 of every record there is now, by path below the clip's folder; logs still grow and are left out."""
        prefix = f"{self.folder}/"
        names = sorted(
            name
            for name in self.store.list(prefix)
            if not name.endswith((".log", "result.json")) and "/lease-" not in name
        )
        return {name[len(prefix) :]: hashlib.sha256(self.store.read(name)).hexdigest() for name in names}

    # -- helpers ---------------------------------------------------------------------------------------------

    def _first(self, name: str, record: R) -> R:
        path = f"{self.folder}/{name}"
        try:
            self.store.create(path, record.to_bytes())
        except AlreadyThere:
            return self._read(path, type(record))
        return record

    def _read(self, path: str, kind: type[R]) -> R:
        try:
            return kind.model_validate_json(self.store.read(path))
        except ValueError as error:
            raise StorageProblem(
                f"Evidence that cannot be read: {self.store.url_of(path)} ({type(error).__name__}).",
                next_step="restore the file from a backup; nothing is bought for this clip until then",
            ) from None

    def _document(self, name: str, names: set[str]) -> dict[str, Any] | None:
        path = f"{self.folder}/{name}"
        return json.loads(self.store.read(path)) if path in names else None


def _json(document: dict[str, Any]) -> bytes:
    return (json.dumps(document, ensure_ascii=False, indent=2, default=str) + "\n").encode()


def _create_once(store: Store, path: str, data: bytes) -> None:
    try:
        store.create(path, data)
    except AlreadyThere:
        return


def _first_document(store: Store, path: str, document: dict[str, Any]) -> dict[str, Any]:
    try:
        store.create(path, _json(document))
    except AlreadyThere:
        return json.loads(store.read(path))
    # Read back as everybody else will see it: what JSON cannot hold has become text.
    return json.loads(_json(document))


def keys_in(store: Store) -> dict[str, set[str]]:
    """Every clip of the store with the names of its evidence files, from one listing."""
    found: dict[str, set[str]] = {}
    for name in store.list("evidence/"):
        parts = name.split("/", 2)
        if len(parts) == 3:
            found.setdefault(parts[1], set()).add(parts[2])
    return found


def unfinished(names: set[str]) -> bool:
    """Whether the files of one clip show a purchase without a result; may err towards True."""
    return "result.json" not in names and any(name.endswith("/intent.json") for name in names)
