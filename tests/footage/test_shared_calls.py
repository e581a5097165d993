"""Who asks for the same at the same time gets one answer, which is never older than the question."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from footage.concurrency.shared_calls import SharedCalls
from footage.errors import Unreachable

ASKING = 8


class _Slow:
    """A call that ends when it is let; each has a number."""

    def __init__(self) -> None:
        self.begun = 0
        self.first_begun = threading.Event()
        self.may_end = threading.Event()

    def __call__(self) -> int:
        self.begun += 1
        self.first_begun.set()
        assert self.may_end.wait(30)
        return self.begun


def test_what_is_asked_meanwhile_is_answered_together_by_a_later_call() -> None:
    slow, calls = _Slow(), SharedCalls[int](Unreachable)
    with ThreadPoolExecutor(ASKING + 1) as pool:
        first = pool.submit(calls.ask, "list", slow)
        assert slow.first_begun.wait(30)
        about_to_ask = threading.Barrier(ASKING + 1)

        def ask() -> tuple[int, int]:
            about_to_ask.wait(30)
            begun = slow.begun
            return begun, calls.ask("list", slow)

        meanwhile = [pool.submit(ask) for _ in range(ASKING)]
        # Another question does not wait for it.
        assert calls.ask("another list", lambda: 7) == 7
        about_to_ask.wait(30)
        slow.may_end.set()

        assert first.result(30) == 1
        answers = [one.result(30) for one in meanwhile]

    assert all(answer > begun for begun, answer in answers), "an answer is older than its question"
    assert slow.begun < ASKING, "each made a call of its own"


def test_a_failure_is_shared_and_not_kept() -> None:
    calls, times = SharedCalls[int](Unreachable), iter(range(3))

    def sometimes() -> int:
        if next(times) == 1:
            raise Unreachable("no answer")
        return 5

    assert calls.ask("list", sometimes) == 5
    with pytest.raises(Unreachable):
        calls.ask("list", sometimes)
    assert calls.ask("list", sometimes) == 5
