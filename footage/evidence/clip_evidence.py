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
    evidence/<key>/attempt-<n>/settlement.json, settlement-2.json, …   later words; the last one counts
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
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from footage.errors import AlreadyThere, NotThere, StorageProblem
from footage.evidence.reader import RecordReader
from footage.evidence.records import (
    FORMAT,
    CancelWish,
    Claim,
    DeliveredRecord,
    Files,
    Intent,
    Joined,
    OrderRecord,
    Outcome,
    Receipt,
    Record,
    ResultRecord,
)
from footage.evidence.state import Attempt, ClipState

if TYPE_CHECKING:
    from footage.storage import Store

R = TypeVar("R", bound=Record)

_NUMBER = "([1-9][0-9]{0,4})"
_ATTEMPT_FILE = re.compile(rf"attempt-{_NUMBER}/(intent|receipt|outcome)\.json")
_FOUND_FILE = re.compile(rf"attempt-{_NUMBER}/found-([A-Za-z0-9_-]{{1,64}})\.json")
_SETTLEMENT_FILE = re.compile(rf"attempt-{_NUMBER}/settlement(?:-{_NUMBER})?\.json")
_WISH_FILE = re.compile(r"/(cancel|override)-(\d{1,18})\.json$")
_KEY = re.compile(r"[0-9a-f]{64}")
_KINDS: dict[str, type[Record]] = {"intent": Intent, "receipt": Receipt, "outcome": Outcome}
# What both say of one purchase.
_SAME_PLACE = ("model", "region", "endpoint", "workspace")
# More numbered files of one kind than any run, person or provider makes.
MOST_FILES = 100
# Files that are added to as long as anybody works on the clip.
GROWING = (".log", ".jsonl")
# In place of a clip's file names where its folder cannot be listed.
UNREADABLE = "?"


