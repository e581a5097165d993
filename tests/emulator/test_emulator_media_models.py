"""The models whose inputs are a list of media: what the service says of a wrong one, and what it bills."""

from __future__ import annotations

import base64
import io
import wave
from random import Random
from typing import Any

import pytest

from footage.emulator import Emulator
from footage.emulator.checks import judge
from footage.emulator.knobs import Knobs
from footage.emulator.media_checks import Item, judge_item, judge_lengths
from footage.emulator.model_specs import MODELS
from footage.emulator.reference_media import BadMediaError
from footage.emulator.tasks import Plan, usage

I2V, R2V, T2V, WAN3 = "wan2.7-i2v", "wan2.7-r2v", "wan2.7-t2v", "wan3.0-video"


def media(*types: str) -> dict[str, Any]:
    return {"prompt": "a cat", "media": [{"type": one, "url": f"https://e.example/{one}"} for one in types]}


def verdict(
    model: str, given: dict[str, Any], parameters: dict[str, Any] | None = None, **knobs: Any
) -> str | None:
    body = {"model": model, "input": given, "parameters": parameters or {}}
    _, found = judge(body, Knobs(**knobs), Random(0))
    return None if found is None else found[1]


@pytest.mark.parametrize(
    ("model", "given", "parameters", "said"),
    [
        (I2V, {"prompt": "a cat"}, {}, "Field required: input.media"),
        (I2V, {"prompt": "a cat", "img_url": "https://e.example/a.png"}, {}, "Field required: input.media"),
        (
            I2V,
            media("reference_image"),
            {},
            "Input should be 'first_frame', 'last_frame', 'driving_audio' or 'first_clip'",
        ),
        (
            R2V,
            media("last_frame"),
            {},
            "Input should be 'reference_image', 'reference_video' or 'first_frame'",
        ),
        (R2V, media("first_frame"), {}, "Only first frame provided is not allowed"),
        (T2V, {"prompt": "a cat"}, {"duration": 16}, "Duration should be between 2 and 15"),
        (I2V, media("first_frame"), {"duration": 1}, "Duration should be between 2 and 15"),
        (
            T2V,
            {"prompt": "a cat"},
            {"resolution": "480P"},
            "Input should be '1080P' or '720P': parameters.resolution",
        ),
        (
            I2V,
            {"prompt": "a cat"},
            {"resolution": "4K"},
            "Field required: input.media & Input should be '1080P' or '720P': parameters.resolution",
        ),
        (
            T2V,
            {"prompt": "a cat"},
            {"size": "1280x720"},
            "Invalid input format, expected format like '480*832'",
        ),
        (
            WAN3,
            media("first_frame", "reference_image"),
            {},
            "The two modes are mutually exclusive. "
            "Do not pass reference_xx and first_frame/last_frame at the same time.",
        ),
    ],
)
def test_a_wrong_medium_or_parameter_fails_with_the_services_words(
    model: str, given: dict[str, Any], parameters: dict[str, Any], said: str
) -> None:
    assert verdict(model, given, parameters) == said


@pytest.mark.parametrize(
    ("model", "given", "parameters"),
    [
        (T2V, {"prompt": "a cat"}, {"resolution": "720P", "ratio": "4:3", "duration": 2}),
        (I2V, media("first_frame"), {}),
        (I2V, media("first_frame", "last_frame", "driving_audio"), {}),
        (I2V, media("first_clip", "last_frame"), {}),
        (R2V, media("reference_image", "reference_video", "first_frame"), {"duration": 10}),
        (WAN3, {"prompt": "a cat"}, {"duration": -1, "seed": -1, "ratio": "adaptive"}),
        (WAN3, media("first_frame", "last_frame"), {"duration": 30}),
        (WAN3, media("reference_image", "reference_video", "reference_audio", "link"), {"audio": False}),
        (WAN3, {"media": media("first_frame")["media"]}, {}),
    ],
)
def test_what_the_pages_list_passes(model: str, given: dict[str, Any], parameters: dict[str, Any]) -> None:
    assert verdict(model, given, parameters) is None


@pytest.mark.parametrize(
    ("knobs", "model", "given", "parameters", "passes"),
    [
        ({}, T2V, media("first_frame"), {}, True),
        ({"media_extra_on_t2v": "fail"}, T2V, media("first_frame"), {}, False),
        ({}, WAN3, {"prompt": "a cat", "negative_prompt": "fog"}, {}, True),
        ({"wan3_negative_prompt": "fail"}, WAN3, {"prompt": "a cat", "negative_prompt": "fog"}, {}, False),
        ({}, WAN3, media("last_frame"), {}, False),
        ({"wan3_lone_last_frame": "accept"}, WAN3, media("last_frame"), {}, True),
        ({}, WAN3, media("reference_audio"), {}, True),
        ({"wan3_lone_audio": "fail"}, WAN3, media("reference_audio"), {}, False),
        ({}, T2V, {"prompt": "a cat"}, {"size": "1280*720"}, True),
        ({"wan27_size": "fail"}, T2V, {"prompt": "a cat"}, {"size": "1280*720"}, False),
        ({"wan27_ratio_43": "fail"}, T2V, {"prompt": "a cat"}, {"ratio": "4:3"}, False),
        ({}, I2V, media("first_frame"), {"ratio": "16:9"}, True),
        ({"wan27_i2v_ratio": "fail"}, I2V, media("first_frame"), {"ratio": "16:9"}, False),
        ({}, I2V, media("first_frame") | {"prompt": None}, {}, True),
        ({"wan27_null_prompt": "fail"}, I2V, media("first_frame") | {"prompt": None}, {}, False),
        ({}, T2V, {"prompt": "a" * 5001}, {}, True),
        ({"prompt_overlong": "fail"}, T2V, {"prompt": "a" * 5001}, {}, False),
    ],
)
def test_what_no_page_settles_is_a_knob(
    knobs: dict[str, Any], model: str, given: dict[str, Any], parameters: dict[str, Any], passes: bool
) -> None:
    assert (verdict(model, given, parameters, **knobs) is None) == passes


