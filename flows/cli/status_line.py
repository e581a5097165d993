"""How long a command has been silent, and when something is tried again: told while nothing else is.

On a terminal it is one line, written over and over and wiped before anything else is printed; elsewhere a line of its
own each time. Nothing of it gets into a log file or into Prefect's database.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

# Nobody should wonder for more than three seconds.
EVERY_S = 2.5
# Without a terminal each of them stays.
EVERY_LINE_S = 2.9

_WIPED = "\r\x1b[2K"


class StatusLine:
    """Written through `write`, which must not fail; `rewritten` on a terminal, where lines can be wiped."""

    def __init__(
        self, write: Callable[[str], object], *, rewritten: bool, every_s: float | None = None
    ) -> None:
        self._write = write
        self._rewritten = rewritten
        self._every_s = every_s or (EVERY_S if rewritten else EVERY_LINE_S)
        # Held by whoever prints. Reentrant, because a signal may come while its own thread prints.
        self.lock = threading.RLock()
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None
        self._said_s = self._told_s = time.monotonic()
        self._stands = False
        self._unended = False
        # When each clip that waits is tried again; None for what is about no clip.
        self._pauses: dict[str | None, float] = {}

    def start(self) -> None:
        """Begin to break silences; again, it changes nothing."""
        with self.lock:
            if self._thread is None and not self._ended.is_set():
                self._thread = threading.Thread(target=self._run, daemon=True)
                self._thread.start()

    def end(self) -> None:
        """Wipe what stands and stay silent from now on."""
        self._ended.set()
        with self.lock:
            self._wipe()

    def make_way(self, text: str) -> None:
        """Wipe what stands, because `text` is printed next; call it with the lock held."""
        self._wipe()
        self._said_s = self._told_s = time.monotonic()
        # A question is answered on the line on which it stands.
        self._unended = bool(text) and not text.endswith("\n")

    def hold(self) -> None:
        """Wipe what stands and tell nothing until something else is printed: a person types."""
        with self.lock:
            self._wipe()
            self._unended = True

    def note_pause(self, clip: str | None, pause_s: float | None) -> None:
        """What was said about this clip was that it is tried again in `pause_s`, or something else: None."""
        with self.lock:
            self._pauses.pop(clip, None)
            if pause_s is not None:
                self._pauses[clip] = time.monotonic() + pause_s

    def forget_pauses(self) -> None:
        """The command went on to something else."""
        with self.lock:
            self._pauses.clear()

    def _run(self) -> None:
        while not self._ended.wait(max(0.01, self._told_s + self._every_s - time.monotonic())):
            with self.lock:
                now_s = time.monotonic()
                if now_s - self._told_s >= self._every_s and not self._ended.is_set():
                    self._told_s = now_s
                    if not self._unended:
                        self._tell(now_s)

    def _tell(self, now_s: float) -> None:
        self._wipe()
        self._stands = self._rewritten
        self._write(self._words(now_s) + ("" if self._rewritten else "\n"))

    def _words(self, now_s: float) -> str:
        self._pauses = {clip: until_s for clip, until_s in self._pauses.items() if until_s > now_s}
        if not self._pauses:
            return f"… still waiting ({now_s - self._said_s:.0f} s)"
        waiting = f", {len(self._pauses)} clips wait" if len(self._pauses) > 1 else ""
        return f"… next try in {min(self._pauses.values()) - now_s:.0f} s{waiting}"

    def _wipe(self) -> None:
        if self._stands:
            self._stands = False
            self._write(_WIPED)
