"""Keeps the queries of one account below its limit, over all threads and clients of this process.

20 queries a second are allowed for each of query, list and cancel, for all keys of a main account together
(Model Studio rate limits, read 2026-11). Which account a key belongs to is not visible: the operator says it, and keys
without a word of that count as one. What other processes and machines ask is seen by the refusals alone: each process
slows down by half when it is refused and grows again while it is not (additive increase, multiplicative decrease), so
that all settle below the limit together, without a coordinator.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from footage.errors import Throttled

DEFAULT_QUERIES_PER_SECOND = 15.0

# The provider counts over a second: once that is full, all that is asked until its end is refused, and none of these
# refusals says more than the first.
WINDOW_S = 1.0
CUT = 0.5
# A hundred processes that ask no faster are at the limit together.
LEAST_PER_SECOND = 0.2
# How long it takes from nothing to the full pace. The step of each second grows with the time since the refusal, as in
# H-TCP: so ten processes that ask all they may settle at 18 of 20 questions a second, with 4 of 100 refused, and one
# that is alone has its full pace within a minute. With a constant step that does the latter, 10 of 100 are refused.
RECOVERY_S = 60.0
# A gateway may ask for an hour, in which results are deleted; it is asked once a minute whether it means it.
MOST_PAUSE_S = 60.0
# Whoever would wait longer than this, and longer than for a few turns, is told to ask later: threads are few, and those
# who wait in them keep the others from the store, too.
LONGEST_WAIT_S, FEW_TURNS = 15.0, 3


@dataclass(frozen=True)
class Allowance:
    """What the account leaves to this process, as the last refusal that counted shows."""

    cut_to: float = math.inf
    cut_at_s: float = -math.inf

    def per_second(self, now_s: float, most: float) -> float:
        """How many queries a second may be asked now; `most` without a refusal."""
        return min(most, self.cut_to + most * ((now_s - self.cut_at_s) / RECOVERY_S) ** 2)

    def refused(self, asked_s: float, now_s: float, most: float) -> Allowance:
        """The allowance after a refusal of a query that was asked at `asked_s`."""
        if asked_s < self.cut_at_s + WINDOW_S:
            return self
        return Allowance(max(LEAST_PER_SECOND, CUT * self.per_second(now_s, most)), now_s)


def reserve(next_free_s: float, now_s: float, per_second: float) -> tuple[float, float]:
    """When this query may start and when the next one may, on the clock of `now_s`."""
    start_s = max(next_free_s, now_s)
    return start_s, start_s + 1 / per_second


class Pace:
    """Hands out starting times, in the order in which they were asked for."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._next_free_s = 0.0
        self._most = DEFAULT_QUERIES_PER_SECOND
        self._allowance = Allowance()
        # As the provider asked for.
        self._not_before_s = 0.0

    def per_second(self) -> float:
        """How many queries a second are allowed now."""
        with self._lock:
            return self._allowance.per_second(time.monotonic(), self._most)

    def wait(self, most: float) -> Callable[[float | None], None]:
        """Block until the next query may start; what to call with the provider's `retry_after_s` where it is refused.

        `most` are asked a second where nothing is refused.

        Raises:
            Throttled: That would be too long; ask again in `retry_after_s`.
        """
        while True:
            with self._lock:
                self._most = most
                now_s = time.monotonic()
                per_second = self._allowance.per_second(now_s, most)
                next_free_s = max(self._next_free_s, self._not_before_s)
                start_s, then_s = reserve(next_free_s, now_s, per_second)
                if start_s - now_s > max(LONGEST_WAIT_S, FEW_TURNS / per_second):
                    raise _later(start_s - now_s)
                self._next_free_s = then_s
            time.sleep(start_s - now_s)
            # The provider may have asked for a pause meanwhile.
            if start_s >= self._not_before_s:
                return partial(self.note_refusal, time.monotonic())

    def note_refusal(self, asked_s: float, retry_after_s: float | None) -> None:
        """Slow down, because a query that was asked at `asked_s` was refused."""
        with self._lock:
            now_s = time.monotonic()
            self._allowance = self._allowance.refused(asked_s, now_s, self._most)
            pause_s = min(retry_after_s or 0.0, MOST_PAUSE_S)
            self._not_before_s = max(self._not_before_s, now_s + pause_s)


def _later(wait_s: float) -> Throttled:
    return Throttled(
        "The provider refused questions of this account, or too many wait; "
        f"the next one is possible in {wait_s:.0f} s.",
        next_step="a run asks again by itself; repeat a command then",
        retry_after_s=wait_s,
    )


_paces: dict[tuple[str, ...], Pace] = {}
_paces_lock = threading.Lock()


def pace_of(line: tuple[str, ...]) -> Pace:
    """The one pace in this process of a line: of region and account for queries, of these and "cancel" for cancels."""
    with _paces_lock:
        return _paces.setdefault(line, Pace())
