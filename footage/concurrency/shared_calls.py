"""One call for all threads, or all coroutines, that ask for the same at about the same time."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine, Generator, Hashable
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Generic, TypeGuard, TypeVar

T = TypeVar("T")


@dataclass
class _Shared(Generic[T]):
    lock: threading.Lock = field(default_factory=threading.Lock)
    # How many want to know it. When none is left the answer goes, which may be a list of a whole day.
    waiting: int = 0
    begun: int = 0
    # Which call the answer is of; 0: there is none.
    answered: int = 0
    answer: T | None = None
    error: Exception | None = None


class SharedCalls(Generic[T]):
    """Makes a call that takes long once for all that wait for it; its failure is shared like an answer.

    Nobody gets what was asked before it came: what it wants to know may have happened since.
    """

    def __init__(self, failure: type[Exception]) -> None:
        """`failure`: what a call raises when it fails; everything else is a mistake in it, and its caller's."""
        self._failure = failure
        self._shared: dict[Hashable, _Shared[T]] = {}
        self._lock = threading.Lock()

    def ask(self, what: Hashable, call: Callable[[], T]) -> T:
        """The answer of a call that began after this one came; raises what it raised."""
        with self._share(what) as (shared, came), shared.lock:
            if shared.answered <= came:
                shared.begun += 1
                number = shared.begun
                shared.answer = shared.error = None
                try:
                    shared.answer = call()
                except self._failure as error:
                    shared.error = error
                shared.answered = number
            if shared.error is not None:
                raise shared.error
            return shared.answer  # pyright: ignore[reportReturnType]

    @contextmanager
    def _share(self, what: Hashable) -> Generator[tuple[_Shared[T], int]]:
        """What is shared by those who ask for this, and how many calls of it began until now."""
        with self._lock:
            shared = self._shared.setdefault(what, _Shared[T]())
            shared.waiting += 1
            came = shared.begun
        try:
            yield shared, came
        finally:
            with self._lock:
                shared.waiting -= 1
                if not shared.waiting:
                    del self._shared[what]


class AsyncSharedCalls(Generic[T]):
    """The same for coroutines, of one event loop after the other: who waits for a call holds no thread."""

    def __init__(self) -> None:
        # The call that runs, and the one that begins when that one ended: who comes before then shares it.
        self._running: dict[Hashable, asyncio.Task[T]] = {}
        self._next: dict[Hashable, asyncio.Task[T]] = {}

    async def ask(self, what: Hashable, call: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """The answer of a call that began after this one came; raises what it raised.

        The call goes on when those who wait for it leave.
        """
        following = self._next.get(what)
        if not _may_end(following):
            following = self._next[what] = asyncio.create_task(self._call(what, call))
        return await asyncio.shield(following)

    async def _call(self, what: Hashable, call: Callable[[], Coroutine[Any, Any, T]]) -> T:
        before = self._running.get(what)
        if _may_end(before):
            await asyncio.wait({before})
        self._running[what] = self._next.pop(what)
        try:
            return await call()
        finally:
            del self._running[what]


def _may_end(task: asyncio.Task[T] | None) -> TypeGuard[asyncio.Task[T]]:
    """Whether there is such a call, and it may end while this event loop runs."""
    return task is not None and not task.done() and task.get_loop() is asyncio.get_running_loop()
