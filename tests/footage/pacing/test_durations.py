"""How long a clip usually takes, learned from the provider's own times."""

from __future__ import annotations

from typing import Any

import pytest

from footage.catalogue import card
from footage.pacing.durations import Durations, seconds_at_work
from footage.provider.results import TaskAnswer, TaskStatus

MODEL = "wan2.6-i2v-flash"


def _answer(**output: Any) -> TaskAnswer:
    return TaskAnswer("t", TaskStatus.SUCCEEDED, None, None, None, None, None, None, None, {"output": output})


def _took(seconds: int) -> TaskAnswer:
    return _answer(scheduled_time="2026-11-22 10:00:00.000", end_time=f"2026-11-22 10:00:{seconds:02}.000")


def test_the_catalogue_is_believed_until_three_clips_are_finished() -> None:
    typical = Durations()
    for seconds in (6, 7):
        typical.learn(MODEL, _took(seconds))
    assert typical.of(MODEL) == card(MODEL).typical_s

    typical.learn(MODEL, _took(50))

    assert typical.of(MODEL) == 7


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(_answer(), id="no times at all"),
        pytest.param(_answer(scheduled_time="2026-11-22 10:00:00.000"), id="not ended"),
        pytest.param(_answer(scheduled_time="soon", end_time="later"), id="no times that can be read"),
        pytest.param(
            _answer(scheduled_time="2026-11-22 10:00:09", end_time="2026-11-22 10:00:01"), id="backwards"
        ),
        pytest.param(
            _answer(scheduled_time="2026-11-22 10:00:01Z", end_time="2026-11-22 10:00:09"), id="two zones"
        ),
    ],
)
def test_what_is_no_length_teaches_nothing(answer: TaskAnswer) -> None:
    assert seconds_at_work(answer) is None
