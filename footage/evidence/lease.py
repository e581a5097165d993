"""One worker at a time drives a clip, across processes and machines, whatever their clocks say.

A worker beats by rewriting its own file `workers/<id>.json` every third of `lease_s`. It owns a clip while
it wrote the clip's highest `leases/<key>/<n>.json`, and gives it back with `<n>.released`, which says the same.
Others never compare clocks: a worker counts as dead when its beat stayed the same for `lease_s` of the
*observer's* monotonic time, when its file is gone, or when it is a process of this very machine that no longer
exists.

The leases of a clip go when nothing of it is open any more, so they may be missing at any time: deleted by a
worker that looked too early, by a person, with a restored backup. Then numbers begin anew, and two workers may
each have had the right to send. Three things keep that from costing money: a worker sends only while the highest
lease is the very one that it wrote; nobody concludes that a create was never sent before its writer's right to
send has ended (`silent_from_s`); and only a worker that is still the owner writes such a conclusion down.

A lease saves work, not money. What keeps two workers from buying the same clip is the exclusive
`intent.json`; the lease makes sure that the writer of an intent cannot still be about to send when somebody
else concludes that it never did: it sends only while its beat is younger than half of `lease_s`, and others
wait for `lease_s` and then for the reconciliation's grace. A process that was paused or a machine that slept
finds its time to send over when it wakes up.
"""

from __future__ import annotations

import contextlib
import json
import logging
import math
import os
import re
import secrets
import socket
import threading
from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from footage.concurrency.boot_clock import boot_clock_s
from footage.concurrency.process_identity import gone, identity
from footage.errors import AlreadyThere, BadRecord, NotThere, StorageProblem, TakenOver
from footage.evidence.reader import RecordReader
from footage.evidence.records import Intent, LeaseRecord, Record, WorkerRecord

if TYPE_CHECKING:
    from footage.storage import Store

logger = logging.getLogger(__name__)

R = TypeVar("R", bound=Record)


_LEASE_FILE = re.compile(r"leases/[0-9a-z]+/([0-9]{1,18})\.(json|released)")
# So that the next one has a number that is read as well; a worker that looks every second takes thirty years.
MOST_LEASES = 999_999_999


class Worker:
    """This process as others see it: an id, and a beat that tells that it lives."""

    def __init__(self, store: Store, lease_s: float) -> None:
        self.store = store
        self.lease_s = lease_s
        self.id = f"{_safe(socket.gethostname())}-{os.getpid()}-{secrets.token_hex(4)}"
        self._beat = 0
        # When others last saw this worker alive, by `boot_clock_s`.
        self.last_beat_s = float("-inf")
        self._thread: threading.Thread | None = None
        self._stop = threading.Event()
        self._starting = threading.Lock()
        self._beating = threading.Lock()
        # Leases that nobody here holds and that may still be in the store, by their paths.
        self._to_give_back: dict[str, bytes] = {}

    @property
    def path(self) -> str:
        return f"workers/{self.id}.json"

    def start(self) -> None:
        """Begin to beat; returns after the first beat is in the store."""
        with self._starting:
            if self._thread is not None:
                return
            self.beat()
            self._thread = threading.Thread(target=self._run, name="footage-beat", daemon=True)
            self._thread.start()

    def beat(self) -> None:
        """Show that this worker lives."""
        with self._beating:
            # Taken before the write: a slow store must make the beat look older, never younger.
            asked = boot_clock_s()
            self._beat += 1
            record = {**identity(), "id": self.id, "beat": self._beat, "lease_s": self.lease_s}
            self.store.replace(self.path, json.dumps(record).encode())
            self.last_beat_s = asked

    def stop(self) -> None:
        """Stop beating and remove the file; leases still held pass to others at once."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
            # If the store is away, others wait out `lease_s` instead.
            with contextlib.suppress(StorageProblem):
                self.store.delete(self.path)

    def give_back_later(self, path: str, lease: bytes) -> None:
        """Give back a lease that the store does not take back now: while this worker lives, nobody would take it."""
        self._to_give_back[path] = lease

    def _run(self) -> None:
        while not self._stop.wait(self.lease_s / 3):
            try:
                self.beat()
            except StorageProblem as error:
                logger.warning("This worker could not show that it is alive: %s", error.message)
                continue
            for path, lease in [*self._to_give_back.items()]:
                with contextlib.suppress(StorageProblem):
                    _give_back(self.store, path, lease)
                    self._to_give_back.pop(path, None)


@dataclass(frozen=True)
class Holding:
    """Who holds the clip's highest lease, or held it last, as read from the store."""

    number: int
    owner: str | None
    released: bool
    beat: int | None
    host_says_dead: bool
    # The holder's own setting: it may count on more time than we would give it.
    lease_s: float = 0.0
    # Every lease file of the clip, in the order in which they may be deleted.
    files: tuple[str, ...] = ()

    @property
    def vacant(self) -> bool:
        """Whether the lease can be taken without waiting for anything."""
        return self.owner is None or self.released or self.beat is None or self.host_says_dead


