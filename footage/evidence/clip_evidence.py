"""The evidence of one clip on a store: its write-ahead log, readable from any machine.

    evidence/<key>/request.json                 what was ordered, with explain report, quote and image hash
    evidence/<key>/reference-<sha256>.png|jpg|… the prepared image, so that the original may disappear
    evidence/<key>/medium-<sha256>.mp4|wav|…    what else is sent, for the same reason
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
    evidence/<key>/labelled-<k>.json            the copy with the visible label; the last one counts
    evidence/<key>/last-frame-<k>.json          the frame that other shots start from; the last one counts
    evidence/<key>/run.log
    claims/<task_id>.json                       which attempt owns the task
    claimed/<key>/<task_id>.json                a task that is claimed for the clip, or is about to be
    claimed/since.json                          since when all claims are entered there
    open/<key>                                  something of it is not finished (footage/steps/open_clips.py)
    leases/<key>/<n>.json, .released            who works on it (footage/evidence/lease.py)
    runs/<run id>/<key>                         which clips a run works on, for its cancellation
    workers/<worker>.json                       who is alive
    wakeups/<key>, <key>.cancel                 its folder or task has news (footage/push/wake_ups.py)
    store.json                                  since when open clips are marked in this store
    spending/<month>/<k>/<n>.json               what each create may cost (footage/spending/ledger.py)
    buying-stopped.json                         nothing is bought until it goes
    harvest.json, verified.json                 what harvest and the nightly check need not look at again

Files below evidence/, claims/ and claimed/ are created, never rewritten; only the two logs grow. A task becomes ours in
three files: found, claim, receipt. The claim decides; because of the first one, a crash between them needs no list of
the provider. The marker is there before the first record that makes a clip unfinished, and goes after the last: a crash
leaves one too many, never one too few. (0.1.0 kept leases as evidence/<key>/lease-<n>.json, and had no
markers.)
"""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeVar

from footage.errors import AlreadyThere, NotThere, StorageProblem
from footage.evidence.attempts import AttemptReader
from footage.evidence.cancel_wishes import wishes_in
from footage.evidence.claims import Claims
from footage.evidence.delivered_records import (
    DeliveredRecord,
    LabelledRecord,
    LastFrameRecord,
    ResultRecord,
)
from footage.evidence.growing_file import GrowingFile
from footage.evidence.kept_files import KeptFiles
from footage.evidence.reader import RecordReader
from footage.evidence.records import (
    CancelWish,
    Intent,
    Joined,
    OpenMarker,
    OrderRecord,
    Outcome,
    PollLine,
    Promise,
    Receipt,
    Record,
)
from footage.evidence.state import ClipState

if TYPE_CHECKING:
    from footage.storage import Store

R = TypeVar("R", bound=Record)
D = TypeVar("D", DeliveredRecord, ResultRecord)
M = TypeVar("M", LabelledRecord, LastFrameRecord)

_LABELLED_FILE = re.compile(r"/labelled-(\d{1,18})\.json$")
_LAST_FRAME_FILE = re.compile(r"/last-frame-(\d{1,18})\.json$")
# What earlier releases do not have in its name.
_HASH_OF_IMAGE = re.compile(r"\Areference-[0-9a-f]{16}(?=\.)")
_KEY = re.compile(r"[0-9a-f]{64}")
# More numbered files of one kind than any run, person or provider makes.
MOST_FILES = 100
# Files that are added to as long as anybody works on the clip.
GROWING = (".log", ".jsonl")