class ClipEvidence:
    """Reads and writes the records of one clip.

    Every method may raise StorageProblem, and BadRecord where a file is there and does not fit; what was bought is
    then still known to the provider.
    """

    def __init__(self, store: Store, key: str) -> None:
        self.store = store
        self.key = key
        self.folder = f"evidence/{key}"
        self.reader = RecordReader(store)
        # A claim never changes, so each is read once.
        self._claimed: set[tuple[str, int]] = set()

    # -- reading ---------------------------------------------------------------------------------------------

    def state(self) -> ClipState:
        """Where the clip stands now, read fresh."""
        names = self.store.list(self.folder)
        delivered = self._document("delivered.json", names, DeliveredRecord)
        result = self._document("result.json", names, ResultRecord)
        attempts = self._attempts([name.removeprefix(f"{self.folder}/") for name in names])
        if delivered is not None and not any(attempt.receipt for attempt in attempts):
            self.reader.refuse(f"{self.folder}/delivered.json", "no receipt says that the clip was bought")
        wishes, overridden = _wishes(names)
        return ClipState(
            key=self.key,
            attempts=attempts,
            delivered=delivered,
            result=result,
            wishes=wishes,
            overridden=overridden,
        )

    def _attempts(self, names: list[str]) -> tuple[Attempt, ...]:
        parts: dict[int, dict[str, Any]] = {}
        found: dict[int, list[str]] = {}
        settled: dict[int, list[tuple[int, str]]] = {}
        for name in names:
            if match := _ATTEMPT_FILE.match(name):
                number = int(match[1])
                if name != match[0]:
                    self.reader.refuse(f"{self.folder}/{match[0]}", "it is a folder")
                parts.setdefault(number, {})[match[2]] = self._of_attempt(name, _KINDS[match[2]], number)
            elif match := _FOUND_FILE.fullmatch(name):
                found.setdefault(int(match[1]), []).append(match[2])
            elif match := _SETTLEMENT_FILE.fullmatch(name):
                settled.setdefault(int(match[1]), []).append((int(match[2] or 1), name))
        return tuple(
            self._attempt(
                number,
                parts.get(number, {}),
                found.get(number, []),
                [name for _, name in sorted(settled.get(number, []))],
            )
            for number in sorted({*parts, *found, *settled})
        )

    def _attempt(self, number: int, parts: dict[str, Any], found: list[str], settled: list[str]) -> Attempt:
        """One attempt from its records, which have to agree."""
        folder = f"{self.folder}/attempt-{number}"
        receipt: Receipt | None = parts.get("receipt")
        finds = tuple(
            self._of_attempt(f"attempt-{number}/found-{task_id}.json", Receipt, number, task_id=task_id)
            for task_id in (() if receipt else found)
        )
        bought = receipt or next(iter(finds), None)
        # What has a receipt can be resumed without its intent.
        intent: Intent | None = parts.get("intent") or (bought and _intent_of(bought))
        if intent is None:
            self.reader.refuse(
                f"{folder}/intent.json", "it is missing, and other records of its attempt are there"
            )
        for record, name in ((receipt, "receipt"), *((one, f"found-{one.task_id}") for one in finds)):
            for field in _SAME_PLACE:
                if record is not None and getattr(record, field) != getattr(intent, field):
                    self.reader.refuse(f"{folder}/{name}.json", f"its {field} is not that of intent.json")
        if settled and "outcome" not in parts:
            self.reader.refuse(f"{folder}/outcome.json", "it is missing, and a settlement of it is there")
        return Attempt(
            number=number,
            intent=intent,
            receipt=receipt,
            claimed=receipt is not None and self._is_claimed(receipt, found),
            outcome=parts.get("outcome"),
            settlements=tuple(self._of_attempt(name, Outcome, number) for name in settled),
            found=finds,
        )

    def _is_claimed(self, receipt: Receipt, found: list[str]) -> bool:
        """Whether the receipt's task is claimed for it; a claim that was lost shows in what was found first."""
        this = (receipt.task_id, receipt.attempt)
        path = f"{self.folder}/attempt-{receipt.attempt}/receipt.json"
        if this in self._claimed:
            return True
        try:
            claim = self._claim(receipt.task_id)
        except NotThere:
            if receipt.task_id not in found:
                self.reader.refuse(path, f"nothing else says that task {receipt.task_id} is this clip's")
            return False
        if (claim.key, claim.attempt) != (self.key, receipt.attempt):
            whose = f"clip {claim.key[:12]}, attempt {claim.attempt}"
            self.reader.refuse(path, f"task {receipt.task_id} belongs to {whose}")
        self._claimed.add(this)
        return True

    def _claim(self, task_id: str) -> Claim:
        return self.reader.record(f"claims/{task_id}.json", Claim, task_id=task_id)

    def holds(self, receipt: Receipt) -> bool:
        """Whether the task is claimed for this clip."""
        try:
            return self._claim(receipt.task_id).key == self.key
        except NotThere:
            return False

    def result(self) -> dict[str, Any] | None:
        """The finished clip's `result.json`, or None while there is none."""
        try:
            return self._read_document(f"{self.folder}/result.json", ResultRecord)
        except NotThere:
            return None

    def delivered(self) -> dict[str, Any] | None:
        """What was published and verified, or None while there is nothing."""
        try:
            return self._read_document(f"{self.folder}/delivered.json", DeliveredRecord)
        except NotThere:
            return None

    def order(self) -> dict[str, Any]:
        """`request.json` as it was when the clip was first ordered.

        Raises:
            NotThere: Nobody ever ordered a clip with this key in this store.
        """
        return self.reader.document(f"{self.folder}/request.json", OrderRecord, key=self.key)

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
        if not self._make_claim(receipt):
            return None
        return self._first(f"{folder}/receipt.json", receipt)

    def claim(self, receipt: Receipt) -> None:
        """Claim a task that a receipt has; nothing is done where that is so already.

        Raises:
            BadRecord: It belongs to another attempt.
        """
        if (receipt.task_id, receipt.attempt) not in self._claimed and not self._make_claim(receipt):
            path = f"{self.folder}/attempt-{receipt.attempt}/receipt.json"
            self.reader.refuse(path, f"task {receipt.task_id} belongs to another clip")

    def _make_claim(self, receipt: Receipt) -> bool:
        """Claim a task; whether it is this attempt's now."""
        mine = Claim(task_id=receipt.task_id, key=self.key, attempt=receipt.attempt)
        try:
            self.store.create(f"claims/{receipt.task_id}.json", mine.to_bytes())
        except AlreadyThere:
            holder = self._claim(receipt.task_id)
            if (holder.key, holder.attempt) != (self.key, receipt.attempt):
                return False
        self._claimed.add((receipt.task_id, receipt.attempt))
        return True

    def write_cancel(self, wish: CancelWish) -> None:
        """Keep that somebody wants the clip cancelled."""
        number, _ = _wishes(self.store.list(self.folder))
        self._next(lambda more: f"cancel-{number + more}.json", wish)

    def override_cancel(self, wishes: int, wish: CancelWish) -> None:
        """Keep that somebody wants the clip after all, in spite of the first `wishes` wishes to cancel it."""
        _create_once(self.store, f"{self.folder}/override-{wishes}.json", wish.to_bytes())

    def write_outcome(self, outcome: Outcome) -> Outcome:
        """Close an attempt, or settle one that was abandoned or lost later; returns what the evidence now says."""
        first = self._first(f"attempt-{outcome.attempt}/outcome.json", outcome)
        if first is outcome:
            return first
        attempts = {attempt.number: attempt for attempt in self.state().attempts}
        said = attempts[outcome.attempt].word or first
        lost_later = said.status == "succeeded" and outcome.status == "lost"
        if lost_later or (said.status == "abandoned" and outcome.status != "abandoned"):
            return self.contradict(outcome)
        return said

    def contradict(self, outcome: Outcome) -> Outcome:
        """Have the last word about an attempt whose records say something else, because the provider does."""
        folder = f"attempt-{outcome.attempt}"
        return self._next(
            lambda number: f"{folder}/settlement{'' if number == 1 else f'-{number}'}.json", outcome
        )

    def log_poll(self, attempt: int, answer: dict[str, Any]) -> None:
        """Append one answer of the provider; the caller has redacted it."""
        line = json.dumps(answer, ensure_ascii=False, default=str) + "\n"
        self.store.append(f"{self.folder}/attempt-{attempt}/polls.jsonl", line.encode())

    def write_delivered(self, document: dict[str, Any]) -> dict[str, Any]:
        """Keep what was published and verified; returns the first such record."""
        return self._first_document("delivered.json", document, DeliveredRecord)

    def write_result(self, document: dict[str, Any]) -> dict[str, Any]:
        """Finish the clip; returns the first result, which everybody gets."""
        return self._first_document("result.json", document, ResultRecord)

    def join_run(self, run_id: str, joined: Joined) -> Joined:
        """Note that a run works on this clip, so that cancelling the run finds it; the first note stays."""
        return self._first_at(f"runs/{run_id}/{self.key}", joined)

    def manifest(self) -> dict[str, str]:
        """SHA-256 of every record there is now, by path below the clip's folder; what still grows is left out."""
        prefix = f"{self.folder}/"
        names = sorted(
            name
            for name in self.store.list(prefix)
            if not name.endswith((*GROWING, "result.json")) and "/lease-" not in name
        )
        return {name[len(prefix) :]: hashlib.sha256(self.store.read(name)).hexdigest() for name in names}

    # -- helpers ---------------------------------------------------------------------------------------------

    def _of_attempt(self, name: str, kind: type[R], number: int, **expected: Any) -> R:
        return self.reader.record(f"{self.folder}/{name}", kind, key=self.key, attempt=number, **expected)

    def _first(self, name: str, record: R) -> R:
        return self._first_at(f"{self.folder}/{name}", record)

    def _first_at(self, path: str, record: R) -> R:
        try:
            self.store.create(path, record.to_bytes())
        except AlreadyThere:
            attempt = getattr(record, "attempt", None)
            expected = {"key": self.key} if attempt is None else {"key": self.key, "attempt": attempt}
            return self.reader.record(path, type(record), **expected)
        return record

    def _next(self, name: Callable[[int], str], record: R) -> R:
        """Create the first of a row of numbered files that is not there yet."""
        for number in range(1, MOST_FILES + 1):
            try:
                self.store.create(f"{self.folder}/{name(number)}", record.to_bytes())
            except AlreadyThere:
                continue
            return record
        return self.reader.refuse(f"{self.folder}/{name(MOST_FILES)}", f"there are {MOST_FILES} of its kind")

    def _first_document(self, name: str, document: dict[str, Any], kind: type[Record]) -> dict[str, Any]:
        path = f"{self.folder}/{name}"
        _create_once(self.store, path, _json({"format": FORMAT, **document}))
        # Read back, ours too: what everybody else will see, where what JSON cannot hold has become text.
        return self._read_document(path, kind)

    def _read_document(self, path: str, kind: type[Record]) -> dict[str, Any]:
        document = self.reader.document(path, kind, **({"key": self.key} if kind is ResultRecord else {}))
        if misplaced := Files.model_validate(document["files"]).misplaced(self.key):
            self.reader.refuse(path, f"its files.{misplaced} is not where this clip's files are")
        return document

    def _document(self, name: str, names: list[str], kind: type[Record]) -> dict[str, Any] | None:
        path = f"{self.folder}/{name}"
        if path in names:
            return self._read_document(path, kind)
        if any(below.startswith(f"{path}/") for below in names):
            self.reader.refuse(path, "it is a folder")
        return None


