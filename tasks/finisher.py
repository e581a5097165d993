"""Finishes clips that ended while nobody waited for them: `wan-video harvest` with their keys, a few at a time.

What is to be done lies in the store as notes: a finisher that is killed is followed by one that knows it, too, and
others of the same store take up what it left. A process costs seconds of processor time, so each clip is looked at
before one is started for it: polling may have finished it, or somebody may be about to. Who took a note away may die
before it delivers, so a clip is looked after, with a note or without, until it is not open any more.
"""

from __future__ import annotations

import contextlib
import logging
import math
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from footage.concurrency.boot_clock import boot_clock_s
from footage.errors import StorageProblem
from footage.evidence.clip_evidence import ClipEvidence
from footage.evidence.lease import DeadWatch, Lease, Worker
from footage.privacy.display import plain
from footage.privacy.redact import redact
from footage.push.receiver import Busy
from footage.push.wake_ups import noted, take_note, wake

if TYPE_CHECKING:
    from footage.storage import Store

logger = logging.getLogger("footage.push")

# Whoever waits for a clip mostly delivers it within this time; who drives it longer is looked at less and less often.
GRACE_S = 12.0
_MOST_PAUSE_S = 300.0
# How often notes are looked for: of receivers that died, and of events that came while too much waited.
LOOK_EVERY_S = 60.0
# After a harvest that did not succeed; then the one by schedule has to do.
AGAIN_AFTER_S = (60.0, 300.0)
AT_ONCE = 8
# So that no clip that is not ready, or downloads slowly, holds up all others.
_HARVESTS_AT_ONCE = 4
# A harvest that takes longer is killed.
LIMIT_S = 1200.0
# Beyond this an event has to be sent again.
MOST_WAITING = 1_000
# Of what a harvest says that did not succeed.
_SAID_CHARS = 2_000


@dataclass
class _Ended:
    """A clip that ended, until it is not open any more."""

    # Infinite while a harvest of it is to begin or works.
    due_s: float
    # Until the next look at it, where somebody drives it.
    pause_s: float
    # Whether the one who drives it still lives.
    driver: DeadWatch
    # How often a harvest of it did not succeed.
    failures: int = 0


