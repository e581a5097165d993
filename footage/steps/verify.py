"""Recompute everything that proves a clip: its records, what they say of each other, and the bytes of its files."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field

from footage.errors import BadRecord, NotThere, StorageProblem
from footage.evidence.clip_evidence import GROWING, ClipEvidence
from footage.evidence.delivered_records import LabelledRecord, LastFrameRecord, ResultRecord, StoredFile
from footage.evidence.reader import RecordReader
from footage.evidence.records import CancelWish, Count, Key, LeaseRecord, Moment, Record
from footage.evidence.stored_clips import keys_in
from footage.evidence.stored_files import videos_of
from footage.evidence.stored_order import stored_order
from footage.steps.clip_marks import lost_by_conversion

if TYPE_CHECKING:
    from footage.evidence.state import ClipState
    from footage.storage import Store

logger = logging.getLogger(__name__)

# What the last night left off at, and which clips it had seen.
_NIGHTS = "verified.json"
# Reading the records of a clip takes a dozen questions to the store.
CLIPS_A_NIGHT = 1_000
# By so many characters of its key a clip is known to have been looked at, and so many clips fit into the record.
_SHORT = 8
MOST_SEEN = 120_000
# More damaged clips are not kept in mind: it is the store that is damaged, and the row comes by all of them.
MOST_DAMAGED = 1_000
_LABELLED_AGAIN = "It is drawn again for who asks for the visible label."
_DECODED_AGAIN = "It is decoded again for a shot that starts from it."
_STILL_DAMAGED = "was damaged on an earlier night, and had no turn in this one"


@dataclass
class Verified:
    """What was found about one clip; `problems` is empty where everything fits."""

    key: str
    finished: bool = False
    problems: list[str] = field(default_factory=list[str])
    read_bytes: int = 0

    def to_json(self) -> dict[str, Any]:
        return {"key": self.key, "finished": self.finished, "problems": self.problems}


def verify_clip(store: Store, key: str, *, read_videos: bool = True) -> Verified:
    """Check one clip; writes nothing and asks no provider.

    `read_videos` reads the bytes of every video; else those whose SHA-256 the store keeps are not read.

    Raises:
        NotThere: There is no such clip.
    """
    evidence = ClipEvidence(store, key)
    found = Verified(key)

    def attempt_to(look: Callable[[], None]) -> None:
        try:
            look()
        except StorageProblem as error:
            found.problems.append(error.message)

    try:
        names = store.list(evidence.folder)
    except StorageProblem as error:
        found.problems.append(error.message)
        return found
    if not names:
        raise NotThere(f"There is no clip {key} in {store.url}.", key=key)
    attempt_to(lambda: _verify_order(evidence))
    attempt_to(lambda: _verify_wishes(evidence, names))
    states: list[ClipState] = []
    attempt_to(lambda: states.append(evidence.state()))
    for state in states:
        found.finished = state.result is not None
        videos = _videos(evidence, state, attempt_to)
        for video in videos:
            attempt_to(lambda video=video: _verify_video(store, video, found, read=read_videos))
        attempt_to(
            lambda videos=videos: found.problems.extend(lost_by_conversion(store, videos, read=read_videos))
        )
        attempt_to(
            lambda: _verify_made_again(
                store, evidence.labelled(), found, read=read_videos, then=_LABELLED_AGAIN
            )
        )
        attempt_to(
            lambda: _verify_made_again(
                store, evidence.last_frame(), found, read=read_videos, then=_DECODED_AGAIN
            )
        )
        attempt_to(lambda state=state: _verify_pictures(store, state))
        attempt_to(lambda state=state: _verify_task(evidence, state))
    if f"{evidence.folder}/result.json" in names:
        attempt_to(lambda: found.problems.extend(_differences(evidence)))
    found.problems = list(dict.fromkeys(found.problems))
    return found


def _videos(
    evidence: ClipEvidence, state: ClipState, attempt_to: Callable[[Callable[[], None]], None]
) -> list[StoredFile]:
    videos: list[StoredFile] = []
    attempt_to(lambda: videos.extend(videos_of(evidence, state.result, state.delivered)))
    return videos


def _verify_order(evidence: ClipEvidence) -> None:
    order = stored_order(evidence)
    if order.image is not None:
        path = f"{evidence.folder}/{order.image.file_name}"
        if (
            hashlib.sha256(evidence.kept_file(order.image.file_name)).hexdigest()
            != order.image.prepared_sha256
        ):
            evidence.reader.refuse(path, "it is not the image that was prepared for this clip")

    for medium in order.media:
        kept = evidence.kept_file(medium.file_name)
        if hashlib.sha256(kept).hexdigest() != medium.prepared_sha256:
            path = f"{evidence.folder}/{medium.file_name}"
            evidence.reader.refuse(path, "it is not the medium that was prepared for this clip")


def _verify_wishes(evidence: ClipEvidence, names: Iterable[str]) -> None:
    """The records that say all they are needed for in their names."""
    for path in names:
        name = path.removeprefix(f"{evidence.folder}/")
        kind: type[Record] | None = None
        expected: dict[str, Any] = {"key": evidence.key}
        if name.startswith(("cancel-", "override-")):
            kind = CancelWish
        elif name.startswith("lease-") and name.endswith(".json"):
            number = name.removeprefix("lease-").removesuffix(".json")
            kind, expected = LeaseRecord, {"number": int(number) if number.isdecimal() else None}
        if kind is not None:
            evidence.reader.record(path, kind, **expected)


def _verify_video(store: Store, video: StoredFile, found: Verified, *, read: bool) -> None:
    facts = store.facts(video.path)
    if facts is None:
        raise StorageProblem(f"{store.url}/{video.path} is gone.")
    if facts.size_bytes != video.size_bytes:
        raise StorageProblem(
            f"{store.url}/{video.path} has {facts.size_bytes:,} bytes, and {video.size_bytes:,} were delivered."
        )
    sha256 = None if read else facts.sha256
    if sha256 is None:
        found.read_bytes += facts.size_bytes
        sha256 = store.sha256(video.path, read=True)
    if sha256 != video.sha256:
        # Reading it at each request would cost what the store is for.
        unnoticed = " What is noted beside it says otherwise: delete it, and the next request replaces it."
        raise StorageProblem(
            f"{store.url}/{video.path} has other bytes than were delivered."
            f"{unnoticed if facts.sha256 == video.sha256 else ''}"
        )


def _verify_made_again(
    store: Store,
    record: LabelledRecord | LastFrameRecord | None,
    found: Verified,
    *,
    read: bool,
    then: str,
) -> None:
    """What was made from the clip since, if it was; `then` says when it is made again."""
    if record is None:
        return
    try:
        _verify_video(store, record.file, found, read=read)
    except StorageProblem as error:
        raise StorageProblem(f"{error.message} {then}") from error


def _verify_pictures(store: Store, state: ClipState) -> None:
    stored = state.result or state.delivered
    for path in (stored.files.poster, stored.files.sheet) if stored else ():
        if path and store.facts(path) is None:
            raise StorageProblem(f"{store.url}/{path} is gone.")


def _verify_task(evidence: ClipEvidence, state: ClipState) -> None:
    """The receipt and the result are about the same task."""
    result = state.result
    if result is None:
        return
    tasks = {attempt.receipt.task_id for attempt in state.attempts if attempt.receipt}
    if result.clip.task_id not in tasks:
        evidence.reader.refuse(
            f"{evidence.folder}/result.json", f"no receipt is about its task {result.clip.task_id}"
        )


def _differences(evidence: ClipEvidence) -> list[str]:
    """What is no longer as the result's manifest has it."""
    result = evidence.reader.record(f"{evidence.folder}/result.json", ResultRecord, key=evidence.key)
    problems: list[str] = []
    for name, sha256 in sorted(result.evidence_sha256.items()):
        # In evidence of 0.1.0 the answers are part of it, and they may have grown since.
        if name.endswith(GROWING):
            continue
        path = f"{evidence.folder}/{name}"
        try:
            if hashlib.sha256(evidence.store.read(path)).hexdigest() != sha256:
                problems.append(f"{evidence.store.url}/{path} was changed after the clip was sealed.")
        except StorageProblem as error:
            problems.append(error.message)
    return problems