def _intent_of(receipt: Receipt) -> Intent:
    """The intent that a receipt must have had, as far as it can be told."""
    return Intent(
        key=receipt.key,
        attempt=receipt.attempt,
        owner="",
        lease=0,
        model=receipt.model,
        region=receipt.region,
        endpoint=receipt.endpoint,
        workspace=receipt.workspace,
        key_fingerprint=receipt.key_fingerprint,
        written_at=receipt.submitted_at,
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


def is_key(text: str) -> bool:
    """Whether this can be the key of a clip, and so the name of its folder."""
    return _KEY.fullmatch(text) is not None


def keys_in(store: Store) -> dict[str, set[str]]:
    """Every clip of the store with the names of its evidence files; UNREADABLE where they cannot be listed."""
    try:
        names = store.list("evidence/")
    except StorageProblem:
        # One folder that cannot be listed must not hide the others.
        return {key: _names_of(store, key) for key in store.folders("evidence/") if _KEY.fullmatch(key)}
    found: dict[str, set[str]] = {}
    for name in names:
        parts = name.split("/", 2)
        if len(parts) == 3 and _KEY.fullmatch(parts[1]):
            found.setdefault(parts[1], set()).add(parts[2])
    return found


def _names_of(store: Store, key: str) -> set[str]:
    prefix = f"evidence/{key}/"
    try:
        return {name.removeprefix(prefix) for name in store.list(prefix)}
    except StorageProblem:
        return {UNREADABLE}


def unfinished(names: set[str]) -> bool:
    """Whether the files of one clip show a purchase without a result; may err towards True."""
    return "result.json" not in names and any(
        name.startswith("attempt-") or name == UNREADABLE for name in names
    )


def may_be_unknown(names: set[str]) -> bool:
    """Whether the files of one clip show an intent of which nothing else is known."""
    folders = {name.rpartition("/")[0] for name in names if name.endswith("/intent.json")}
    return any(not names & {f"{folder}/receipt.json", f"{folder}/outcome.json"} for folder in folders)