class Finisher:
    """Threads that look after what nobody else does; `flags` are those of the command line that it works for."""

    def __init__(
        self,
        worker: Worker,
        flags: Sequence[str],
        grace_s: float = GRACE_S,
        look_every_s: float = LOOK_EVERY_S,
        again_after_s: Sequence[float] = AGAIN_AFTER_S,
        limit_s: float = LIMIT_S,
    ) -> None:
        """`worker` is this process; its store has the notes."""
        self._worker = worker
        self._store: Store = worker.store
        self._flags = flags
        self._grace_s = grace_s
        self._look_every_s = look_every_s
        self._again_after_s = again_after_s
        self._limit_s = limit_s
        self._clips: dict[str, _Ended] = {}
        # Those of them that nobody drives.
        self._left: list[str] = []
        self._changed = threading.Condition()
        self._ended = False
        self._threads = [
            threading.Thread(target=work, name="footage-finisher", daemon=True)
            for work in (self._look, *[self._harvest_left] * _HARVESTS_AT_ONCE)
        ]
        for thread in self._threads:
            thread.start()

    def add(self, key: str) -> None:
        """Finish this clip soon, unless somebody else does.

        Raises:
            Busy: As many wait as may.
        """
        with self._changed:
            if key in self._clips:
                return
            if len(self._clips) >= MOST_WAITING:
                raise Busy
            due_s = time.monotonic() + self._grace_s
            self._clips[key] = _Ended(due_s, self._grace_s, DeadWatch(self._worker.lease_s))
            self._changed.notify_all()

    def stop(self) -> None:
        """End the threads; harvests that were begun are done first."""
        with self._changed:
            self._ended = True
            self._changed.notify_all()
        for thread in self._threads:
            thread.join()

    def _look(self) -> None:
        look_s = time.monotonic()
        while True:
            if time.monotonic() >= look_s:
                self._take_over()
                look_s = time.monotonic() + self._look_every_s
            with self._changed:
                if not self._ended and not self._due():
                    until_s = min([look_s, *(clip.due_s for clip in self._clips.values())])
                    self._changed.wait(max(until_s - time.monotonic(), 0.0))
                if self._ended:
                    return
                keys = self._due()[:AT_ONCE]
            left = [key for key in keys if self._is_left(key)]
            with self._changed:
                for key in left:
                    self._clips[key].due_s = math.inf
                self._left += left
                self._changed.notify_all()

    def _harvest_left(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._ended or self._left)
                if self._ended:
                    return
                keys, self._left = self._left[:AT_ONCE], self._left[AT_ONCE:]
            self._finish(keys)

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
        return [key for key, clip in self._clips.items() if clip.due_s <= now_s]

    def _later(self, key: str, after_s: float) -> None:
        with self._changed:
            self._clips[key].due_s = time.monotonic() + after_s
            self._changed.notify_all()

    def _is_left(self, key: str) -> bool:
        """Whether a clip is to be finished here; who drives it is given time, and a note of no use is taken away."""
        evidence, clip = ClipEvidence(self._store, key), self._clips[key]
        try:
            if evidence.is_marked_open() and self._is_driven(key):
                self._later(key, clip.pause_s)
                clip.pause_s = min(2 * clip.pause_s, _MOST_PAUSE_S)
                return False
            # Once more, after the lease: a run unmarks the clip that it finished before it gives that back.
            if not evidence.is_marked_open():
                self._done_with(key)
                return False
            # For whoever comes after this process: the one that died may have taken it away.
            wake(self._store, key)
        except StorageProblem as error:
            logger.warning("Clip %s, which ended, cannot be looked at: %s", key[:12], error.message)
            self._later(key, self._look_every_s)
            return False
        return True

    def _done_with(self, key: str) -> None:
        take_note(self._store, key)
        with self._changed:
            del self._clips[key]

    def _is_driven(self, key: str) -> bool:
        holding = Lease(self._store, key, self._worker).look()
        return not self._clips[key].driver.vacant(holding, boot_clock_s())

    def _finish(self, keys: list[str]) -> None:
        names = ", ".join(key[:12] for key in keys)
        logger.info("Nobody waits for %s: a harvest finishes what was bought.", names)
        failure = self._harvest(keys)
        if failure is None:
            logger.info("The harvest of %s ended with 0.", names)
        else:
            logger.warning("The harvest of %s %s", names, failure)
        for key in keys:
            try:
                self._settle(key, succeeded=failure is None)
            except StorageProblem as error:
                logger.warning("The note about clip %s is still there: %s", key[:12], error.message)
                self._later(key, self._look_every_s)

    def _harvest(self, keys: list[str]) -> str | None:
        """Finish these clips; how that did not succeed, with the end of what was said."""
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
                [*command, *self._flags],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                check=False,
                timeout=self._limit_s,
            )
        except subprocess.TimeoutExpired:
            return f"took longer than {self._limit_s:.0f} s, and was killed."
        except OSError as error:
            return f"could not begin: {error}"
        if ended.returncode == 0:
            return None
        said = plain(redact(ended.stderr.decode(errors="replace")))[-_SAID_CHARS:].strip()
        return f"ended with {ended.returncode}: {said}"

    def _settle(self, key: str, *, succeeded: bool) -> None:
        """Take the note of a clip away that is finished; one that is not is tried again later, some times."""
        # One clip that fails makes the harvest of all of them fail.
        if succeeded or not ClipEvidence(self._store, key).is_marked_open():
            self._done_with(key)
            return
        clip = self._clips[key]
        if clip.failures >= len(self._again_after_s):
            logger.warning("Clip %s is left to the harvest by schedule.", key[:12])
            self._done_with(key)
            return
        # The harvest itself takes it away where it waits for the clip.
        wake(self._store, key)
        self._later(key, self._again_after_s[clip.failures])
        clip.failures += 1
