"""One worker at a time drives a clip, across processes and machines, whatever their clocks say.

A worker beats by rewriting its own file `workers/<id>.json` every third of `lease_s`. It owns a clip while
it wrote the clip's highest `lease-<k>.json`. Others never compare clocks: a worker counts as dead when its
beat stayed the same for `lease_s` of the *observer's* monotonic time, when its file is gone, or when it is a
process of this very machine that no longer exists.

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
import os
import re
import secrets
import socket
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from footage.concurrency.boot_clock import boot_clock_s
from footage.concurrency.process_identity import gone, identity
from footage.errors import AlreadyThere, NotThere, StorageProblem, TakenOver
from footage.evidence.reader import BadRecord, RecordReader
from footage.evidence.records import LeaseRecord, Record, WorkerRecord

if TYPE_CHECKING:
    from footage.storage import Store

logger = logging.getLogger(__name__)

R = TypeVar("R", bound=Record)


_LEASE_FILE = re.compile(r"/lease-(\d{1,18})\.(json|released)$")


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

    def _run(self) -> None:
        while not self._stop.wait(self.lease_s / 3):
            try:
                self.beat()
            except StorageProblem as error:
                logger.warning("This worker could not show that it is alive: %s", error.message)


@dataclass(frozen=True)
class Holding:
    """Who holds the clip's highest lease, as read from the store."""

    number: int
    owner: str | None
    released: bool
    beat: int | None
    host_says_dead: bool
    # The holder's own setting: it may count on more time than we would give it.
    lease_s: float = 0.0

    @property
    def vacant(self) -> bool:
        """Whether the lease can be taken without waiting for anything."""
        return self.owner is None or self.released or self.beat is None or self.host_says_dead


class Lease:
    """The right to drive one clip."""

    def __init__(self, store: Store, key: str, worker: Worker) -> None:
        self.store = store
        self.folder = f"evidence/{key}"
        self.key = key
        self.worker = worker
        self.number = 0

    def look(self) -> Holding:
        """Who holds the clip now."""
        released: dict[int, bool] = {}
        for name in self.store.list(self.folder):
            match = _LEASE_FILE.search(name)
            if match:
                number = int(match[1])
                released[number] = released.get(number, False) or match[2] == "released"
        if not released:
            return Holding(0, None, released=True, beat=None, host_says_dead=False)
        highest = max(released)
        if released[highest]:
            return Holding(highest, None, released=True, beat=None, host_says_dead=False)
        # A lease decides who works, not who pays: one that says nothing readable is one that nobody holds.
        lease = _read(self.store, f"{self.folder}/lease-{highest}.json", LeaseRecord, number=highest)
        alive = lease and _read(self.store, f"workers/{lease.owner}.json", WorkerRecord, id=lease.owner)
        return Holding(
            highest,
            lease.owner if lease else None,
            released=False,
            beat=alive.beat if alive else None,
            host_says_dead=alive is not None and gone(alive.model_dump()),
            lease_s=alive.lease_s if alive else 0.0,
        )

    def take(self, after: Holding) -> bool:
        """Take the clip over from `after`; False when somebody else was quicker."""
        self.worker.start()
        number = after.number + 1
        # The random part keeps two clips of this very worker from both having "created" the same bytes.
        record = {"owner": self.worker.id, "number": number, "taken": secrets.token_hex(8)}
        try:
            self.store.create(f"{self.folder}/lease-{number}.json", json.dumps(record).encode())
        except AlreadyThere:
            return False
        self.number = number
        return True

    def guard(self) -> float:
        """Make sure that this worker may send, and return until when, by `boot_clock_s`.

        Raises:
            TakenOver: Somebody else drives the clip now.
            StorageProblem: The others cannot have seen this worker alive lately, so they may take over.
        """
        if boot_clock_s() - self.worker.last_beat_s > self.worker.lease_s / 6:
            self.worker.beat()
        # Counted from a beat before the look: a beat after a long pause says nothing about what was looked at.
        until_s = self.worker.last_beat_s + self.worker.lease_s / 2
        holding = self.look()
        if holding.number != self.number:
            raise TakenOver(
                f"Clip {self.key[:12]} was taken over by {holding.owner or 'another worker'}.", key=self.key
            )
        if boot_clock_s() > until_s:
            raise StorageProblem(
                f"The store is too slow to prove that this worker still owns clip {self.key[:12]}; "
                "nothing was sent.",
                next_step="check the store, then run the same command again",
            )
        return until_s

    def release(self) -> None:
        """Give the clip back; whoever wants it next need not wait."""
        if not self.number:
            return
        number, self.number = self.number, 0
        # If the store is away, others wait out `lease_s` instead.
        with contextlib.suppress(StorageProblem):
            self.store.create(f"{self.folder}/lease-{number}.released", self.worker.id.encode())


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


def _read(store: Store, path: str, kind: type[R], **expected: Any) -> R | None:
    with contextlib.suppress(NotThere, BadRecord):
        return RecordReader(store).record(path, kind, **expected)
    return None


def _safe(name: str) -> str:
    # A host's name may have any letters, a path in the store only these.
    return re.sub(r"[^A-Za-z0-9.-]", "-", name)[:60]
