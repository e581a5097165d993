"""The request and the response: their types, their form, and what is said when they cannot be read."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest

from footage.errors import InvalidRequest
from footage.order import request_problems
from footage.order.parse import parse_request
from footage.request import Cost, VideoRequest, VideoResponse


def problems_of(data: Any) -> dict[str, str]:
    """Every problem of a request by field, however far it can be read."""
    try:
        return {p.field: str(p) for p in request_problems(parse_request(data))}
    except InvalidRequest as error:
        return {p.field: str(p) for p in error.problems}


def test_a_request_with_mistakes_of_every_kind_gets_one_answer_naming_all():
    data = {
        "prompt": "a boat",
        "model": "wan2.6-i2v-fast",  # no such model
        "duration": 99,  # beyond every model
        "size": "1280x720",  # the wrong sign
        "seed": -1,  # out of range
        "frame_rate": 24,  # no such field
        # and an i2v model without an image
    }

    found = problems_of(data)

    assert set(found) == {"model", "duration", "size", "seed", "frame_rate", "reference_image"}
    assert "wan2.6-i2v-flash" in found["model"]
    assert "2 to 15" in found["duration"]
    assert "1280*720" in found["size"]
    assert "2147483647" in found["seed"]
    assert "fps" in found["frame_rate"]


def test_types_and_rules_are_reported_together():
    found = problems_of(
        {"prompt": 7, "duration": "5", "seed": 2**31, "audio": 1, "conform": "yes", "take": 0}
    )

    assert set(found) == {"prompt", "duration", "seed", "audio", "conform", "take", "reference_image"}
    assert "must be text; this is a number" in found["prompt"]
    assert "must be a number; this is text: write 5 without quotes." in found["duration"]
    assert "'auto' or 'never'" in found["conform"]


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("duration", True, "true or false"),  # Python's True is 1
        ("duration", 4.5, "Allowed: 2 to 15 (whole seconds)"),
        ("duration", float("nan"), "must be a finite number"),
        ("duration", float("inf"), "must be a finite number"),
        ("duration", 1e400, "must be a finite number"),
        ("duration", "five", "must be a number; this is text."),
        ("fps", True, "true or false"),
        ("fps", None, "nothing (null)"),
        ("fps", float("nan"), "must be a number such as 24 or 23.976"),
        ("fps", "24", "this is text: write 24 without quotes"),
        ("fps", "23.976", "write 23.976 without quotes"),
        ("fps", "24/0", "this is text."),
        ("fps", "24fps", "this is text."),
        ("fps", [24], "a list"),
        ("seed", 1.5, "seed = 1.5: must be a whole number."),
        ("seed", float("inf"), "must be a finite number"),
        ("motion_strength", float("nan"), "must be a finite number"),
        ("motion_strength", 10**400, "must be a number below"),
        ("duration", None, "nothing (null)"),
        ("seed", "1", "text"),
        ("motion_strength", "0.5", "text"),
        ("motion_strength", True, "true or false"),
        ("prompt", None, "nothing (null)"),
        ("prompt", ["a"], "a list"),
        ("prompt", "a\ud83db", "half of a character"),
        ("reference_image", "a\udfff.png", "half of a character"),
        ("region", "\ud800", "half of a character"),
        ("watermark", "no", "true or false"),
        ("shot_type", "double", "'single' or 'multi'"),
        ("visible_label", "mine", "'none', 'provider' or 'own'"),
        ("visible_label", True, "'none', 'provider' or 'own'"),
        ("visible_label", None, "'none', 'provider' or 'own'"),
        ("reference_image", 12, "a number"),
        ("reference_image", {"url": "x"}, "an object"),
    ],
)
def test_a_value_of_the_wrong_type_is_explained(field: str, value: object, said: str):
    found = problems_of({"prompt": "a boat", "model": "wan2.6-i2v", "reference_image": "x.png", field: value})

    assert said in found[field]
    assert set(found) == {field}


def test_a_missing_prompt_is_named_and_the_rest_is_still_checked():
    assert set(problems_of({"model": "wan2.2-t2v-plus", "size": "832*480", "seed": -5})) == {"prompt", "seed"}


def test_a_whole_number_may_be_written_with_a_point():
    request = parse_request({"prompt": "a boat", "duration": 5.0, "seed": 7.0, "fps": 24.0})

    assert (request.duration, request.seed, request.fps) == (5, 7, 24)
    assert json.loads(request.model_dump_json(include={"duration", "fps"})) == {"duration": 5, "fps": 24}


@pytest.mark.parametrize("written", [23.976, 23.98, 23.9760239760, 24000 / 1001, "24000/1001"])
def test_a_film_rate_is_the_same_exact_rate_however_it_is_written(written: float | str):
    request = parse_request({"prompt": "a boat", "fps": written})

    assert request.fps == Fraction(24000, 1001)
    assert json.loads(request.model_dump_json())["fps"] == "24000/1001"
    assert parse_request(json.loads(request.model_dump_json())) == request


@pytest.mark.parametrize("data", [None, [], "prompt", 3, [("prompt", "x")]])
def test_something_that_is_no_object_is_refused(data: Any):
    with pytest.raises(InvalidRequest, match="A request is an object"):
        parse_request(data)


@pytest.mark.parametrize(
    ("wrong", "meant"),
    [
        ("image_url", "reference_image"),
        ("resolution", "size"),
        ("FPS", "fps"),
        ("negativ_prompt", "negative_prompt"),
        ("prompts", "prompt"),
        ("seconds", "duration"),
    ],
)
def test_an_unknown_field_gets_the_name_that_was_meant(wrong: str, meant: str):
    found = problems_of({"prompt": "a boat", "model": "wanx2.1-t2v-turbo", wrong: 1})

    assert f"Did you mean {meant}?" in found[wrong]


KEY = "sk-0123456789abcdef0123456789abcdef"


@pytest.mark.parametrize(
    "data",
    [
        {"prompt": "a boat", "api_key": KEY},
        {"prompt": "a boat", "model": KEY},
        {"prompt": "a boat", "note": f"my key is {KEY}"},
        {"prompt": "a boat", "region": f"Bearer {KEY}"},
        {"prompt": "a boat", KEY: 1},
        {"prompt": "a boat", "duration": KEY},
        {"prompt": "a boat", "extra": {"deep": [KEY]}},
        {"prompt": "a boat", "token": "abcdefgh"},
        {"prompt": "a boat", "size": "x" * 50 + " " + KEY},
        {"prompt": "a boat", "reference_image": f"https://u:{KEY}@h/x.png?Signature={KEY}", "duration": 99},
    ],
)
def test_nothing_that_looks_like_a_key_is_repeated(data: dict[str, Any]):
    said = " ".join(problems_of(data).values())

    assert said
    assert KEY not in said
    assert KEY[:16] not in said
    assert "abcdefgh" not in said


def test_image_data_and_long_values_are_not_repeated():
    data = {
        "prompt": "a boat",
        "size": "9" * 5000,
        "seed": 10**5000,
        "img": "data:image/png;base64," + "A" * 9000,
    }

    found = problems_of(data)

    assert {"size", "seed", "img"} <= set(found)
    assert all(len(text) < 500 for text in found.values())
    assert "AAAA" not in found["img"]


def test_validating_directly_does_not_repeat_values_either():
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - pydantic's own error
        VideoRequest.model_validate({"prompt": "x", "duration": KEY})

    assert KEY not in str(caught.value)


def test_the_form_has_a_description_for_every_field_and_an_image_as_text():
    for model in (VideoRequest, VideoResponse, Cost):
        for name, field in model.model_json_schema()["properties"].items():
            assert len(field.get("description", "")) > 10, name

    schema = VideoRequest.model_json_schema()
    assert schema["required"] == ["prompt"]
    assert schema["properties"]["reference_image"]["anyOf"] == [{"type": "string"}, {"type": "null"}]
    assert len(schema["properties"]["model"]["enum"]) == 7
    assert schema["properties"]["duration"]["type"] == "number"
    assert schema["properties"]["fps"]["anyOf"][0] == {"type": "number"}
    assert schema["properties"]["fps"]["default"] == 30
    json.dumps(schema)


def test_a_request_with_image_bytes_survives_json():
    request = VideoRequest(prompt="a boat", reference_image=b"\xff\xd8\xff\x00")

    again = VideoRequest.model_validate_json(request.model_dump_json())

    assert again.reference_image == "data:application/octet-stream;base64,/9j/AA=="


def test_a_response_is_plain_json_with_money_as_text():
    response = VideoResponse(
        video_url="output/videos/k.mp4",
        duration=5.0,
        fps=30.0,
        seed=1,
        key="k",
        model="wan2.6-i2v",
        region="cn-beijing",
        task_id="t",
        size="1280*720",
        size_bytes=10,
        sha256="0" * 64,
        cost=Cost(
            amount=Decimal("1.834810"),
            currency="CNY",
            billed_seconds=Decimal(5),
            source="Model pricing",
            read_on=date(2026, 10, 11),
        ),
        cached=False,
        evidence_url="output/evidence/k",
    )

    document = json.loads(response.model_dump_json())

    assert document["cost"]["amount"] == "1.834810"
    assert document["warnings"] == []
    assert VideoResponse.model_validate(document) == response


def test_checking_a_request_imports_nothing_heavy():
    program = (
        "import sys, footage.request, footage.catalogue, footage.order, footage.reference;"
        "print([m for m in ('PIL', 'dashscope', 'av', 'prefect', 'fsspec', 'requests') if m in sys.modules])"
    )

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"