NOBODY = Holding(0, None, released=True, beat=None, host_says_dead=False)


class Lease:
    """The right to drive one clip."""

    def __init__(self, store: Store, key: str, worker: Worker) -> None:
        self.store = store
        self.folder = f"leases/{key}"
        self.key = key
        self.worker = worker
        self.number = 0
        # What this worker wrote when it took the clip, when that was (boot_clock_s), and what was there before.
        self._mine = b""
        self._taken_s = 0.0
        self._before = NOBODY

    def look(self) -> Holding:
        """Who holds the clip now."""
        files = self._files()
        if not files:
            return NOBODY
        number = files[-1][0]
        # A lease decides who works, not who pays: one that says nothing readable is one that nobody holds.
        lease = _read(self.store, self._path(number, "json"), LeaseRecord, number=number)
        released = any(kind == "released" for at, kind in files if at == number) and lease == _read(
            self.store, self._path(number, "released"), LeaseRecord
        )
        alive = None
        if lease is not None and not released:
            alive = _read(self.store, f"workers/{lease.owner}.json", WorkerRecord, id=lease.owner)
        return Holding(
            number,
            lease.owner if lease else None,
            released=released,
            beat=alive.beat if alive else None,
            host_says_dead=alive is not None and gone(alive.model_dump()),
            lease_s=alive.lease_s if alive else 0.0,
            files=tuple(self._path(*file) for file in files),
        )

    def _files(self) -> list[tuple[int, str]]:
        """Number and kind of every lease file of the clip, ascending; of each number the lease comes first."""
        matches = (_LEASE_FILE.fullmatch(name) for name in self.store.list(self.folder))
        return sorted((int(match[1]), match[2]) for match in matches if match)

    def _path(self, number: int, kind: str) -> str:
        return f"{self.folder}/{number}.{kind}"

    def take(self, after: Holding) -> bool:
        """Take the clip over from `after`; False when somebody else was quicker.

        Raises:
            BadRecord: The lease that is there leaves no number for another.
        """
        self.worker.start()
        number = after.number + 1
        if number > MOST_LEASES:
            RecordReader(self.store).refuse(after.files[-1], f"no lease has a number above {MOST_LEASES:,}")
        # The random part keeps two clips of this very worker from both having "created" the same bytes.
        mine = LeaseRecord(owner=self.worker.id, number=number, taken=secrets.token_hex(8)).to_bytes()
        try:
            self.store.create(self._path(number, "json"), mine)
        except AlreadyThere:
            return False
        except StorageProblem:
            # It may have been written all the same.
            self.worker.give_back_later(self._path(number, "json"), mine)
            raise
        self.number, self._mine, self._before = number, mine, after
        self._taken_s = boot_clock_s()
        return True

    def guard(self) -> float:
        """Make sure that this worker may send, and return until when, by `boot_clock_s`.

        Raises:
            TakenOver: Somebody else drives the clip now, or may do so because this worker's lease is gone.
            StorageProblem: The others cannot have seen this worker alive lately, so they may take over.
        """
        if boot_clock_s() - self.worker.last_beat_s > self.worker.lease_s / 6:
            self.worker.beat()
        # Counted from a beat before the look: a beat after a long pause says nothing about what was looked at.
        until_s = self.worker.last_beat_s + self.worker.lease_s / 2
        if not self._is_highest():
            raise self._taken_over()
        if boot_clock_s() > until_s:
            raise StorageProblem(
                f"The store is too slow to prove that this worker still owns clip {self.key[:12]}; "
                "nothing was sent.",
                next_step="check the store, then run the same command again",
            )
        return until_s

    def require_newest(self, *, seen_within_s: float) -> None:
        """Step back where a newer lease is there; not looked for so soon after ours was taken.

        Raises:
            TakenOver: As for `guard`, which alone allows to send.
        """
        if boot_clock_s() - self._taken_s >= seen_within_s and not self._is_newest():
            raise self._taken_over()

    def _taken_over(self) -> TakenOver:
        owner = self.look().owner
        whose = f"was taken over by {owner}" if owner else "may be anybody's, because its lease is gone"
        return TakenOver(f"Clip {self.key[:12]} {whose}.", key=self.key)

    def _is_newest(self) -> bool:
        files = self._files()
        return bool(files) and files[-1][0] == self.number

    def _is_highest(self) -> bool:
        if not self._is_newest():
            return False
        with contextlib.suppress(NotThere):
            return (
                self.store.read(self._path(self.number, "json"), max_bytes=len(self._mine) + 1) == self._mine
            )
        return False

    def silent_from_s(self, intent: Intent) -> float:
        """From when on, by `boot_clock_s`, the writer of `intent` can no longer be about to send it.

        At once where this worker took the clip over from that very lease, or the writer's process is over. Else
        nobody waited for it to die, and its last right to send, which is older than our lease, has to run out.
        """
        if (self._before.owner, self._before.number) == (intent.owner, intent.lease):
            return self._taken_s
        lease_s = self.worker.lease_s
        try:
            writer = RecordReader(self.store).record(f"workers/{intent.owner}.json", WorkerRecord)
        except NotThere:
            # An intent that had to be made up from its receipt names nobody.
            return self._taken_s + (0.0 if intent.owner else lease_s)
        except StorageProblem:
            return self._taken_s + lease_s
        if gone(writer.model_dump()):
            return self._taken_s
        return self._taken_s + max(lease_s, writer.lease_s)

    def release(self) -> None:
        """Give the clip back; whoever wants it next need not wait."""
        if not self.number:
            return
        number, self.number = self.number, 0
        try:
            self.store.create(self._path(number, "released"), self._mine)
            # However often a clip is looked at, only the last who had it leaves something behind.
            for path in self._before.files:
                self.store.delete(path)
        except StorageProblem:
            self.worker.give_back_later(self._path(number, "json"), self._mine)

    def discard(self) -> None:
        """Give back a clip of which nothing is left to do: who wants it finds it finished, and needs no lease."""
        if not self.number:
            return
        number, self.number = self.number, 0
        # What stays behind is pruned. Ours goes last: until then nobody else takes an older one over.
        try:
            for path in (*self._before.files, self._path(number, "json")):
                self.store.delete(path)
        except StorageProblem:
            self.worker.give_back_later(self._path(number, "json"), self._mine)


