"""One answer for all coroutines that want to know the same; a question that hangs holds one thread and no more."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine, Hashable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar, overload

T = TypeVar("T")


@dataclass(frozen=True)
class _Question(Generic[T]):
    task: asyncio.Task[T]
    began_s: float

    @property
    def open(self) -> bool:
        """Whether its answer may come while this event loop runs."""
        return not self.task.done() and self.task.get_loop() is asyncio.get_running_loop()


class SharedAnswers(Generic[T]):
    """Asks once for all who want to know the same, and keeps the answer for a while."""

    def __init__(self, kept_s: float, keeps: Callable[[T], bool] = lambda _: True) -> None:
        """`keeps` tells of an answer whether it is worth keeping."""
        self._kept_s = kept_s
        self._keeps = keeps
        self._questions: dict[Hashable, _Question[T]] = {}
        # Each with the moment from which on it is asked for again.
        self._kept: dict[Hashable, tuple[T, float]] = {}

    @overload
    async def ask(
        self, what: Hashable, question: Callable[[], Coroutine[Any, Any, T]], *, anew: bool = False
    ) -> T: ...

    @overload
    async def ask(
        self,
        what: Hashable,
        question: Callable[[], Coroutine[Any, Any, T]],
        *,
        patience_s: float | None,
        anew: bool = False,
    ) -> T | None: ...

    async def ask(
        self,
        what: Hashable,
        question: Callable[[], Coroutine[Any, Any, T]],
        *,
        patience_s: float | None = None,
        anew: bool = False,
    ) -> T | None:
        """The answer that is kept or comes; None where none came within `patience_s` of the question's beginning.

        The question goes on when those who wait for it leave. `anew`: what is kept is not enough. Raises what
        `question` raises, which is not kept.
        """
        kept = self._kept.get(what)
        if kept is not None and not anew and time.monotonic() < kept[1]:
            return kept[0]
        asked = self._questions.get(what)
        if asked is None or not asked.open:
            task = asyncio.create_task(self._answer(what, question))
            asked = self._questions[what] = _Question(task, time.monotonic())
        left_s = None if patience_s is None else max(0.0, asked.began_s + patience_s - time.monotonic())
        await asyncio.wait({asked.task}, timeout=left_s)
        return asked.task.result() if asked.task.done() else None

    async def _answer(self, what: Hashable, question: Callable[[], Coroutine[Any, Any, T]]) -> T:
        answer = await question()
        if self._keeps(answer):
            self._kept[what] = answer, time.monotonic() + self._kept_s
        return answer
