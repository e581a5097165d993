"""What a run's parameters show, and what the run takes from the process that prepared it."""

from __future__ import annotations

import asyncio

import pytest

from footage.errors import InvalidRequest
from footage.order.hand_over import hand_over, handed_over, with_secrets, without_secrets
from footage.request import VideoRequest

REQUEST = {
    "prompt": "kept-in-memory: a love story",
    "reference_image": "data:image/png;base64,AAAAcanary",
    "audio_url": "https://b.example/rain.mp3?Signature=canary",
    "duration": 5,
    "seed": None,
}


def test_a_request_comes_back_whole_and_shows_nothing_on_the_way() -> None:
    shown = without_secrets(REQUEST)

    assert "canary" not in str(shown)
    assert {name for name in REQUEST if shown[name] != REQUEST[name]} == {"reference_image", "audio_url"}
    assert with_secrets(shown, VideoRequest.model_validate(REQUEST)) == with_secrets(REQUEST, None) == REQUEST


@pytest.mark.parametrize(
    "asked", [None, VideoRequest(prompt="a boat", audio_url="https://b.example/other.mp3")]
)
def test_a_value_of_another_process_is_asked_for_again(asked: VideoRequest | None) -> None:
    with pytest.raises(InvalidRequest, match="memory of another process") as refused:
        with_secrets({"prompt": "a boat", "audio_url": "kept-in-memory:0123456789abcdef"}, asked)

    assert [problem.field for problem in refused.value.problems] == ["audio_url"]


def test_only_the_run_that_is_started_in_the_block_takes_what_was_prepared() -> None:
    async def run() -> str | None:
        return handed_over(str)

    with hand_over("prepared"):
        assert asyncio.run(run()) == "prepared"
        assert handed_over(int) is None

    assert asyncio.run(run()) is None


def test_references_with_signed_links_are_kept_in_memory_however_they_are_written() -> None:
    links = ["https://e.example/ella.png?Signature=canary&Expires=1", "tom.png"]
    as_text = {"prompt": "a boat", "references": [f"image={link}" for link in links]}
    as_objects = {"prompt": "a boat", "references": [{"image": link} for link in links]}
    asked = VideoRequest.model_validate(as_objects)

    shown = without_secrets(as_text)

    assert "canary" not in str(shown)
    assert shown == without_secrets(as_objects)
    assert VideoRequest.model_validate(with_secrets(shown, asked)) == asked
