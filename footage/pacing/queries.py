"""Keeps the queries of one account below its limit, over all threads and clients of this process.

20 queries a second are allowed for each of query, list and cancel, for all keys of a main account together
(Model Studio rate limits, read 2026-11). Which account a key belongs to is not visible, so the key and the
address stand for it, and the default leaves room for other processes.
"""

from __future__ import annotations

import threading
import time

DEFAULT_QUERIES_PER_SECOND = 15.0

_paces: dict[tuple[str, str], Pace] = {}
_paces_lock = threading.Lock()


def reserve(next_free_s: float, now_s: float, per_second: float) -> tuple[float, float]:
    """When this query may start and when the next one may, on the clock of `now_s`."""
    start_s = max(next_free_s, now_s)
    return start_s, start_s + 1 / per_second


class Pace:
    """Hands out starting times, in the order in which they were asked for."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._next_free_s = 0.0

    def wait(self, per_second: float) -> None:
        """Block until the next query may start."""
        with self._lock:
            now_s = time.monotonic()
            start_s, self._next_free_s = reserve(self._next_free_s, now_s, per_second)
        time.sleep(start_s - now_s)


def pace_of(base_url: str, fingerprint: str) -> Pace:
    """The one pace of this address and key in this process."""
    with _paces_lock:
        return _paces.setdefault((base_url, fingerprint), Pace())
