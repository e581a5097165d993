"""Finishes clips that ended while nobody waited for them: `wan-video harvest` with their keys, a few at a time.

What is to be done lies in the store as notes, so that a finisher that is killed is followed by one that knows it, too.
"""

from __future__ import annotations

import logging
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from footage.errors import StorageProblem
from footage.push.wake_ups import noted, take_note

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

    def __init__(self, store: Store, flags: Sequence[str], grace_s: float = GRACE_S) -> None:
        self._store = store
        self._flags = flags
        self._grace_s = grace_s
        self._due_s: dict[str, float] = {}
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
            self._finish(keys)

    def _due(self) -> list[str]:
        now_s = time.monotonic()
        return [key for key, due_s in self._due_s.items() if due_s <= now_s]

    def _until_next_s(self) -> float | None:
        return max(min(self._due_s.values()) - time.monotonic(), 0.0) if self._due_s else None

    def _finish(self, keys: list[str]) -> None:
        try:
            left = [key for key in keys if take_note(self._store, key)]
        except StorageProblem as error:
            logger.warning("Clips that ended cannot be looked for: %s", error.message)
            return
        if not left:
            return
        # A process of its own: a run of Prefect wants the main thread, and signals.
        command = [
            sys.executable,
            "-c",
            "from flows.cli import main; main()",
            "harvest",
            *left,
            "--wait",
            "60",
        ]
        code = subprocess.run(
            [*command, *self._flags], stdin=subprocess.DEVNULL, capture_output=True, check=False
        ).returncode
        names = ", ".join(key[:12] for key in left)
        logger.info("Nobody waited for %s: harvest ended with %d.", names, code)
