"""Who asks for the same at the same time gets one answer, which is never older than the question."""

from __future__ import annotations

import asyncio
import threading
import weakref
from concurrent.futures import ThreadPoolExecutor

import pytest

from footage.concurrency.shared_calls import AsyncSharedCalls, SharedCalls
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


class _List:
    """What is asked for; tells of each who looks it up, which is how asking begins."""

    def __init__(self) -> None:
        self.looked_up = threading.Semaphore(0)

    def __hash__(self) -> int:
        self.looked_up.release()
        return 1


def test_what_is_asked_meanwhile_is_answered_together_by_a_later_call() -> None:
    slow, calls, account = _Slow(), SharedCalls[int](Unreachable), _List()
    with ThreadPoolExecutor(ASKING + 1) as pool:
        first = pool.submit(calls.ask, account, slow)
        assert slow.first_begun.wait(30)
        while account.looked_up.acquire(blocking=False):
            """Those of the first one are of no interest."""

        def ask() -> tuple[int, int]:
            begun = slow.begun
            return begun, calls.ask(account, slow)

        meanwhile = [pool.submit(ask) for _ in range(ASKING)]
        # Another question does not wait for it.
        assert calls.ask("another list", lambda: 7) == 7
        for _ in range(ASKING):
            assert account.looked_up.acquire(timeout=30)
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


class _Answer:
    """An answer of which is seen whether anybody has it still."""


def test_an_answer_is_kept_for_nobody_who_has_it_or_did_not_wait() -> None:
    calls = SharedCalls[_Answer](Unreachable)
    answers = [weakref.ref(calls.ask(number, _Answer)) for number in (1, 2, 1)]

    assert [answer() for answer in answers] == [None, None, None]


class _Awaited:
    """A call that ends, with its number, when it is let."""

    def __init__(self) -> None:
        self.begun = 0
        self.may_end = asyncio.Event()

    async def __call__(self) -> int:
        self.begun += 1
        number = self.begun
        await self.may_end.wait()
        return number


async def _asked(calls: AsyncSharedCalls[int], call: _Awaited) -> asyncio.Task[int]:
    asking = asyncio.create_task(calls.ask("list", call))
    # Once for who asks and once for the call, if it may begin.
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    return asking


async def test_coroutines_that_come_meanwhile_share_the_next_call_and_no_other_question_waits() -> None:
    call, calls = _Awaited(), AsyncSharedCalls[int]()
    first = await _asked(calls, call)
    meanwhile = [await _asked(calls, call) for _ in range(ASKING)]
    assert call.begun == 1

    async def another() -> int:
        return 7

    assert await calls.ask("another list", another) == 7
    call.may_end.set()
    assert await first == 1
    assert await asyncio.gather(*meanwhile) == [2] * ASKING
    assert await calls.ask("list", call) == 3


async def test_a_call_goes_on_for_the_others_when_the_coroutine_that_began_it_leaves() -> None:
    call, calls = _Awaited(), AsyncSharedCalls[int]()
    first = await _asked(calls, call)
    second = await _asked(calls, call)
    third = await _asked(calls, call)
    for left in (first, second):
        left.cancel()
        await asyncio.wait({left})
    call.may_end.set()

    assert await third == 2


async def test_a_failed_call_is_told_to_all_that_wait_and_made_again_for_who_comes_later() -> None:
    calls, begun = AsyncSharedCalls[int](), list[int]()

    async def sometimes() -> int:
        begun.append(0)
        if len(begun) == 1:
            raise Unreachable("no answer")
        return 5

    told = await asyncio.gather(*(calls.ask("list", sometimes) for _ in range(2)), return_exceptions=True)

    assert [type(one) for one in told] == [Unreachable, Unreachable]
    assert await calls.ask("list", sometimes) == 5


def test_a_call_that_ended_with_its_event_loop_is_made_again_in_the_next_one() -> None:
    calls = AsyncSharedCalls[int]()

    async def leave() -> None:
        call = _Awaited()
        for _ in range(2):
            await _asked(calls, call)

    async def ask() -> int:
        call = _Awaited()
        call.may_end.set()
        return await calls.ask("list", call)

    asyncio.run(leave())
    assert asyncio.run(ask()) == 1
