"""How often is asked, by how many clips wait."""

from __future__ import annotations

import pytest

from footage.pacing.interval import interval_s


@pytest.mark.parametrize(
    ("waiting", "pause_s"),
    [
        pytest.param(1, 2, id="one clip: noticed one second late in the middle"),
        pytest.param(100, 2, id="a hundred: as soon, since one list answers for fifty"),
        pytest.param(300, 6, id="more clips, more pages, longer pauses"),
        pytest.param(1000, 20, id="a thousand"),
        pytest.param(5000, 30, id="never longer than the longest"),
    ],
)
def test_the_pause_grows_with_the_clips_that_wait(waiting: int, pause_s: float) -> None:
    assert interval_s(waiting, min_s=2, max_s=30) == pause_s


def test_an_operator_s_bounds_hold() -> None:
    assert interval_s(1, min_s=8, max_s=30) == 8
    assert interval_s(1000, min_s=2, max_s=10) == 10
