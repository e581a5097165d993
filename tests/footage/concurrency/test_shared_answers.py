"""What many coroutines want to know is asked for once, and none of them waits longer than it wants to."""

from __future__ import annotations

import asyncio

from footage.concurrency.shared_answers import SharedAnswers

ASKING = 8


class _Slow:
    """A question that is answered, by how often it was asked, when it is let."""

    def __init__(self) -> None:
        self.asked = 0
        self.may_answer = asyncio.Event()

    async def __call__(self) -> int:
        self.asked += 1
        await self.may_answer.wait()
        return self.asked


async def test_who_comes_while_it_is_asked_waits_for_that_answer_and_who_comes_later_has_it_kept() -> None:
    slow, answers = _Slow(), SharedAnswers[int](kept_s=60.0)
    waiting = [asyncio.ensure_future(answers.ask("a", slow)) for _ in range(ASKING)]
    await asyncio.sleep(0)
    slow.may_answer.set()

    assert await asyncio.gather(*waiting) == [1] * ASKING
    assert await answers.ask("a", slow) == 1
    assert await answers.ask("b", slow) == 2
    assert await answers.ask("a", slow, anew=True) == 3
    assert await answers.ask("a", slow) == 3


async def test_an_answer_that_is_not_kept_is_asked_for_again() -> None:
    slow, answers = _Slow(), SharedAnswers[int](kept_s=0.0)
    slow.may_answer.set()

    assert [await answers.ask("a", slow) for _ in range(3)] == [1, 2, 3]


async def test_of_what_is_told_only_that_is_kept_which_is_worth_it() -> None:
    slow, answers = _Slow(), SharedAnswers[int](kept_s=60.0, keeps=lambda answer: answer > 1)
    slow.may_answer.set()

    assert [await answers.ask("a", slow) for _ in range(3)] == [1, 2, 2]


async def test_patience_counts_from_the_beginning_of_the_question_and_the_question_goes_on() -> None:
    slow, answers = _Slow(), SharedAnswers[int](kept_s=60.0)
    assert await answers.ask("a", slow, patience_s=0.5) is None

    # Its half second began with the question: whoever comes later does not wait for another one.
    first = asyncio.ensure_future(answers.ask("a", slow, patience_s=0.5))
    patient = asyncio.ensure_future(answers.ask("a", slow))
    assert await asyncio.wait_for(first, 0.45) is None
    slow.may_answer.set()

    assert await patient == 1


async def test_a_question_whose_asker_left_is_answered_to_the_others() -> None:
    slow, answers = _Slow(), SharedAnswers[int](kept_s=60.0)
    first, other = (asyncio.ensure_future(answers.ask("a", slow)) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.wait({first})
    slow.may_answer.set()

    assert await other == 1


def test_a_question_that_ended_with_its_event_loop_is_asked_again_in_the_next_one() -> None:
    answers = SharedAnswers[int](kept_s=60.0)

    async def ask(patience_s: float | None, *, answered: bool) -> int | None:
        slow = _Slow()
        if answered:
            slow.may_answer.set()
        return await answers.ask("a", slow, patience_s=patience_s)

    assert asyncio.run(ask(0.01, answered=False)) is None
    assert asyncio.run(ask(None, answered=True)) == 1