def test_only_the_first_of_several_faults_is_told_where_that_is_so() -> None:
    assert (
        verdict(I2V, {"prompt": "a cat"}, {"resolution": "4K"}, joined_errors="first")
        == "Field required: input.media"
    )


def plan(duration_s: int = 5, **fields: Any) -> Plan:
    return Plan(1280, 720, "720P", duration_s, 7, audio=True, watermark=False, ratio="16:9", **fields)


def clip(role: str, length_s: float) -> tuple[Item, dict[str, Any]]:
    item = Item(role, "https://e.example/a.mp4", "video", (2, 10) if role == "first_clip" else (1, 30))
    return item, {"format": "mp4", "duration_s": length_s, "fps": 30.0, "width": 640, "height": 360}


@pytest.mark.parametrize(
    ("model", "role", "length_s", "duration_s", "said"),
    [
        (
            I2V,
            "first_clip",
            2.07,
            2,
            "first_clip duration (2.07s after trim) must be less than the requested duration (2s)",
        ),
        (I2V, "first_clip", 14.2, 15, "https://e.example/a.mp4 duration should be at most 10s, got 14.2s"),
        (
            WAN3,
            "reference_video",
            14.0,
            20,
            "The total duration of input and output videos should be at most 30s",
        ),
    ],
)
def test_a_clip_of_a_wrong_length_fails_with_the_services_words(
    model: str, role: str, length_s: float, duration_s: int, said: str
) -> None:
    item, facts = clip(role, length_s)

    def judged() -> None:
        judge_item(item, facts, 1000)
        judge_lengths(MODELS[model], plan(duration_s), [(item, facts)], Knobs())

    with pytest.raises(BadMediaError) as caught:
        judged()
    assert caught.value.message == said


@pytest.mark.parametrize(
    ("model", "lengths_s", "knobs", "billed_s"),
    [
        (R2V, [3.0], {}, 3.0),
        (R2V, [4.0, 4.0], {}, 5.0),
        (R2V, [4.0, 4.0], {"r2v_input_billing": "split"}, 5.0),
        (R2V, [4.0, 1.0], {"r2v_input_billing": "split"}, 3.5),
        (WAN3, [4.0, 4.0], {}, 8.0),
        (I2V, [4.0], {}, 0.0),
    ],
)
def test_seconds_that_go_in_are_billed_as_the_price_page_says(
    model: str, lengths_s: list[float], knobs: dict[str, Any], billed_s: float
) -> None:
    seen = [clip("reference_video", length_s) for length_s in lengths_s]

    assert judge_lengths(MODELS[model], plan(), seen, Knobs(**knobs)) == billed_s


def test_usage_has_the_fields_of_its_generation() -> None:
    paid = plan(10, billed_input_s=5.0)

    assert usage(R2V, paid, Knobs()) == {
        "duration": 15, "input_video_duration": 5, "output_video_duration": 10, "video_count": 1, "SR": 720,
        "ratio": "16:9",
    }  # fmt: skip
    assert "ratio" not in usage(I2V, paid, Knobs())
    live = usage(WAN3, plan(3), Knobs(usage_types="ints"))
    assert live == {
        "duration": 3, "input_video_duration": 0, "output_video_duration": 3, "video_count": 1, "SR": 720, "fps": 30,
        "ratio": "16:9",
    }  # fmt: skip
    assert all(type(value) is not float for value in live.values())


def _voice() -> str:
    file = io.BytesIO()
    with wave.open(file, "wb") as voice:
        voice.setnchannels(1)
        voice.setsampwidth(2)
        voice.setframerate(8000)
        voice.writeframes(b"\0\0" * 16000)
    return "data:audio/wav;base64," + base64.b64encode(file.getvalue()).decode()


@pytest.mark.parametrize(
    ("knobs", "item", "ends"),
    [
        ({}, {"type": "reference_audio", "url": _voice()}, "FAILED"),
        ({"reference_voice_data_uri": "accept"}, {"type": "reference_audio", "url": _voice()}, "SUCCEEDED"),
        ({}, {"type": "link", "url": "https://e.example/page"}, "SUCCEEDED"),
        ({"link_fetch": "fail"}, {"type": "link", "url": "https://e.example/page"}, "FAILED"),
    ],
)
def test_what_is_fetched_decides_how_a_task_ends(
    make_api: Any, knobs: dict[str, Any], item: dict[str, str], ends: str
) -> None:
    with Emulator(speed=10_000, render="tiny", **knobs) as emulator, make_api(emulator) as api:
        body = {
            "model": WAN3,
            "input": {"prompt": "a cat", "media": [item]},
            "parameters": {"resolution": "480P", "duration": 2},
        }
        task_id = api.post(body).raise_for_status().json()["output"]["task_id"]

        assert api.finish(task_id)["task_status"] == ends
