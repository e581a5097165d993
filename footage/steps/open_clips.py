"""Which clips are open: something was bought, or may have been, and is not finished.

`open/<key>` marks each of them, so that finding them costs what is open and not what ever was. Evidence decides; a
marker only says where to look. Where one is missing all the same, the provider's list (footage/steps/account_tasks.py)
and the nightly check bring it back. A store whose evidence is older than its markers is walked once.
"""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Literal, TypeVar

from footage.concurrency.executors import STORE_CALLS_AT_ONCE, call_each
from footage.errors import AlreadyThere, NotThere, StorageProblem, TakenOver
from footage.evidence.clip_evidence import ClipEvidence, is_key
from footage.evidence.lease import Lease, prune_leases
from footage.evidence.reader import RecordReader
from footage.evidence.records import Intent, Outcome, Receipt, Record, StoreNote
from footage.evidence.stored_clips import (
    UNREADABLE,
    attempts_in,
    keys_in,
    last_word_in,
    names_of,
    unbooked,
    unfinished,
)
from footage.spending.settle import settle_clip
from footage.steps.booking import TASK_LIFE
from footage.steps.unknown_purchase import listed_until

if TYPE_CHECKING:
    from footage.context import Context
    from footage.storage import Store

R = TypeVar("R", bound=Record)

_NOTE = "store.json"
# A marker without an attempt is of a worker that is about to buy, or died before it did; no worker takes this long.
PURCHASE_TIME = timedelta(hours=24)


@dataclass(frozen=True)
class Unfinished:
    """A clip that was bought, or may have been, and is not delivered."""

    key: str
    task_id: str | None
    status: str
    expires_at: datetime | None
    # Of an attempt of which no task is known: its number, and until when the provider's list can tell of one.
    attempt: int | None = None
    listed_until: datetime | None = None

    def expires_within(self, margin: timedelta, now: datetime) -> bool:
        return self.expires_at is not None and self.expires_at - now < margin

    def left_to_a_person(self, now: datetime) -> bool:
        """Whether nobody can find out any more what was bought, so that it waits for a person's word."""
        return self.listed_until is not None and now > self.listed_until


@dataclass
class OpenClips:
    """What one look at a store found."""

    unfinished: list[Unfinished] = field(default_factory=list[Unfinished])
    # Every clip that has a marker.
    marked: set[str] = field(default_factory=set[str])
    # Those of them that have nothing left to finish.
    over: list[str] = field(default_factory=list[str])
    # All evidence was looked at, because the store does not say that every open clip has a marker.
    walked: bool = False
    warnings: list[str] = field(default_factory=list[str])


def open_keys(store: Store) -> set[str]:
    """The clips that have a marker.

    Raises:
        StorageProblem: The store cannot be listed.
    """
    return {key for key in _below(store.list("open/")) if is_key(key)}


def look(store: Store, known: Mapping[str, Unfinished] | None = None) -> OpenClips:
    """Look at every clip that is marked as open, with at most three requests for each; writes nothing.

    The clips that expire first come first, unknown and unreadable ones before them. Those that are `known`, because
    they were looked at a while ago, cost nothing, as long as they are marked.

    Raises:
        StorageProblem: The store cannot be listed.
    """
    found, candidates = _candidates(store)
    for key, names in candidates.items():
        if names is None and known and key in known:
            found.unfinished.append(known[key])
            continue
        _sort_in(store, key, names_of(store, key) if names is None else names, found)
    never = datetime.min.replace(tzinfo=UTC)
    found.unfinished.sort(key=lambda clip: clip.expires_at or never)
    return found


def look_for_unbooked(store: Store) -> list[str]:
    """The open clips with an attempt that has neither receipt nor outcome, by one request for each open clip.

    Markers are set right where all evidence had to be looked at.

    Raises:
        StorageProblem: The store cannot be listed.
    """
    found, candidates = _candidates(store)
    listed = [key for key, names in candidates.items() if names is None]
    names_now = dict(
        zip(listed, call_each(partial(names_of, store), listed, STORE_CALLS_AT_ONCE), strict=True)
    )
    files = {key: names_now[key] if names is None else names for key, names in candidates.items()}
    if found.walked:
        for key, names in files.items():
            _sort_in(store, key, names, found)
        # So that it was the last walk over all clips there ever were; who asks does not need it.
        with contextlib.suppress(StorageProblem):
            mark(store, found)
    return [key for key, names in files.items() if unbooked(names)]


def _candidates(store: Store) -> tuple[OpenClips, dict[str, set[str] | None]]:
    """What is to be looked at, with its files where they are known, and how that was found out."""
    found = OpenClips()
    try:
        found.marked = open_keys(store)
    except StorageProblem as error:
        # One thing in that folder must not hide all clips.
        found.walked = True
        found.warnings.append(f"{error.message} All evidence was looked at instead.")
    candidates: dict[str, set[str] | None] = dict.fromkeys(found.marked)
    try:
        RecordReader(store).record(_NOTE, StoreNote)
    except NotThere:
        found.walked = True
    except StorageProblem as error:
        found.walked = True
        found.warnings.append(f"{error.message} All evidence was looked at instead.")
    if found.walked:
        evidence = keys_in(store)
        candidates |= {key: names for key, names in evidence.items() if unfinished(names)}
    return found, candidates


def _below(names: Collection[str]) -> list[str]:
    return [name.split("/", 1)[1] for name in names]