def prune_leases(store: Store, worker: Worker, keep: Collection[str]) -> int:
    """Delete the leases that nobody holds, except those of the clips in `keep`; how many clips had some.

    Raises:
        StorageProblem: The store cannot be listed or written.
    """
    pruned = 0
    for key in sorted({name.split("/")[1] for name in store.list("leases/")} - set(keep)):
        holding = Lease(store, key, worker).look()
        if not holding.files or not holding.vacant:
            continue
        for path in holding.files:
            store.delete(path)
        pruned += 1
    return pruned


class DeadWatch:
    """Tells by our own clock alone whether the holder of a lease still beats."""

    def __init__(self, lease_s: float) -> None:
        self.lease_s = lease_s
        self._seen: tuple[int, int | None] | None = None
        self._since = 0.0

    def vacant(self, holding: Holding, now_s: float) -> bool:
        """Whether the lease may be taken at `now_s` of `boot_clock_s`."""
        if holding.vacant:
            return True
        seen = (holding.number, holding.beat)
        if seen != self._seen:
            self._seen, self._since = seen, now_s
        return now_s - self._since >= max(self.lease_s, holding.lease_s)


class LiveWorkers:
    """Workers that this process has seen to beat, so that who drives a thousand clips is waited for once."""

    def __init__(self) -> None:
        self._seen: dict[str | None, tuple[int | None, float]] = {}

    def shows(self, holding: Holding, now_s: float) -> bool:
        """Whether the holder's beat moved between two looks, the later one less than a lease before `now_s`."""
        beat, moved_s = self._seen.get(holding.owner, (holding.beat, -math.inf))
        if holding.beat != beat:
            moved_s = now_s
        self._seen[holding.owner] = (holding.beat, moved_s)
        return now_s - moved_s < holding.lease_s


def _give_back(store: Store, path: str, lease: bytes) -> None:
    """Say that a lease is given back, where it is there."""
    with contextlib.suppress(NotThere, AlreadyThere):
        if store.read(path, max_bytes=len(lease) + 1) == lease:
            store.create(f"{path.removesuffix('.json')}.released", lease)


def _read(store: Store, path: str, kind: type[R], **expected: Any) -> R | None:
    with contextlib.suppress(NotThere, BadRecord):
        return RecordReader(store).record(path, kind, **expected)
    return None


def _safe(name: str) -> str:
    # A host's name may have any letters, a path in the store only these.
    return re.sub(r"[^A-Za-z0-9.-]", "-", name)[:60]