@dataclass(frozen=True)
class Night:
    """What one nightly look found; `clips` are those that it knows something of, with the damaged ones of before."""

    clips: int
    read_bytes: int
    damaged: tuple[Verified, ...]


class _Memory(Record):
    """`verified.json`: where the last night stopped, and the finished clips that there were, by short key."""

    at: Moment | None = None
    cursor: str = ""
    # Their first characters, one after the other: a list of a hundred thousand would be no small record.
    seen: Annotated[str, Field(pattern=r"^[0-9a-f]*$")] = ""
    clips: Count = 0
    damaged: list[Key] = Field(default_factory=list[str])


def verify_tonight(store: Store, most_bytes: int, known: Mapping[str, set[str]] | None = None) -> Night:
    """Check what was damaged and what is new, then go on where the last night stopped, for at most `most_bytes`.

    `known` is what `keys_in` told of this store, where that was asked already. The video of a clip that is new is not
    read where the store keeps its SHA-256 beside it. One clip of each kind is always checked. A clip that was damaged
    counts as that until it was found whole.

    Raises:
        StorageProblem: The store cannot be listed or written.
    """
    finished = sorted(key for key, names in (known or keys_in(store)).items() if "result.json" in names)
    memory = _remembered(store)
    seen = {memory.seen[at : at + _SHORT] for at in range(0, len(memory.seen), _SHORT)}
    there = set(finished)
    # Half of the night at most, so that the others have their turn whatever is damaged.
    known_damaged = dict.fromkeys(key for key in memory.damaged if key in there)
    looked_at = _look(store, known_damaged, most_bytes // 2, CLIPS_A_NIGHT // 2)
    # In a store of more clips than can be remembered all have their turn in the row.
    new = [key for key in finished if key[:_SHORT] not in seen] if len(finished) <= MOST_SEEN else []
    row = [key for key in finished if key > memory.cursor] + [key for key in finished if key <= memory.cursor]
    others = [key for key in dict.fromkeys([*new, *row]) if key not in looked_at]
    left_bytes = most_bytes - sum(found.read_bytes for found in looked_at.values())
    looked_at |= _look(store, others, left_bytes, CLIPS_A_NIGHT - len(looked_at), unread=frozenset(new))

    went_by = [key for key in others if key in looked_at and (key[:_SHORT] in seen or not new)]
    damaged = [found for found in looked_at.values() if found.problems]
    # Those whose turn it was not are the first of the next night.
    still = [Verified(key, True, [_STILL_DAMAGED]) for key in known_damaged if key not in looked_at]
    checked_now = [key[:_SHORT] for key in finished if key[:_SHORT] in seen or key in looked_at]
    memory = _Memory(
        at=datetime.now(UTC),
        cursor=went_by[-1] if went_by else memory.cursor,
        seen="".join(checked_now) if len(finished) <= MOST_SEEN else "",
        clips=len(looked_at),
        damaged=[clip.key for clip in (*still, *damaged)][:MOST_DAMAGED],
    )
    store.replace(_NIGHTS, memory.model_dump_json().encode())
    read_bytes = sum(found.read_bytes for found in looked_at.values())
    return Night(len(looked_at) + len(still), read_bytes, (*damaged, *still))


def _look(
    store: Store, keys: Iterable[str], most_bytes: int, most: int, unread: frozenset[str] = frozenset()
) -> dict[str, Verified]:
    """What is found about the first of `keys`, at least about one; the videos of `unread` are not read if possible."""
    looked_at: dict[str, Verified] = {}
    read_bytes = 0
    for key in keys:
        if looked_at and (read_bytes >= most_bytes or len(looked_at) >= most):
            break
        looked_at[key] = found = verify_clip(store, key, read_videos=key not in unread)
        read_bytes += found.read_bytes
    return looked_at


@dataclass(frozen=True)
class LastNight:
    """What the newest nightly check left behind."""

    at: datetime
    clips: int
    damaged: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        return {
            "at": self.at.isoformat(timespec="seconds"),
            "clips": self.clips,
            "damaged": list(self.damaged),
        }


def last_night(store: Store) -> LastNight | None:
    """What the newest nightly check of this store found; None where there was none.

    Raises:
        StorageProblem: The store cannot be read.
    """
    memory = _remembered(store)
    return None if memory.at is None else LastNight(memory.at, memory.clips, tuple(memory.damaged))


def _remembered(store: Store) -> _Memory:
    try:
        return RecordReader(store).record(_NIGHTS, _Memory)
    except (NotThere, BadRecord):
        # Without it everything counts as new, and is checked within the same bounds.
        return _Memory()
