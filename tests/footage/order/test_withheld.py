"""What stands for a secret in the parameters of a run."""

from __future__ import annotations

import pytest

from footage.errors import InvalidRequest
from footage.order.withheld import restore_withheld, withhold

REQUEST = {
    "prompt": "kept-in-memory: a love story",
    "reference_image": "data:image/png;base64,AAAAcanary",
    "audio_url": "https://b.example/rain.mp3?Signature=canary",
    "duration": 5,
    "seed": None,
}


def test_a_request_comes_back_whole_and_shows_nothing_on_the_way():
    shown = withhold(REQUEST)

    assert "canary" not in str(shown)
    assert {name for name in REQUEST if shown[name] != REQUEST[name]} == {"reference_image", "audio_url"}
    assert restore_withheld(shown) == restore_withheld(REQUEST) == REQUEST


def test_what_another_process_put_aside_is_asked_for_again():
    with pytest.raises(InvalidRequest, match="memory of another process") as refused:
        restore_withheld({"prompt": "a boat", "audio_url": "kept-in-memory:0123456789abcdef"})

    assert [problem.field for problem in refused.value.problems] == ["audio_url"]
