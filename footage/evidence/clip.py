"""The evidence of one clip on a store: its write-ahead log, readable from any machine.

    evidence/<key>/request.json                 what was ordered, with explain report, quote and image hash
    evidence/<key>/reference.png|jpg|…          the prepared image, so that the original may disappear
    evidence/<key>/lease-<k>.json, .released    who works on it (footage/evidence/lease.py)
    evidence/<key>/cancel-<k>.json              somebody wants it cancelled
    evidence/<key>/override-<k>.json            and later somebody wants it after all
    evidence/<key>/attempt-<n>/intent.json      before the create
    evidence/<key>/attempt-<n>/found-<task>.json   a task that may be ours, before it is claimed
    evidence/<key>/attempt-<n>/receipt.json     after the create
    evidence/<key>/attempt-<n>/polls.jsonl      every answer, redacted
    evidence/<key>/attempt-<n>/outcome.json     how it ended
    evidence/<key>/attempt-<n>/settlement.json  the last word, where the outcome was not
    evidence/<key>/delivered.json               the files in videos/, verified
    evidence/<key>/result.json                  the response; the clip is finished
    evidence/<key>/run.log
    claims/<task_id>.json                       which attempt owns the task
    runs/<run id>/<key>                         which clips a run works on, for its cancellation

Files are created, never rewritten; only the two logs grow. A task becomes ours in three files: found, claim,
receipt. The claim decides; because of the first one, a crash between them needs no list of the provider.
"""

from __future__ import annotations

import hashlib
import json
import re
from typing import TYPE_CHECKING, Any, TypeVar

from footage.errors import AlreadyThere, NotThere, StorageProblem
from footage.evidence.records import CancelWish, Claim, Intent, Joined, Outcome, Receipt, Record
from footage.evidence.state import Attempt, ClipState

if TYPE_CHECKING:
    from footage.storage import Store

R = TypeVar("R", bound=Record)

