"""How often is asked, by how many clips wait."""

from __future__ import annotations

import itertools
import math
import statistics
from collections.abc import Iterator

import pytest

from footage.pacing.interval import DEFAULT_MIN_S, FEW, ClipPace, few, interval_s, scattered
from footage.pacing.queries import DEFAULT_QUERIES_PER_SECOND


@pytest.mark.parametrize(
    ("waiting", "pause_s"),
    [
        pytest.param(1, 1, id="one clip"),
        pytest.param(50, 1, id="fifty: as soon, since one list answers for all"),
        pytest.param(100, 2, id="a hundred"),
        pytest.param(300, 6, id="more clips, more pages, longer pauses"),
        pytest.param(1000, 20, id="a thousand"),
        pytest.param(5000, 30, id="never longer than the longest"),
    ],
)
def test_the_pause_grows_with_the_clips_that_wait(waiting: int, pause_s: float) -> None:
    # Two lists, each of what is queued and of what runs.
    questions = 4 * math.ceil(waiting / 50)
    allowed = DEFAULT_QUERIES_PER_SECOND

    assert interval_s(
        waiting, min_s=DEFAULT_MIN_S, max_s=30, questions=questions, per_second=allowed
    ) == pytest.approx(pause_s, rel=0.1)


def test_an_operator_s_bounds_hold() -> None:
    assert interval_s(1, min_s=8, max_s=30, questions=1, per_second=15) == 8
    assert interval_s(1000, min_s=2, max_s=10, questions=80, per_second=15) == 10
    assert interval_s(1000, min_s=2, max_s=10, questions=80, per_second=0.2) == 10


@pytest.mark.parametrize(
    ("questions", "per_second", "pause_s"),
    [
        pytest.param(4, 2, 4, id="one of ten processes: a list in each two seconds"),
        pytest.param(16, 2, 16, id="with many tasks of other processes in it"),
        pytest.param(4, 15, 1, id="alone"),
    ],
)
def test_the_pause_grows_where_the_account_allows_less(
    questions: int, per_second: float, pause_s: float
) -> None:
    assert interval_s(11, 1, 30, questions=questions, per_second=per_second) == pause_s


@pytest.mark.parametrize(
    ("per_second", "most"),
    [
        pytest.param(DEFAULT_QUERIES_PER_SECOND, FEW, id="alone"),
        pytest.param(6.0, 6, id="with others"),
        pytest.param(2.0, 2, id="with many others"),
        pytest.param(0.9, 0, id="hardly anything"),
    ],
)
def test_as_many_have_a_pace_of_their_own_as_the_account_allows(per_second: float, most: int) -> None:
    assert [waiting for waiting in range(1, 30) if few(waiting, per_second)] == list(range(1, most + 1))


# Between the end of a pause and the next question.
WAKING_S = 0.01


def sdk_asks_at(answer_s: float) -> Iterator[float]:
    """When the SDK's own wait is answered, seconds after a create, if each answer takes `answer_s`."""
    at = answer_s
    for pause in itertools.chain((1, 1, 2, 2, 2, 4, 4, 4), itertools.repeat(5)):
        yield at
        at += pause + answer_s


def ours_asks_at(answer_s: float, usual_s: float) -> Iterator[float]:
    """When we are; each question comes a little after its moment."""
    pace, at = ClipPace(0.0), answer_s + WAKING_S
    while True:
        yield at
        # Writing an answer down takes a while, too.
        at += 0.01 + pace.pause_s(at - answer_s, at, at + 0.01, usual_s) + WAKING_S + answer_s


def until(moments: Iterator[float], end: float) -> list[float]:
    return list(itertools.takewhile(lambda at: at < end, moments))


LENGTHS = range(10, 301)
USUAL_S = 90.0


@pytest.mark.parametrize("length", [20, 60, 120])
def test_an_end_is_noticed_no_later_than_by_the_sdk(length: int) -> None:
    # Wherever the end is: also where both ask just before or after it.
    for hundredth in range(600):
        end, answer_s = length + hundredth / 100, 0.005
        sdk = next(at for at in sdk_asks_at(answer_s) if at >= end)
        ours = next(at for at in ours_asks_at(answer_s, USUAL_S) if at >= end)

        assert ours <= sdk + 0.04, end


def test_an_end_that_is_likely_is_noticed_within_a_second_in_the_middle() -> None:
    ends = [USUAL_S * share / 1000 for share in range(600, 1300)]
    late = sorted(next(at for at in ours_asks_at(0.01, USUAL_S) if at >= end) - end for end in ends)

    assert late[len(late) // 2] < 1.0
    assert late[len(late) * 9 // 10] < 2.5


@pytest.mark.parametrize("usual_s", [30.0, 90.0, 200.0])
def test_no_clip_costs_more_than_a_question_in_two_seconds(usual_s: float) -> None:
    for length in LENGTHS:
        # Beside the two of the first second.
        assert len(until(ours_asks_at(0.01, usual_s), length)) <= length / 2 + 2, length


@pytest.mark.parametrize("usual_s", [30.0, 90.0, 200.0])
def test_an_end_at_any_time_is_noticed_within_two_seconds_and_a_half(usual_s: float) -> None:
    late = [
        next(at for at in ours_asks_at(0.01, usual_s) if at >= end) - end
        for end in (20 + tenth / 10 for tenth in range(4000))
    ]

    assert max(late) < 2.6
    assert statistics.median(late) < 1.2


def test_a_slow_answer_moves_what_follows_and_nothing_is_asked_at_once_for_it() -> None:
    pace = ClipPace(0.0)

    assert pace.pause_s(0.0, 3.0, 3.5, USUAL_S) == pytest.approx(0.52)
    assert pace.pause_s(4.02, 20.0, 30.0, USUAL_S) == 0.0


def test_a_question_that_was_held_up_moves_what_follows() -> None:
    pace = ClipPace(0.0)
    pace.pause_s(0.0, 0.0, 0.0, USUAL_S)

    # Due after 1.02 s, asked in the 600th: nobody catches up.
    assert pace.pause_s(600.0, 600.1, 600.1, USUAL_S) == pytest.approx(1.0)


def test_many_clips_do_not_ask_at_the_same_instant() -> None:
    pauses = {scattered(2.0, 1.0, 30.0) for _ in range(100)}

    assert len(pauses) > 90
    assert all(1.8 <= pause <= 2.2 for pause in pauses)


@pytest.mark.parametrize("pause_s", [1.0, 1.05, 29.0, 30.0])
def test_a_scattered_pause_keeps_an_operator_s_bounds(pause_s: float) -> None:
    pauses = [scattered(pause_s, 1.0, 30.0) for _ in range(200)]

    assert min(pauses) >= 1.0
    assert max(pauses) <= 30.0
    # Those at a bound, too, do not ask at the same instant.
    assert len(set(pauses)) > 190
    assert {scattered(2.0, 2.0, 2.0) for _ in range(9)} == {2.0}
