"""Parameter errors come back as a task that fails seconds later, with the documented or measured words."""

from random import Random
from typing import Any

import pytest

from footage.emulator.checks import judge
from footage.emulator.knobs import Knobs
from footage.emulator.model_specs import MODELS, i2v_size

T2V, I2V = {"prompt": "a cat"}, {"prompt": "a cat", "img_url": "https://e.x/a.png"}
WAN22_SIZES = "1080*1920,1920*1080,1440*1440,1632*1248,1248*1632,480*832,832*480,624*624"


def verdict(model: str, given: dict[str, Any], parameters: dict[str, Any], **knobs: Any) -> str | None:
    body = {"model": model, "input": given, "parameters": parameters}
    plan, why = judge(body, Knobs(**knobs), Random(0))
    assert (plan is None) == (why is not None)
    return why[1] if why else None


@pytest.mark.parametrize(
    ("model", "given", "parameters", "message"),
    [
        ("wan2.2-t2v-plus", {}, {}, "Field required: input.prompt"),
        ("wan2.2-t2v-plus", {"prompt": None}, {}, "Input should be a valid string: input.prompt"),
        ("wan2.2-t2v-plus", {"prompt": 7}, {}, "Input should be a valid string: input.prompt"),
        ("wan2.2-t2v-plus", T2V, {"size": "1280*720"}, f"size must be in {WAN22_SIZES}"),
        ("wan2.2-t2v-plus", T2V, {"size": "832x480"}, f"size must be in {WAN22_SIZES}"),
        ("wan2.2-t2v-plus", T2V, {"duration": 8}, "duration customization is not supported"),
        ("wanx2.1-t2v-turbo", T2V, {"duration": 3}, "duration customization is not supported"),
        ("wan2.6-t2v-us", T2V, {"duration": 15}, "Input should be 5 or 10: parameters.duration"),
        ("wan2.6-i2v-us", I2V, {"duration": 7}, "Input should be 5, 10 or 15: parameters.duration"),
        ("wan2.6-i2v", I2V, {"duration": 16}, "Duration should be between 2 and 15"),
        ("wan2.6-i2v", I2V, {"duration": "5"}, "Input should be a valid integer: parameters.duration"),
        ("wan2.6-i2v", {"prompt": "a cat"}, {}, "Field required: input.img_url"),
        (
            "wan2.6-i2v",
            I2V,
            {"resolution": "480P"},
            "Input should be '1080P' or '720P': parameters.resolution",
        ),
        (
            "wan2.6-i2v",
            I2V,
            {"resolution": "720p"},
            "Input should be '1080P' or '720P': parameters.resolution",
        ),
        ("wan2.6-i2v", I2V, {"shot_type": "x"}, "Input should be 'single' or 'multi': parameters.shot_type"),
        ("wan2.6-i2v", I2V, {"seed": -1}, "Input should be greater than or equal to 0: parameters.seed"),
        (
            "wan2.2-t2v-plus",
            T2V,
            {"seed": 2**31},
            "Input should be less than or equal to 2147483647: parameters.seed",
        ),
        (
            "wan2.2-t2v-plus",
            T2V,
            {"watermark": "no"},
            "Input should be a valid boolean: parameters.watermark",
        ),
    ],
)
def test_a_wrong_parameter_fails_with_the_services_words(
    model: str, given: dict[str, Any], parameters: dict[str, Any], message: str
) -> None:
    assert verdict(model, given, parameters) == message


@pytest.mark.parametrize(
    ("model", "given", "parameters"),
    [
        ("wan2.2-t2v-plus", T2V, {"duration": 5}),
        ("wan2.2-t2v-plus", T2V, {"resolution": "nonsense", "fps": 24}),
        ("wan2.6-i2v", I2V, {"size": "nonsense", "duration": 2}),
        ("wan2.6-i2v", {"img_url": "https://e.x/a.png"}, {}),
        ("wan2.6-i2v-flash", I2V, {"audio": False, "duration": 15}),
    ],
)
def test_foreign_and_permitted_parameters_pass(
    model: str, given: dict[str, Any], parameters: dict[str, Any]
) -> None:
    assert verdict(model, given, parameters) is None


@pytest.mark.parametrize(
    ("knobs", "model", "given", "parameters", "passes"),
    [
        ({"us_t2v_15s": True}, "wan2.6-t2v-us", T2V, {"duration": 15}, True),
        ({"fixed_duration": "refuse"}, "wan2.2-t2v-plus", T2V, {"duration": 5}, False),
        ({"empty_prompt": "accept"}, "wan2.2-t2v-plus", {"prompt": ""}, {}, True),
        ({"empty_prompt": "fail"}, "wan2.2-t2v-plus", {"prompt": " "}, {}, False),
        ({"unknown_parameters": "fail"}, "wan2.2-t2v-plus", T2V, {"fps": 24}, False),
    ],
)
def test_what_nobody_knows_is_a_knob(
    knobs: dict[str, Any], model: str, given: dict[str, Any], parameters: dict[str, Any], passes: bool
) -> None:
    assert (verdict(model, given, parameters, **knobs) is None) == passes


@pytest.mark.parametrize("model", [row.name for row in MODELS.values() if row.kind == "t2v"])
def test_every_listed_size_of_a_model_passes(model: str) -> None:
    for size in MODELS[model].sizes:
        assert verdict(model, T2V, {"size": size}) is None


def test_audio_follows_the_model() -> None:
    def audible(model: str, **parameters: Any) -> bool:
        given = I2V if "i2v" in model else T2V
        plan, _ = judge({"model": model, "input": given, "parameters": parameters}, Knobs(), Random(0))
        return plan is not None and plan.audio

    assert not audible("wan2.2-t2v-plus", audio=True)
    assert audible("wan2.6-i2v", audio=False)
    assert audible("wan2.6-i2v-flash")
    assert not audible("wan2.6-i2v-flash", audio=False)


def test_i2v_size_reproduces_the_documented_example() -> None:
    assert i2v_size(750, 1000, "720P") == (816, 1104)
    assert i2v_size(1920, 1080, "1080P") == (1920, 1072)
    assert i2v_size(1920, 1080, "1080P", "round16") == (1920, 1088)
