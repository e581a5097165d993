"""One call for all threads that ask for the same at about the same time."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from footage.concurrency.boot_clock import boot_clock_s

T = TypeVar("T")


@dataclass
class _Shared(Generic[T]):
    lock: threading.Lock = field(default_factory=threading.Lock)
    # When the call of the answer began.
    asked_s: float = float("-inf")
    answer: T | None = None
    error: Exception | None = None


# So many answers are kept, each until it is asked for anew.
MOST_KEPT = 8


class SharedCalls(Generic[T]):
    """Makes a call that takes long once for all that wait for it; its failure is shared like an answer.

    Nobody gets what was asked before it came: what it wants to know may have happened since. Who wants to know what was
    at an earlier moment says so.
    """

    def __init__(self, failure: type[Exception]) -> None:
        """`failure`: what a call raises when it fails; everything else is a mistake in it, and its caller's."""
        self._failure = failure
        self._shared: dict[Hashable, _Shared[T]] = {}
        self._lock = threading.Lock()

    def ask(self, what: Hashable, call: Callable[[], T], *, after_s: float | None = None) -> T:
        """The answer of a call that began after this one came, or after `after_s` of `boot_clock_s()`.

        Raises what the call raised.
        """
        came_s = boot_clock_s()
        shared = self._of(what)
        with shared.lock:
            # A failure answers those who waited for it; whoever comes later tries again.
            early_s = came_s if after_s is None or shared.error is not None else after_s
            if shared.asked_s <= early_s:
                asked_s = boot_clock_s()
                shared.answer = shared.error = None
                try:
                    shared.answer = call()
                except self._failure as error:
                    shared.error = error
                shared.asked_s = asked_s
            if shared.error is not None:
                raise shared.error
            return shared.answer  # pyright: ignore[reportReturnType]

    def _of(self, what: Hashable) -> _Shared[T]:
        with self._lock:
            shared = self._shared.setdefault(what, _Shared())
            while len(self._shared) > MOST_KEPT:
                # Whoever waits for it has it all the same.
                del self._shared[next(iter(self._shared))]
            return shared