class ClipEvidence:
    """Reads and writes the records of one clip.

    Every method may raise StorageProblem, and BadRecord where a file is there and does not fit; what was bought is
    then still known to the provider.
    """

    def __init__(self, store: Store, key: str, *, keep: bool = False) -> None:
        """`keep`: what was read or created here is not read again until it is told to `forget`."""
        self.store = store
        self.key = key
        self.folder = f"evidence/{key}"
        self.files = KeptFiles(store, self.folder, keep=keep)
        self.reader = RecordReader(self.files)
        self.marker = f"open/{key}"
        self.claims = Claims(store, self.reader, key)
        self._attempts = AttemptReader(self.reader, key, self.claims)
        # The attempt that was begun here: its marker cannot be gone before it ended.
        self._marked = 0
        # What that marker says, where it was written here.
        self.promise: Promise | None = None
        self._polls: dict[int, GrowingFile] = {}

    # -- reading ---------------------------------------------------------------------------------------------

    def state(self, *, seen_within_s: float = 0.0) -> ClipState:
        """Where the clip stands now; `seen_within_s`: a listing so old will do, with what was written here since."""
        names = self.files.list(seen_within_s)
        delivered = self._listed("delivered.json", names, DeliveredRecord)
        result = self._listed("result.json", names, ResultRecord)
        attempts = self._attempts.read([name.removeprefix(f"{self.folder}/") for name in names])
        if delivered is not None and not any(attempt.receipt for attempt in attempts):
            self.reader.refuse(f"{self.folder}/delivered.json", "no receipt says that the clip was bought")
        wishes, overridden = wishes_in(names)
        return ClipState(
            key=self.key,
            attempts=attempts,
            delivered=delivered,
            result=result,
            wishes=wishes,
            overridden=overridden,
            driven=any(name.endswith("/run.log") or "/lease-" in name for name in names),
        )

    def result(self) -> ResultRecord | None:
        """The finished clip's `result.json`, or None while there is none."""
        try:
            return self._read("result.json", ResultRecord)
        except NotThere:
            return None

    def delivered(self) -> DeliveredRecord | None:
        """What was published and verified, or None while there is nothing."""
        try:
            return self._read("delivered.json", DeliveredRecord)
        except NotThere:
            return None

    def labelled(self) -> LabelledRecord | None:
        """The copy with the visible label, or None where none was made."""
        return self._newest(_LABELLED_FILE, LabelledRecord, f"videos/{self.key}.labelled.mp4")

    def last_frame(self) -> LastFrameRecord | None:
        """The kept frame that other shots start from, or None where none did."""
        return self._newest(_LAST_FRAME_FILE, LastFrameRecord, f"videos/{self.key}.last.png")

    def order(self) -> dict[str, Any]:
        """`request.json` as it was when the clip was first ordered.

        Raises:
            NotThere: Nobody ever ordered a clip with this key in this store.
        """
        return self.reader.document(f"{self.folder}/request.json", OrderRecord, key=self.key)

    def kept_file(self, name: str) -> bytes:
        """A picture, clip or sound that is sent, as `request.json` names it."""
        try:
            return self.store.read(f"{self.folder}/{name}")
        except NotThere:
            if (before := _HASH_OF_IMAGE.sub("reference", name)) == name:
                raise
            return self.store.read(f"{self.folder}/{before}")

    def cancel_wanted(self, *, seen_within_s: float = 0.0) -> bool:
        """Whether the last word about this clip was to cancel it; at most one listing, no reading."""
        wishes, overridden = wishes_in(self.files.list(seen_within_s))
        return wishes > overridden

    def is_marked_open(self) -> bool:
        """Whether anything of the clip is left to finish, as its marker says.

        A marker is there before the claim of a task and goes last. One that was lost all the same costs its clip the
        wake-up and nothing more: harvest finds the task in the account's list, and the nightly check in the evidence.
        """
        return self.store.exists(self.marker)

    # -- writing ---------------------------------------------------------------------------------------------

    def write_order(self, document: dict[str, Any], files: Mapping[str, bytes]) -> bool:
        """Keep what is ordered; the first order of a key is the one that stays. True: this is the first."""
        for name, data in files.items():
            self._create_once(name, data)
        return self._create_once("request.json", _json(document))

    def write_intent(self, intent: Intent) -> None:
        """Open an attempt.

        Raises:
            AlreadyThere: Another worker opened it; nothing may be sent here.
        """
        if self._marked != intent.attempt:
            self.mark_open(intent.attempt)
        self.files.create(f"{self.folder}/attempt-{intent.attempt}/intent.json", intent.to_bytes())

    def mark_open(self, attempt: int = 0, promise: Promise | None = None) -> bool:
        """Have harvest look at this clip, for an attempt that is about to be opened; False where it does so already."""
        try:
            self._write_marker(self.store.create, promise)
        except AlreadyThere:
            # Who finds it marked may have to look whose promise it names.
            self._marked = 0 if promise else attempt
            return False
        self._marked, self.promise = attempt, promise
        return True

    def mark_promise(self, promise: Promise) -> None:
        """Keep, in the marker that is there, which line of the ledger is about to be written."""
        self._write_marker(self.store.replace, promise)
        self._marked, self.promise = promise.attempt, promise

    def _write_marker(self, write: Callable[[str, bytes], None], promise: Promise | None) -> None:
        marker = OpenMarker(key=self.key, opened_at=datetime.now(UTC), promise=promise)
        write(self.marker, marker.to_bytes())

    def open_marker(self) -> OpenMarker:
        """What marks this clip as open.

        Raises:
            NotThere: It is not.
        """
        return self.reader.record(self.marker, OpenMarker, key=self.key)

    def unmark_open(self) -> None:
        """Let harvest forget this clip; only for who holds its lease and has seen that its state is over."""
        self._marked, self.promise = 0, None
        self.store.delete(self.marker)

    def book(self, receipt: Receipt) -> Receipt | None:
        """Make a task the attempt's own; None when it belongs to another attempt.

        Returns the receipt that is in the evidence, ours or an earlier one of this attempt.
        """
        folder = f"attempt-{receipt.attempt}"
        if self._marked != receipt.attempt:
            self.mark_open(receipt.attempt)
        self._first(f"{folder}/found-{receipt.task_id}.json", receipt)
        if not self.claims.make(receipt):
            return None
        return self._first(f"{folder}/receipt.json", receipt)

    def write_cancel(self, wish: CancelWish) -> None:
        """Keep that somebody wants the clip cancelled."""
        number, _ = wishes_in(self.files.list())
        self._next(lambda more: f"cancel-{number + more}.json", wish)

    def cancel_asked_at(self, wishes: int) -> datetime:
        """When the last of the first `wishes` wishes to cancel this clip was written, by the clock of who wished."""
        return self.reader.record(f"{self.folder}/cancel-{wishes}.json", CancelWish, key=self.key).asked_at

    def override_cancel(self, wishes: int, wish: CancelWish) -> None:
        """Keep that somebody wants the clip after all, in spite of the first `wishes` wishes to cancel it."""
        self._create_once(f"override-{wishes}.json", wish.to_bytes())

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
        if outcome.status in ("succeeded", "abandoned"):
            self.mark_open()
        return self._next(
            lambda number: f"{folder}/settlement{'' if number == 1 else f'-{number}'}.json", outcome
        )

    def log_poll(self, attempt: int, line: PollLine) -> None:
        """Append one answer of the provider; the caller has redacted it. Where a store's files do not grow, soon."""
        if attempt not in self._polls:
            folder = f"{self.folder}/attempt-{attempt}"
            opened_here = self.files.created(f"{folder}/intent.json")
            self._polls[attempt] = GrowingFile(self.store, f"{folder}/polls.jsonl", new=opened_here)
        self._polls[attempt].add(line.to_bytes())

    def forget(self) -> None:
        """Write the answers that have gathered, and have everything read anew: another worker may go on."""
        for polls in self._polls.values():
            # No record, so never the reason why a clip fails.
            with contextlib.suppress(StorageProblem):
                polls.flush()
        self._polls.clear()
        self.files.forget()

    def write_delivered(self, record: DeliveredRecord) -> DeliveredRecord:
        """Keep what was published and verified; returns the first such record."""
        return self._first_read_back("delivered.json", record)

    def write_result(self, record: ResultRecord) -> ResultRecord:
        """Finish the clip; returns the first result, which everybody gets."""
        return self._first_read_back("result.json", record)

    def write_labelled(self, record: LabelledRecord) -> LabelledRecord:
        """Keep what was drawn over the clip; an earlier copy was lost, or is of other bytes."""
        return self._next(lambda number: f"labelled-{number}.json", record)

    def write_last_frame(self, record: LastFrameRecord) -> LastFrameRecord:
        """Keep what other shots start from; an earlier frame was lost, and decoded anew to other bytes."""
        return self._next(lambda number: f"last-frame-{number}.json", record)

    def join_run(self, run_id: str, joined: Joined) -> Joined:
        """Note that a run works on this clip, so that cancelling the run finds it; the first note stays."""
        return self._first_at(f"runs/{run_id}/{self.key}", joined)

    def attempts_known_to(self, run_id: str) -> int:
        """How many attempts there were when a run began to work on this clip; 0 where it never did."""
        joined = self._joined(run_id)
        return joined.attempts if joined else 0

    def is_opened_in(self, run_id: str, attempt: int) -> bool:
        """Whether an attempt was opened after a run began to work on this clip."""
        joined = self._joined(run_id)
        return joined is not None and attempt > joined.attempts

    def _joined(self, run_id: str) -> Joined | None:
        with contextlib.suppress(NotThere):
            return self.reader.record(f"runs/{run_id}/{self.key}", Joined, key=self.key)
        return None

    def bought_here(self, attempt: int) -> bool:
        """Whether the receipt of an attempt was written here, so that nobody else can have gone on from it before."""
        return self.files.created(f"{self.folder}/attempt-{attempt}/receipt.json")

    def manifest(self, *, seen_within_s: float = 0.0) -> dict[str, str]:
        """SHA-256 of every record there is now, by path below the clip's folder; what still grows is left out."""
        prefix = f"{self.folder}/"
        names = (
            name
            for name in self.files.list(seen_within_s)
            if not name.endswith((*GROWING, "result.json")) and "/lease-" not in name
        )
        return {name[len(prefix) :]: self.files.sha256(name) for name in names}

    # -- helpers ---------------------------------------------------------------------------------------------

    def _first(self, name: str, record: R) -> R:
        return self._first_at(f"{self.folder}/{name}", record)

    def _first_at(self, path: str, record: R) -> R:
        try:
            self.files.create(path, record.to_bytes())
        except AlreadyThere:
            attempt = getattr(record, "attempt", None)
            expected = {"key": self.key} if attempt is None else {"key": self.key, "attempt": attempt}
            return self.reader.record(path, type(record), **expected)
        return record

    def _next(self, name: Callable[[int], str], record: R) -> R:
        """Create the first of a row of numbered files that is not there yet."""
        for number in range(1, MOST_FILES + 1):
            try:
                self.files.create(f"{self.folder}/{name(number)}", record.to_bytes())
            except AlreadyThere:
                continue
            return record
        return self.reader.refuse(f"{self.folder}/{name(MOST_FILES)}", f"there are {MOST_FILES} of its kind")

    def _create_once(self, name: str, data: bytes) -> bool:
        """Create a file of the folder; False where there is one already."""
        try:
            self.files.create(f"{self.folder}/{name}", data)
        except AlreadyThere:
            return False
        return True

    def _first_read_back(self, name: str, record: D) -> D:
        self._create_once(name, record.to_bytes())
        # Ours, too: what everybody else will see.
        return self._read(name, type(record))

    def _read(self, name: str, kind: type[D]) -> D:
        path = f"{self.folder}/{name}"
        record = self.reader.record(path, kind, **({"key": self.key} if kind is ResultRecord else {}))
        if misplaced := record.files.misplaced(self.key):
            self.reader.refuse(path, f"its files.{misplaced} is not where this clip's files are")
        return record

    def _newest(self, pattern: re.Pattern[str], kind: type[M], file: str) -> M | None:
        """The last of several records about one file that is made again where it is lost; None: there is none."""
        found = {int(match[1]): match.string for n in self.files.list() if (match := pattern.search(n))}
        if not found:
            return None
        path = found[max(found)]
        record = self.reader.record(path, kind, key=self.key)
        if record.file.path != file:
            self.reader.refuse(path, "its file is not where that of this clip is")
        return record

    def _listed(self, name: str, names: list[str], kind: type[D]) -> D | None:
        path = f"{self.folder}/{name}"
        if path in names:
            return self._read(name, kind)
        if any(below.startswith(f"{path}/") for below in names):
            self.reader.refuse(path, "it is a folder")
        return None


def _json(document: dict[str, Any]) -> bytes:
    return (json.dumps(document, ensure_ascii=False, indent=2, default=str) + "\n").encode()


def is_key(text: str) -> bool:
    """Whether this can be the key of a clip, and so the name of its folder."""
    return _KEY.fullmatch(text) is not None