def _sort_in(store: Store, key: str, names: set[str], found: OpenClips) -> None:
    clip = left_to_finish(store, key, names)
    if clip is not None:
        found.unfinished.append(clip)
    elif key in found.marked and (attempts_in(names) or not _is_young(ClipEvidence(store, key))):
        found.over.append(key)


def _is_young(evidence: ClipEvidence) -> bool:
    try:
        return abs(datetime.now(UTC) - evidence.open_marker().opened_at) < PURCHASE_TIME
    except NotThere:
        # Its worker took it away just now.
        return True
    except StorageProblem:
        # What is wrong with it is told when it is to be taken away.
        return False


def left_to_finish(store: Store, key: str, names: Collection[str]) -> Unfinished | None:
    """What is left to finish of a clip with these files, from at most two of its records; None: nothing."""
    if "result.json" in names:
        return None
    if UNREADABLE in names:
        return Unfinished(key, None, "unreadable", None)
    try:
        return _left(RecordReader(store), key, names)
    except StorageProblem:
        # What is wrong with it is told when it is taken up; the others are not held up.
        return Unfinished(key, None, "unreadable", None)


def _left(reader: RecordReader, key: str, names: Collection[str]) -> Unfinished | None:
    numbers = attempts_in(names)
    for number in numbers:
        word = last_word_in(names, number)
        said = None if word is None else _record(reader, key, number, word, Outcome).status
        # As ClipState.last: what ended otherwise is not the attempt that counts.
        if said in (None, "abandoned", "succeeded"):
            return _open_attempt(reader, key, number, names, said or "booked")
    if numbers and "delivered.json" in names:
        return _open_attempt(reader, key, numbers[0], names, "delivered")
    return None


def _open_attempt(
    reader: RecordReader, key: str, number: int, names: Collection[str], status: str
) -> Unfinished:
    folder = f"attempt-{number}"
    if f"{folder}/receipt.json" not in names:
        intent = _record(reader, key, number, f"{folder}/intent.json", Intent)
        expires_at = intent.written_at + timedelta(seconds=intent.clock_offset_s or 0.0) + TASK_LIFE
        if any(name.startswith(f"{folder}/found-") for name in names):
            return Unfinished(key, None, "unknown", expires_at)
        # By a clock that was compared with the provider's; another one may be wrong by days.
        until = listed_until(intent) if intent.clock_offset_s is not None else None
        return Unfinished(key, None, "unknown", expires_at, number, until)
    receipt = _record(reader, key, number, f"{folder}/receipt.json", Receipt)
    return Unfinished(key, receipt.task_id, status, receipt.expires_at)


def _record(reader: RecordReader, key: str, number: int, name: str, kind: type[R]) -> R:
    return reader.record(f"evidence/{key}/{name}", kind, key=key, attempt=number)


def mark(store: Store, found: OpenClips) -> int:
    """Give every unfinished clip that was found its marker; how many had none.

    Raises:
        StorageProblem: One could not be written; then all evidence is looked at next time, too.
    """
    missing = [clip.key for clip in found.unfinished if clip.key not in found.marked]
    for key in missing:
        ClipEvidence(store, key).mark_open()
    found.marked.update(missing)
    if found.walked:
        with contextlib.suppress(AlreadyThere):
            store.create(_NOTE, StoreNote(marked_since=datetime.now(UTC)).to_bytes())
    return len(missing)


Unmarked = Literal["unmarked", "driven", "unfinished"]


def unmark(context: Context, key: str) -> Unmarked:
    """Take away the marker of a clip that seems to be over, unless somebody drives it or its evidence says otherwise.

    Raises:
        StorageProblem: Its evidence cannot be read, or the marker not be deleted.
    """
    evidence = ClipEvidence(context.store, key)
    lease = Lease(context.store, key, context.worker)
    holding = lease.look()
    if not holding.vacant or not lease.take(holding):
        return "driven"
    unmarked = False
    try:
        state = evidence.state()
        if state.unfinished:
            return "unfinished"
        lease.guard()
        settle_clip(context.spending, evidence, state, context.provider_now())
        # Settling may have taken a while.
        lease.guard()
        evidence.unmark_open()
        unmarked = True
    except TakenOver:
        return "driven"
    finally:
        if unmarked:
            lease.discard()
        else:
            lease.release()
    return "unmarked"


@dataclass(frozen=True)
class Repaired:
    """What one night mended."""

    restored: int
    removed: int
    leases: int
    warnings: tuple[str, ...] = ()


def repair_markers(context: Context, known: Mapping[str, set[str]]) -> Repaired:
    """Make the markers agree with all evidence there is, and prune the leases of clips that are not open.

    `known` are the clips of the store with their files, as `keys_in` tells.

    Raises:
        StorageProblem: The store cannot be listed or written.
    """
    store, found = context.store, look(context.store)
    looked_at = found.marked | {clip.key for clip in found.unfinished}
    for key, names in known.items():
        # Looked at again, because the list is as old as the check of all clips that came before.
        if key not in looked_at and unfinished(names):
            clip = left_to_finish(store, key, names_of(store, key))
            found.unfinished += [clip] if clip else []
    restored, removed, warnings = mark(store, found), 0, list(found.warnings)
    for key in found.over:
        try:
            removed += unmark(context, key) == "unmarked"
        except StorageProblem as error:
            warnings.append(error.message)
    return Repaired(restored, removed, prune_leases(store, context.worker, found.marked), tuple(warnings))
