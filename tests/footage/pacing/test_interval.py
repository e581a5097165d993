"""How often is asked, by how many clips wait."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest

from footage.pacing.interval import AFTER_S, DEFAULT_MIN_S, FEW, interval_s, pause_s


@pytest.mark.parametrize(
    ("waiting", "pause_s"),
    [
        pytest.param(1, 1, id="one clip: noticed half a second late in the middle"),
        pytest.param(50, 1, id="fifty: as soon, since one list answers for all"),
        pytest.param(100, 2, id="a hundred"),
        pytest.param(300, 6, id="more clips, more pages, longer pauses"),
        pytest.param(1000, 20, id="a thousand"),
        pytest.param(5000, 30, id="never longer than the longest"),
    ],
)
def test_the_pause_grows_with_the_clips_that_wait(waiting: int, pause_s: float) -> None:
    assert interval_s(waiting, min_s=DEFAULT_MIN_S, max_s=30) == pause_s


def test_an_operator_s_bounds_hold() -> None:
    assert interval_s(1, min_s=8, max_s=30) == 8
    assert interval_s(1000, min_s=2, max_s=10) == 10


def sdk_asks_at() -> Iterator[float]:
    """Seconds after a create at which the SDK's own wait asks, if every answer comes at once."""
    at = 0.0
    for pause in itertools.chain((1, 1, 2, 2, 2, 4, 4, 4), itertools.repeat(5)):
        yield at
        at += pause


def test_a_few_clips_are_asked_for_whenever_the_sdk_would_ask() -> None:
    ours, at = set[float](), 0.0
    while at < 100:
        # The answer takes a while.
        at += 0.3
        at += pause_s(DEFAULT_MIN_S, FEW, at)
        ours.add(round(at - AFTER_S, 6))

    assert set(itertools.takewhile(lambda at: at < 100, sdk_asks_at())) <= ours | {0.0}


def test_an_answer_that_came_late_is_followed_by_a_pause() -> None:
    assert pause_s(1.0, 1, age_s=7.98) == pytest.approx(1.02 + AFTER_S)


def test_many_clips_do_not_ask_at_the_same_instant() -> None:
    pauses = {pause_s(2.0, FEW + 1, age_s=7.0) for _ in range(100)}

    assert len(pauses) > 90
    assert all(1.8 <= pause <= 2.2 for pause in pauses)
