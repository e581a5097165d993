"""What is refused, dropped, converted or sent, per model; every row says why."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest
from pictures import picture, read_once

from footage.catalogue import MODEL_NAMES, card
from footage.errors import InvalidRequest
from footage.order import Order, plan, request_problems
from footage.request import VideoRequest

PLUS, FLASH22, TURBO = "wan2.2-t2v-plus", "wan2.2-t2v-flash", "wanx2.1-t2v-turbo"
FLASH, I2V, I2V_US, T2V_US = "wan2.6-i2v-flash", "wan2.6-i2v", "wan2.6-i2v-us", "wan2.6-t2v-us"
IMAGE = picture()


def request(model: str, **fields: Any) -> VideoRequest:
    """A good request for this model, changed by `fields`."""
    good: dict[str, Any] = {"prompt": "a boat", "model": model}
    if model in MODEL_NAMES and card(model).kind == "i2v":
        good["reference_image"] = IMAGE
    if model == PLUS:
        good["size"] = "832*480"
    return VideoRequest(**(good | fields))


def ordered(model: str, *, key_region: str | None = None, **fields: Any) -> Order:
    asked = request(model, **fields)
    return plan(asked, default_region=key_region, image=read_once(asked))


def refused(model: str, *, key_region: str | None = None, **fields: Any) -> dict[str, str]:
    """Every problem by field; fails if the request is good."""
    with pytest.raises(InvalidRequest) as caught:
        ordered(model, key_region=key_region, **fields)
    return {problem.field: str(problem) for problem in caught.value.problems}


def report(order: Order, field: str) -> Any:
    return next((row for row in order.explain if row.field == field), None)


@pytest.mark.parametrize("model", MODEL_NAMES)
def test_every_model_has_a_good_request(model: str):
    order = ordered(model)

    assert order.model == model
    assert order.region == card(model).regions[0]


@pytest.mark.parametrize(
    ("model", "fields", "field", "said"),
    [
        # duration
        (PLUS, {"duration": 4}, "duration", "Allowed: 5 "),  # the service: customization is not supported
        (TURBO, {"duration": 10}, "duration", "Allowed: 5 "),
        (FLASH22, {"duration": 10}, "duration", "Allowed: 5 "),  # as all of its generation
        (FLASH, {"duration": 1}, "duration", "2 to 15"),
        (FLASH, {"duration": 16}, "duration", "2 to 15"),
        (I2V_US, {"duration": 7}, "duration", "5, 10, 15"),
        (T2V_US, {"duration": 15}, "duration", "inconsistently"),  # guide and reference disagree
        (I2V, {"duration": 7, "region": "us-east-1"}, "duration", "5, 10, 15"),  # Global scope
        (I2V, {"duration": 7, "region": "eu-central-1"}, "duration", "eu-central-1"),
        (FLASH, {"duration": 10**4400}, "duration", "bits"),  # too long for Python to print
        # size
        (PLUS, {"size": "1280*720"}, "size", "which is the default"),  # it has no 720P
        (FLASH, {"size": "832*480"}, "size", "480P"),  # 2.6 starts at 720P
        (TURBO, {"size": "1920*1080"}, "size", "1080P"),
        (FLASH, {"size": "1280x720"}, "size", "with an asterisk and without spaces: 1280*720"),
        (FLASH, {"size": "1280 × 720"}, "size", "1280*720."),
        (FLASH, {"size": "1280X720 "}, "size", "1280*720."),
        (PLUS, {"size": "1280x720"}, "size", "And wan2.2-t2v-plus does not make it"),
        (FLASH, {"size": "720P"}, "size", "not a tier"),
        (FLASH, {"size": "16:9"}, "size", "not a ratio"),
        (FLASH, {"size": "１２８０*７２０"}, "size", "width and height"),  # digits of another script
        (FLASH, {"size": "1280*720\n"}, "size", "1280*720."),
        (FLASH, {"size": ""}, "size", "width and height"),
        (FLASH22, {"size": "big"}, "size", "width and height"),
        (FLASH22, {"size": "99999*99999"}, "size", "width and height"),
        # seed, rate, take
        (TURBO, {"seed": -1}, "seed", "0 to 2147483647"),
        (TURBO, {"seed": 2**31}, "seed", "0 to 2147483647"),
        (TURBO, {"fps": 0}, "fps", "1 to 60"),
        (TURBO, {"fps": 61}, "fps", "1 to 60"),
        (TURBO, {"fps": 119.88}, "fps", "119.88: is not a frame rate that is made here. Allowed: 1 to 60"),
        (TURBO, {"fps": 0.5}, "fps", "1 to 60"),
        (TURBO, {"fps": 10**400}, "fps", "1 to 60"),
        (TURBO, {"fps": 1e300}, "fps", "1 to 60"),
        (
            TURBO,
            {"duration": 4.5},
            "duration",
            "4.5: wanx2.1-t2v-turbo does not make clips of this length. Allowed: 5",
        ),
        (FLASH, {"duration": 4.5}, "duration", "2 to 15 (whole seconds)"),
        (FLASH, {"duration": -1}, "duration", "2 to 15"),
        (FLASH, {"duration": 10**400}, "duration", "2 to 15"),
        (TURBO, {"take": 0}, "take", "1 to"),
        # prompts: the provider cuts and bills
        (TURBO, {"prompt": "x" * 801}, "prompt", "1 too long"),
        (PLUS, {"prompt": "猫" * 801}, "prompt", "800 characters"),  # a Han character counts as one
        (FLASH, {"prompt": "x" * 1501}, "prompt", "1500 characters"),
        (TURBO, {"prompt": " \n\t "}, "prompt", "empty"),
        (TURBO, {"prompt": "a\0b"}, "prompt", "U+0000"),
        (TURBO, {"prompt": "a\x1b[31mb"}, "prompt", "U+001B"),  # would colour a terminal
        (FLASH, {"negative_prompt": "x" * 501}, "negative_prompt", "500 characters"),
        (FLASH, {"negative_prompt": "a\0"}, "negative_prompt", "U+0000"),
        # image
        (FLASH, {"reference_image": None}, "reference_image", "give the first frame"),
        (TURBO, {"reference_image": IMAGE}, "reference_image", "from text alone"),
        (FLASH, {"pad_color": "black"}, "pad_color", "#RRGGBB"),
        # sound
        (TURBO, {"audio": True}, "audio", "silent"),
        (FLASH22, {"audio": True}, "audio", "silent"),
        (PLUS, {"audio_url": "https://e.example/a.mp3"}, "audio_url", "takes no sound"),
        (FLASH, {"audio_url": "/home/me/a.mp3"}, "audio_url", "http:// or https://"),  # never a local file
        (FLASH, {"audio_url": "file:///etc/passwd"}, "audio_url", "http:// or https://"),
        (FLASH, {"audio_url": "oss://bucket/a.mp3"}, "audio_url", "http:// or https://"),
        (FLASH, {"audio_url": "data:audio/mp3;base64,AA"}, "audio_url", "http:// or https://"),
        (FLASH, {"audio_url": "https:///a.mp3"}, "audio_url", "http:// or https://"),
        (FLASH, {"audio_url": "https://[::1/a.mp3"}, "audio_url", "readable"),
        (FLASH, {"audio_url": "https://e.example/声.mp3"}, "audio_url", "percent-encoded"),
        (FLASH, {"audio_url": "https://e.example/a b.mp3"}, "audio_url", "percent-encoded"),
        (FLASH, {"audio_url": "https://me:pw@e.example/a.mp3"}, "audio_url", "password"),
        # the provider lets audio=false win, so the sound would be ignored
        (FLASH, {"audio_url": "https://e.example/a.mp3", "audio": False}, "audio_url", "ignores it"),
        # the rest
        (TURBO, {"shot_type": "multi"}, "shot_type", "no shot type"),
        (TURBO, {"region": "ap-southeast-1"}, "region", "wan2.1-t2v-turbo, which is not one of the seven"),
        (T2V_US, {"region": "cn-beijing"}, "region", "Allowed: us-east-1"),
        (FLASH, {"region": "us-east-1"}, "region", "cn-beijing, ap-southeast-1"),
        (FLASH, {"region": "atlantis"}, "region", "eu-central-1"),
        (FLASH, {"region": ""}, "region", "not a region"),
        # no page says that it draws one, and a label that is not there is none
        (
            FLASH22,
            {"visible_label": "provider"},
            "visible_label",
            "own, none, or provider with one of wan2.2-t2v-plus",
        ),
    ],
)
def test_what_a_model_cannot_do_is_refused_with_what_it_can(
    model: str, fields: dict[str, Any], field: str, said: str
):
    problems = refused(model, **fields)

    assert list(problems) == [field]
    assert said in problems[field]


@pytest.mark.parametrize("model", MODEL_NAMES)
def test_the_longest_prompt_passes_and_one_more_does_not(model: str):
    most = 800 if card(model).prompt_max == 800 else 1500

    assert ordered(model, prompt="🐈" * most).request.prompt == "🐈" * most
    assert "prompt" in refused(model, prompt="🐈" * (most + 1))


@pytest.mark.parametrize("model", MODEL_NAMES)
def test_every_offered_size_and_length_passes(model: str):
    for size in card(model).sizes:
        assert ordered(model, size=size).request.size == size
    for where in card(model).regions:
        for seconds in card(model).durations_of(where):
            assert ordered(model, duration=seconds, region=where).quote.seconds == seconds


def test_the_seconds_of_a_misspelt_model_are_checked_as_those_of_the_nearest():
    found = {p.field for p in request_problems(VideoRequest(prompt="x", model="wan2.6-i2v-us ", duration=7))}

    assert found == {"model", "duration", "reference_image"}


def test_for_a_model_that_looks_like_none_the_common_rules_are_checked():
    asked = VideoRequest(
        prompt="x" * 2000, model="sora", duration=60, size="4K", fps=Fraction(99), seed=-2, take=0
    )

    found = {problem.field for problem in request_problems(asked)}

    assert found == {"model", "prompt", "duration", "size", "fps", "seed", "take"}


def test_problems_of_the_image_come_with_all_others():
    problems = refused(FLASH, reference_image=b"<html>", duration=99, prompt="")

    assert set(problems) == {"reference_image", "duration", "prompt"}


# ---------------------------------------------------------------------------------------------------- regions


@pytest.mark.parametrize(
    ("model", "asked", "of_the_key", "region", "why"),
    [
        (FLASH, None, None, "cn-beijing", "nothing known: the first region of the model"),
        (FLASH, None, "ap-southeast-1", "ap-southeast-1", "the region of the key"),
        (FLASH, "cn-beijing", "ap-southeast-1", "cn-beijing", "what is asked wins"),
        (T2V_US, None, None, "us-east-1", "the only region of the model"),
        (I2V, None, "eu-central-1", "eu-central-1", "Global scope"),
        (FLASH22, None, "us-east-1", "us-east-1", "documented nowhere, so ruled out nowhere"),
    ],
)
def test_the_region_is_the_one_asked_for_or_that_of_the_key(
    model: str, asked: str | None, of_the_key: str | None, region: str, why: str
):
    assert ordered(model, region=asked, key_region=of_the_key).region == region


def test_a_key_of_a_region_without_the_model_is_a_problem_and_never_another_region():
    problems = refused(T2V_US, key_region="ap-southeast-1")

    assert "key or the settings" in problems["region"]
    assert "us-east-1" in problems["region"]


# ------------------------------------------------------------------------------------------- what becomes of it


@pytest.mark.parametrize(
    ("model", "fields", "field", "action"),
    [
        (FLASH, {}, "fps", "native"),
        (FLASH, {"fps": 24}, "fps", "emulated"),
        (FLASH, {"fps": 24, "conform": "never"}, "fps", "dropped"),
        (FLASH22, {}, "fps", "emulated"),  # its rate is not known, so 30 is made, too
        (FLASH, {"motion_strength": 0.5}, "motion_strength", "dropped"),
        (TURBO, {}, "size", "sent"),
        (FLASH, {}, "size", "converted"),
        (FLASH, {}, "duration", "sent"),
        (TURBO, {}, "duration", "native"),
        (FLASH, {}, "seed", "chosen"),
        (FLASH, {"seed": 0}, "seed", "sent"),
        (FLASH, {}, "audio", "chosen"),
        (FLASH, {"audio": False}, "audio", "sent"),
        (I2V, {"audio": False}, "audio", "dropped"),  # it cannot be silent
        (I2V, {"audio": True}, "audio", "native"),
        (TURBO, {"audio": False}, "audio", "native"),
        (FLASH22, {"audio": False}, "audio", "dropped"),  # nobody says whether it is
        (FLASH, {}, "prompt_extend", "chosen"),
        (FLASH, {"prompt": " a boat\n"}, "prompt", "converted"),
        (FLASH, {}, "reference_image", "sent"),
        (FLASH, {"size": "720*1280"}, "reference_image", "converted"),
        (FLASH, {"visible_label": "own"}, "visible_label", "emulated"),
        (FLASH, {"visible_label": "provider"}, "visible_label", "converted"),
        (FLASH, {"visible_label": "provider"}, "watermark", "converted"),
        (FLASH, {"visible_label": "provider", "watermark": True}, "watermark", "sent"),
    ],
)
def test_every_field_says_what_becomes_of_it(model: str, fields: dict[str, Any], field: str, action: str):
    row = report(ordered(model, **fields), field)

    assert row.action == action
    assert row.reason.endswith(".")
    assert row.source


def test_what_is_dropped_is_warned_about_and_refused_when_strict():
    fields: dict[str, Any] = {"motion_strength": 0.5, "fps": 25, "conform": "never", "audio": False}

    warnings = ordered(I2V, **fields).warnings
    problems = refused(I2V, strict=True, **fields)

    assert {warning.split(":")[0] for warning in warnings} == {"fps", "motion_strength", "audio"}
    assert set(problems) == {"fps", "motion_strength", "audio"}
    assert all("strict is on" in said for said in problems.values())


def test_strict_lets_pass_what_is_only_emulated_or_converted():
    order = ordered(FLASH, strict=True, fps=24, size="1920*1080")

    assert (report(order, "fps").action, report(order, "size").action) == ("emulated", "converted")


def test_the_undocumented_model_is_offered_with_a_warning():
    order = ordered(FLASH22, size="1234*567")

    assert "in no official table" in order.warnings[0]
    assert order.wire_body()["parameters"]["size"] == "1234*567"


def test_a_shot_type_without_prompt_extend_is_warned_about():
    quiet = ordered(FLASH, shot_type="multi")
    warned = ordered(FLASH, shot_type="multi", prompt_extend=False)

    assert not quiet.warnings
    assert "no effect" in warned.warnings[0]


def test_a_size_that_the_provider_only_comes_near_to_is_said():
    conformed = ordered(FLASH, size="1920*1080")
    left = ordered(FLASH, size="1920*1080", conform="never")

    assert "1920*1072" in report(conformed, "size").reason
    assert any("1920*1072" in warning for warning in left.warnings)


def test_planning_an_image_order_without_its_image_is_a_mistake_of_the_caller():
    with pytest.raises(ValueError, match="read_reference"):
        plan(request(FLASH))
