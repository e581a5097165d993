from __future__ import annotations

import pytest

from footage.values.counted import counted


@pytest.mark.parametrize(
    ("number", "words"), [(0, "0 clips"), (1, "1 clip"), (2, "2 clips"), (11, "11 clips")]
)
def test_one_is_told_as_one(number: int, words: str) -> None:
    assert counted(number, "clip") == words
