"""Finishes clips that ended while nobody waited for them: `wan-video harvest` with their keys, a few at a time.

What is to be done lies in the store as notes, so that a finisher that is killed is followed by one that knows it, too.
A process costs seconds of processor time, so each clip is looked at once more before one is started for it: polling may
have finished it, or somebody may be about to.
"""

from __future__ import annotations

import logging
import math
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from footage.concurrency.boot_clock import boot_clock_s
from footage.errors import StorageProblem
from footage.evidence.clip_evidence import ClipEvidence
from footage.evidence.lease import DeadWatch, Lease, Worker
from footage.push.wake_ups import has_note, noted, take_note

if TYPE_CHECKING:
    from footage.storage import Store

logger = logging.getLogger("footage.push")

# Whoever waits for a clip takes its note away within this time.
GRACE_S = 12.0
AT_ONCE = 8
# Beyond this the harvest by schedule has to do.
MOST_WAITING = 1_000


class Finisher:
    """A thread that looks after what nobody else does; `flags` are those of the command line that it works for."""

    def __init__(self, worker: Worker, flags: Sequence[str], grace_s: float = GRACE_S) -> None:
        """`worker` is this process; its store has the notes."""
        self._worker = worker
        self._store: Store = worker.store
        self._flags = flags
        self._grace_s = grace_s
        self._due_s: dict[str, float] = {}
        # Of clips that somebody seems to drive: whether that one still lives.
        self._drivers: dict[str, DeadWatch] = {}
        self._changed = threading.Condition()
        self._ended = False
        self._thread = threading.Thread(target=self._run, name="footage-finisher", daemon=True)
        self._thread.start()
        self._take_over()

    def _take_over(self) -> None:
        """Look after the notes that are there already: a receiver that was killed left them."""
        try:
            for key in noted(self._store):
                self.add(key)
        except StorageProblem as error:
            logger.warning("Notes of an earlier receiver cannot be looked for: %s", error.message)

    def add(self, key: str) -> None:
        """Finish this clip soon, unless somebody takes its note away first."""
        with self._changed:
            if len(self._due_s) < MOST_WAITING:
                self._due_s.setdefault(key, time.monotonic() + self._grace_s)
                self._changed.notify()

    def stop(self) -> None:
        """End the thread; what it is doing is done first."""
        with self._changed:
            self._ended = True
            self._changed.notify()
        self._thread.join()

    def _run(self) -> None:
        while True:
            with self._changed:
                while not self._ended and not self._due():
                    self._changed.wait(self._until_next_s())
                if self._ended:
                    return
                keys = self._due()[:AT_ONCE]
                for key in keys:
                    del self._due_s[key]
            self._finish([key for key in keys if self._take_up(key)])

    def _due(self) -> list[str]:
        now_s = time.monotonic()
        return [key for key, due_s in self._due_s.items() if due_s <= now_s]

    def _until_next_s(self) -> float | None:
        return max(min(self._due_s.values()) - time.monotonic(), 0.0) if self._due_s else None

    def _take_up(self, key: str) -> bool:
        """Take a clip's note, and whether it is to be finished here; who drives it is given time and left the note."""
        try:
            if not has_note(self._store, key):
                self._drivers.pop(key, None)
                return False
            driven = self._is_driven(key)
            # After the lease: a run unmarks the clip that it finished before it gives that back.
            is_open = ClipEvidence(self._store, key).is_marked_open()
            if driven and is_open:
                self.add(key)
                return False
            self._drivers.pop(key, None)
            return take_note(self._store, key) and is_open
        except StorageProblem as error:
            logger.warning("Clip %s, which ended, cannot be looked at: %s", key[:12], error.message)
            return False

    def _is_driven(self, key: str) -> bool:
        holding = Lease(self._store, key, self._worker).look()
        watch = self._drivers.setdefault(key, DeadWatch(self._worker.lease_s))
        return not watch.vacant(holding, boot_clock_s())

    def _finish(self, keys: list[str]) -> None:
        if not keys:
            return
        # A process of its own: a run of Prefect wants the main thread, and signals.
        command = [
            sys.executable,
            "-c",
            "from flows.cli import main; main()",
            "harvest",
            *keys,
            "--wait",
            str(math.ceil(max(60.0, 2 * self._worker.lease_s))),
        ]
        code = subprocess.run(
            [*command, *self._flags], stdin=subprocess.DEVNULL, capture_output=True, check=False
        ).returncode
        names = ", ".join(key[:12] for key in keys)
        logger.info("Nobody waited for %s: harvest ended with %d.", names, code)
