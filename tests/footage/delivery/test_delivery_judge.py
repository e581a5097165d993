from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import Any

import pytest
from deliveries import expecting

from footage.media import VideoFacts
from footage.steps.delivery_verdict import conversion_fault, judge

FACTS = VideoFacts(
    size_bytes=1_000_000,
    duration_s=5.0,
    fps=30.0,
    width=1280,
    height=720,
    codec="h264",
    frames=150,
    audio=False,
)
EXPECTED = expecting()


def test_what_is_as_ordered_is_taken_as_it_is() -> None:
    verdict = judge(FACTS, EXPECTED, billed_s=5)

    assert verdict.refuse is None
    assert not verdict.conform
    assert verdict.warnings == ()


def test_what_is_no_video_is_refused_with_its_reason() -> None:
    verdict = judge(VideoFacts(problems=("the index (moov) is missing",)), EXPECTED)

    assert verdict.refuse == "the index (moov) is missing"


FILM = Fraction(24000, 1001)


@pytest.mark.parametrize(
    ("came", "asked", "fps"),
    [
        (30.0, 24, 24.0),
        (16.0, 30, 30.0),
        (30000 / 1001, 30, 30.0),  # broadcast rate is not the round one
        (30.0, 30, None),
        (30.0004, 30, None),  # rounding of time stamps
        (24.0, FILM, FILM),
        (30.0, FILM, FILM),
        (23.976024, FILM, None),
    ],
)
def test_another_rate_is_conformed_unless_never(came: float, asked: Fraction, fps: Fraction | None) -> None:
    facts, expected = replace(FACTS, fps=came), replace(EXPECTED, fps=asked)

    assert judge(facts, expected).fps == fps
    never = judge(facts, expected, conform="never")
    assert not never.conform
    assert bool(never.warnings) == (fps is not None)


@pytest.mark.parametrize(
    ("came", "asked", "exact", "size", "warned"),
    [
        ((1920, 1072), (1920, 1080), True, (1920, 1080), False),  # the i2v rule of the provider
        ((1280, 720), (1920, 1080), True, (1920, 1080), False),
        ((720, 1280), (1280, 720), True, None, True),  # another shape is not stretched
        ((1024, 1024), (1280, 720), True, None, True),
        ((1024, 1024), (1280, 720), False, None, False),  # the size follows the image
    ],
)
def test_another_size_is_scaled_only_when_the_shape_is_the_same(
    came: tuple[int, int], asked: tuple[int, int], exact: bool, size: tuple[int, int] | None, warned: bool
) -> None:
    facts = replace(FACTS, width=came[0], height=came[1])
    expected = replace(EXPECTED, width=asked[0], height=asked[1], exact_size=exact)

    verdict = judge(facts, expected)

    assert verdict.size == size
    assert bool(verdict.warnings) == warned
    never = judge(facts, expected, conform="never")
    assert not never.conform
    assert bool(never.warnings) == exact


@pytest.mark.parametrize(
    ("facts", "expected", "billed_s", "words"),
    [
        ({"duration_s": 4.8}, {}, None, "5 s were asked for, 4.80 s came"),
        ({"duration_s": 5.3}, {}, None, "5 s were asked for, 5.30 s came"),
        ({"duration_s": 4.0}, {"duration_s": 4}, 5.0, "5 s are billed, 4.00 s came"),
        ({"audio": False}, {"audio": True}, None, "Sound was asked for"),
        ({"audio": True}, {"audio": False}, None, "No sound was asked for"),
        ({"black_share": 1.0, "frozen_share": 1.0}, {}, None, "black in 100%"),
        ({"frozen_share": 1.0}, {}, None, "Nothing moves"),
    ],
)
def test_a_paid_clip_that_differs_is_taken_with_one_warning(
    facts: dict[str, float], expected: dict[str, float], billed_s: float | None, words: str
) -> None:
    verdict = judge(replace(FACTS, **facts), replace(EXPECTED, **expected), billed_s=billed_s)  # type: ignore[arg-type]

    assert verdict.refuse is None
    assert len(verdict.warnings) == 1
    assert words in verdict.warnings[0]


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({"duration_s": 5.08}, {}),  # sound outlasts the picture a little
        ({"duration_s": 4.91}, {}),
        ({"duration_s": 5.0625, "fps": 16.0}, {"fps": 16}),  # 81 frames at 16 fps
        ({"audio": True}, {"audio": None}),
        ({"black_share": 0.25, "frozen_share": 0.5}, {}),
    ],
)
def test_differences_within_a_frame_or_a_tenth_of_a_second_are_none(
    facts: dict[str, float], expected: dict[str, float]
) -> None:
    assert judge(replace(FACTS, **facts), replace(EXPECTED, **expected)).warnings == ()  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("before", "made", "fault"),
    [
        pytest.param({}, {"fps": 24.0, "frames": 120}, None, id="another rate, the same length"),
        pytest.param({}, {"fps": 24.0, "duration_s": 4.96}, None, id="one frame more or less is rounding"),
        pytest.param({}, {"duration_s": 4.0}, "lasts 4.000 s, not 5.000 s", id="its end is missing"),
        pytest.param({}, {"duration_s": 5.5}, "lasts 5.500 s, not 5.000 s", id="it is slower than it was"),
        pytest.param({"audio": True}, {}, "lost its sound", id="silent"),
        pytest.param({"audio": True}, {"audio": True}, None, id="with its sound"),
        pytest.param({}, {"problems": ("no frames",)}, "is damaged: no frames", id="no video"),
    ],
)
def test_what_was_converted_here_is_verified_like_what_was_bought(
    before: dict[str, Any], made: dict[str, Any], fault: str | None
) -> None:
    assert conversion_fault(replace(FACTS, **before), replace(FACTS, **made)) == fault
