"""Makes the cut that follows from verdicts, one at a time, after the reviewer got the answer."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from footage.errors import FootageError

logger = logging.getLogger(__name__)


class Cutter:
    """A thread that cuts boards; many verdicts on one board while it is being cut are one more cut."""

    def __init__(self, cut: Callable[[str], None]) -> None:
        self._cut = cut
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="footage-cut")
        self._lock = threading.Lock()
        self._waiting: set[str] = set()
        self._now: str | None = None

    def ask(self, name: str) -> None:
        """Cut this board once more, soon."""
        with self._lock:
            if name in self._waiting:
                return
            self._waiting.add(name)
        self._pool.submit(self._run, name)

    def busy(self, name: str) -> bool:
        """Whether a cut of this board is being made, or waits."""
        with self._lock:
            return name in self._waiting or name == self._now

    def close(self) -> None:
        """Finish what was asked for."""
        self._pool.shutdown(wait=True)

    def _run(self, name: str) -> None:
        with self._lock:
            self._waiting.discard(name)
            self._now = name
        try:
            self._cut(name)
        except FootageError as error:
            logger.error("The board %s could not be cut anew: %s", name, error.message)
        except Exception:
            # A mistake of ours must not end the thread for the boards that come after.
            logger.exception("The board %s could not be cut anew.", name)
        finally:
            with self._lock:
                self._now = None