_ATTEMPT_FILE = re.compile(r"attempt-(\d+)/(intent|receipt|outcome|settlement)\.json$")
_FOUND_FILE = re.compile(r"attempt-(\d+)/found-[^/]+\.json$")
_WISH_FILE = re.compile(r"/(cancel|override)-(\d+)\.json$")
_KINDS: dict[str, type[Record]] = {
    "intent": Intent,
    "receipt": Receipt,
    "outcome": Outcome,
    "settlement": Outcome,
}


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
        names = self.store.list(self.folder)
        attempts: dict[int, dict[str, Any]] = {}
        for name in names:
            if match := _ATTEMPT_FILE.search(name):
                number, kind = int(match[1]), match[2]
                attempts.setdefault(number, {})[kind] = self._read(name, _KINDS[kind])
            elif match := _FOUND_FILE.search(name):
                found = attempts.setdefault(int(match[1]), {})
                found["found"] = (*found.get("found", ()), self._read(name, Receipt))
        wishes, overridden = _wishes(names)
        return ClipState(
            key=self.key,
            attempts=tuple(
                Attempt(number=number, **parts)
                for number, parts in sorted(attempts.items())
                if "intent" in parts
            ),
            delivered=self._document("delivered.json", names),
            result=self._document("result.json", names),
            wishes=wishes,
            overridden=overridden,
        )

    def result(self) -> dict[str, Any] | None:
        """The finished clip's `result.json`, or None while there is none."""
        try:
            return self._read_document(f"{self.folder}/result.json")
        except NotThere:
            return None

    def order(self) -> dict[str, Any]:
        """`request.json` as it was when the clip was first ordered.

        Raises:
            NotThere: Nobody ever ordered a clip with this key in this store.
        """
        return self._read_document(f"{self.folder}/request.json")

    def reference_image(self, name: str) -> bytes:
        """The prepared reference image that `request.json` names."""
        return self.store.read(f"{self.folder}/{name}")

    def cancel_wanted(self) -> bool:
        """Whether the last word about this clip was to cancel it; one listing, no reading."""
        wishes, overridden = _wishes(self.store.list(self.folder))
        return wishes > overridden

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

    def book(self, receipt: Receipt) -> Receipt | None:
        """Make a task the attempt's own; None when it belongs to another attempt.

        Returns the receipt that is in the evidence, ours or an earlier one of this attempt.
        """
        folder = f"attempt-{receipt.attempt}"
        self._first(f"{folder}/found-{receipt.task_id}.json", receipt)
        mine = Claim(task_id=receipt.task_id, key=self.key, attempt=receipt.attempt)
        try:
            self.store.create(f"claims/{receipt.task_id}.json", mine.to_bytes())
        except AlreadyThere:
            holder = self._read(f"claims/{receipt.task_id}.json", Claim)
            if (holder.key, holder.attempt) != (self.key, receipt.attempt):
                return None
        return self._first(f"{folder}/receipt.json", receipt)

    def write_cancel(self, wish: CancelWish) -> None:
        """Keep that somebody wants the clip cancelled."""
        number, _ = _wishes(self.store.list(self.folder))
        while True:
            number += 1
            try:
                return self.store.create(f"{self.folder}/cancel-{number}.json", wish.to_bytes())
            except AlreadyThere:
                continue

    def override_cancel(self, wishes: int, wish: CancelWish) -> None:
        """Keep that somebody wants the clip after all, in spite of the first `wishes` wishes to cancel it."""
        _create_once(self.store, f"{self.folder}/override-{wishes}.json", wish.to_bytes())

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
        return self._first_document("delivered.json", document)

    def write_result(self, document: dict[str, Any]) -> dict[str, Any]:
        """Finish the clip; returns the first result, which everybody gets."""
        return self._first_document("result.json", document)

    def join_run(self, run_id: str, joined: Joined) -> Joined:
        """Note that a run works on this clip, so that cancelling the run finds it; the first note stays."""
        return self._first_at(f"runs/{run_id}/{self.key}", joined)

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
        return self._first_at(f"{self.folder}/{name}", record)

    def _first_at(self, path: str, record: R) -> R:
        try:
            self.store.create(path, record.to_bytes())
        except AlreadyThere:
            return self._read(path, type(record))
        return record

    def _first_document(self, name: str, document: dict[str, Any]) -> dict[str, Any]:
        path = f"{self.folder}/{name}"
        _create_once(self.store, path, _json(document))
        # Read back, ours too: what everybody else will see, where what JSON cannot hold has become text.
        return self._read_document(path)

    def _read(self, path: str, kind: type[R]) -> R:
        try:
            return kind.model_validate_json(self.store.read(path))
        except ValueError as error:
            raise self.unreadable(path, error) from None

    def _read_document(self, path: str) -> dict[str, Any]:
        try:
            return json.loads(self.store.read(path))
        except ValueError as error:
            raise self.unreadable(path, error) from None

    def _document(self, name: str, names: list[str]) -> dict[str, Any] | None:
        path = f"{self.folder}/{name}"
        return self._read_document(path) if path in names else None

    def unreadable(self, path: str, error: Exception) -> StorageProblem:
        """What to raise when a file of the evidence is there and makes no sense."""
        return StorageProblem(
            f"Evidence that cannot be read: {self.store.url.rstrip('/')}/{path} ({type(error).__name__}).",
            next_step="restore the file from a backup; nothing is bought for this clip until then",
            key=self.key,
        )


def _json(document: dict[str, Any]) -> bytes:
    return (json.dumps(document, ensure_ascii=False, indent=2, default=str) + "\n").encode()


def _create_once(store: Store, path: str, data: bytes) -> None:
    try:
        store.create(path, data)
    except AlreadyThere:
        return


def _wishes(names: list[str]) -> tuple[int, int]:
    """How often cancelling was asked for, and how many of those wishes somebody overrode since."""
    highest = {"cancel": 0, "override": 0}
    for name in names:
        if match := _WISH_FILE.search(name):
            highest[match[1]] = max(highest[match[1]], int(match[2]))
    return highest["cancel"], highest["override"]


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


def may_be_unknown(names: set[str]) -> bool:
    """Whether the files of one clip show an intent of which nothing else is known."""
    folders = {name.rpartition("/")[0] for name in names if name.endswith("/intent.json")}
    return any(not names & {f"{folder}/receipt.json", f"{folder}/outcome.json"} for folder in folders)
