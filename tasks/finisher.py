"""Finishes clips that ended while nobody waited for them: `wan-video harvest` with their keys, a few at a time.

What is to be done lies in the store as notes, and a note is there until its clip is finished: a finisher that is killed
is followed by one that knows it, too, and others of the same store take up what it left. A process costs seconds of
processor time, so each clip is looked at once more before one is started for it: polling may have finished it, or
somebody may be about to.
"""

from __future__ import annotations

import contextlib
import logging
import math
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from footage.concurrency.boot_clock import boot_clock_s
from footage.errors import StorageProblem
from footage.evidence.clip_evidence import ClipEvidence
from footage.evidence.lease import DeadWatch, Lease, Worker
from footage.privacy.display import plain
from footage.privacy.redact import redact
from footage.push.receiver import Busy
from footage.push.wake_ups import has_note, noted, take_note, wake

if TYPE_CHECKING:
    from footage.storage import Store

logger = logging.getLogger("footage.push")

# Whoever waits for a clip takes its note away within this time.
GRACE_S = 12.0
# How often notes are looked for: of receivers that died, and of events that came while too much waited.
LOOK_EVERY_S = 60.0
# After a harvest that did not succeed; then the one by schedule has to do.
AGAIN_AFTER_S = (60.0, 300.0)
AT_ONCE = 8
# Beyond this an event has to be sent again.
MOST_WAITING = 1_000
# Of what a harvest says that did not succeed.
_SAID_CHARS = 2_000


class Finisher:
    """A thread that looks after what nobody else does; `flags` are those of the command line that it works for."""

    def __init__(
        self,
        worker: Worker,
        flags: Sequence[str],
        grace_s: float = GRACE_S,
        look_every_s: float = LOOK_EVERY_S,
        again_after_s: Sequence[float] = AGAIN_AFTER_S,
    ) -> None:
        """`worker` is this process; its store has the notes."""
        self._worker = worker
        self._store: Store = worker.store
        self._flags = flags
        self._grace_s = grace_s
        self._look_every_s = look_every_s
        self._again_after_s = again_after_s
        self._due_s: dict[str, float] = {}
        # How often a harvest of a clip did not succeed.
        self._failures: Counter[str] = Counter()
        # Of clips that somebody seems to drive: whether that one still lives.
        self._drivers: dict[str, DeadWatch] = {}
        self._changed = threading.Condition()
        self._ended = False
        self._thread = threading.Thread(target=self._run, name="footage-finisher", daemon=True)
        self._thread.start()

    def add(self, key: str) -> None:
        """Finish this clip soon, unless somebody takes its note away first.

        Raises:
            Busy: As many wait as may.
        """
        with self._changed:
            if key not in self._due_s and len(self._due_s) >= MOST_WAITING:
                raise Busy
            self._due_s.setdefault(key, time.monotonic() + self._grace_s)
            self._changed.notify()

    def stop(self) -> None:
        """End the thread; what it is doing is done first."""
        with self._changed:
            self._ended = True
            self._changed.notify()
        self._thread.join()

    def _run(self) -> None:
        look_s = time.monotonic()
        while True:
            if time.monotonic() >= look_s:
                self._take_over()
                look_s = time.monotonic() + self._look_every_s
            with self._changed:
                if not self._ended and not self._due():
                    until_s = min([look_s, *self._due_s.values()])
                    self._changed.wait(max(until_s - time.monotonic(), 0.0))
                if self._ended:
                    return
                keys = self._due()[:AT_ONCE]
                for key in keys:
                    del self._due_s[key]
            self._finish([key for key in keys if self._is_left(key)])

    def _take_over(self) -> None:
        """Look after the notes that are there: another receiver may have left them, and died."""
        try:
            keys = noted(self._store)
        except StorageProblem as error:
            logger.warning("Notes about clips that ended cannot be looked for: %s", error.message)
            return
        with contextlib.suppress(Busy):
            for key in keys:
                self.add(key)

    def _due(self) -> list[str]:
        now_s = time.monotonic()
        return [key for key, due_s in self._due_s.items() if due_s <= now_s]

    def _later(self, key: str, after_s: float) -> None:
        with self._changed:
            self._due_s[key] = time.monotonic() + after_s

    def _is_left(self, key: str) -> bool:
        """Whether a clip is to be finished here; who drives it is given time, and a note of no use is taken away."""
        try:
            if not has_note(self._store, key):
                self._forget(key)
                return False
            driven = self._is_driven(key)
            # After the lease: a run unmarks the clip that it finished before it gives that back.
            is_open = ClipEvidence(self._store, key).is_marked_open()
            if driven and is_open:
                self._later(key, self._grace_s)
                return False
            if not is_open:
                self._done_with(key)
            return is_open
        except StorageProblem as error:
            logger.warning("Clip %s, which ended, cannot be looked at: %s", key[:12], error.message)
            return False

    def _done_with(self, key: str) -> None:
        self._forget(key)
        take_note(self._store, key)

    def _forget(self, key: str) -> None:
        self._drivers.pop(key, None)
        self._failures.pop(key, None)

    def _is_driven(self, key: str) -> bool:
        holding = Lease(self._store, key, self._worker).look()
        watch = self._drivers.setdefault(key, DeadWatch(self._worker.lease_s))
        return not watch.vacant(holding, boot_clock_s())

    def _finish(self, keys: list[str]) -> None:
        if not keys:
            return
        names = ", ".join(key[:12] for key in keys)
        logger.info("Nobody waits for %s: a harvest finishes what was bought.", names)
        code, said = self._harvest(keys)
        if code == 0:
            logger.info("The harvest of %s ended with 0.", names)
        else:
            logger.warning("The harvest of %s ended with %d: %s", names, code, said)
        for key in keys:
            try:
                self._settle(key, succeeded=code == 0)
            except StorageProblem as error:
                logger.warning("The note about clip %s is still there: %s", key[:12], error.message)

    def _harvest(self, keys: list[str]) -> tuple[int, str]:
        """The exit code of a harvest of these clips, and the end of what it said."""
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
        try:
            ended = subprocess.run(
                [*command, *self._flags], stdin=subprocess.DEVNULL, capture_output=True, check=False
            )
        except OSError as error:
            return 1, str(error)
        return ended.returncode, plain(redact(ended.stderr.decode(errors="replace")))[-_SAID_CHARS:].strip()

    def _settle(self, key: str, *, succeeded: bool) -> None:
        """Take the note of a clip away that is finished; one that is not is tried again later, some times."""
        # One clip that fails makes the harvest of all of them fail.
        if succeeded or not ClipEvidence(self._store, key).is_marked_open():
            self._done_with(key)
            return
        failures = self._failures[key]
        if failures >= len(self._again_after_s):
            logger.warning("Clip %s is left to the harvest by schedule.", key[:12])
            self._done_with(key)
            return
        # The harvest itself takes it away where it waits for the clip.
        wake(self._store, key)
        self._failures[key] += 1
        self._later(key, self._again_after_s[failures])
