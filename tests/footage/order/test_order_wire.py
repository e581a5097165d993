"""What is sent, what is expected, what it costs, and that the order can be read again."""

from __future__ import annotations

import hashlib
import json
from decimal import Decimal
from typing import Any

import pytest
from pictures import picture, read_once

from footage.catalogue import MODEL_NAMES, card
from footage.errors import InvalidRequest
from footage.order import Order, explain_rows, plan
from footage.request import VideoRequest

IMAGE = picture()


def ordered(model: str, **fields: Any) -> Order:
    good: dict[str, Any] = {"prompt": "a boat", "model": model, "seed": 7}
    if card(model).kind == "i2v":
        good["reference_image"] = IMAGE
    if model == "wan2.2-t2v-plus":
        good["size"] = "832*480"
    asked = VideoRequest(**(good | fields))
    return plan(asked, image=read_once(asked, IMAGE))


def body(order: Order) -> dict[str, Any]:
    return order.wire_body("data:image/png;base64,AA==" if order.kind == "i2v" else None)


ALWAYS = {"seed": 7, "prompt_extend": True, "watermark": False}
IMAGE_INPUT = {"prompt": "a boat", "img_url": "data:image/png;base64,AA=="}


@pytest.mark.parametrize(
    ("model", "wire_input", "parameters"),
    [
        ("wan2.2-t2v-plus", {"prompt": "a boat"}, {"size": "832*480"}),
        ("wan2.2-t2v-flash", {"prompt": "a boat"}, {"size": "1280*720"}),
        ("wanx2.1-t2v-turbo", {"prompt": "a boat"}, {"size": "1280*720"}),
        ("wan2.6-t2v-us", {"prompt": "a boat"}, {"size": "1280*720", "duration": 5}),
        ("wan2.6-i2v-flash", IMAGE_INPUT, {"resolution": "720P", "duration": 5, "audio": True}),
        ("wan2.6-i2v", IMAGE_INPUT, {"resolution": "720P", "duration": 5}),
        ("wan2.6-i2v-us", IMAGE_INPUT, {"resolution": "720P", "duration": 5}),
    ],
)
def test_the_body_of_each_model_is_exactly_what_its_page_lists(
    model: str, wire_input: dict[str, Any], parameters: dict[str, Any]
):
    assert body(ordered(model)) == {"model": model, "input": wire_input, "parameters": parameters | ALWAYS}


def test_every_optional_field_has_its_place():
    order = ordered(
        "wan2.6-i2v-flash",
        negative_prompt=" blurry ",
        duration=15,
        size="1440*1440",
        prompt_extend=False,
        shot_type="multi",
        audio_url="https://e.example/a.mp3?x=1",
        watermark=True,
        motion_strength=0.4,
        fps=24,
    )

    assert body(order) == {
        "model": "wan2.6-i2v-flash",
        "input": {
            "prompt": "a boat",
            "negative_prompt": "blurry",
            "img_url": "data:image/png;base64,AA==",
            "audio_url": "https://e.example/a.mp3?x=1",
        },
        "parameters": {
            "resolution": "1080P",
            "duration": 15,
            "seed": 7,
            "prompt_extend": False,
            "shot_type": "multi",
            "audio": True,
            "watermark": True,
        },
    }


def test_the_providers_own_label_is_its_watermark_and_the_same_clip():
    by_label, by_name = (
        ordered("wanx2.1-t2v-turbo", visible_label="provider"),
        ordered("wanx2.1-t2v-turbo", watermark=True),
    )

    assert body(by_label) == body(by_name)
    assert body(by_label)["parameters"]["watermark"] is True
    assert by_label.key == by_name.key
    assert body(ordered("wanx2.1-t2v-turbo", visible_label="own"))["parameters"]["watermark"] is False


@pytest.mark.parametrize("model", MODEL_NAMES)
def test_nothing_is_ever_sent_that_no_page_knows_or_that_is_null(model: str):
    sent = body(ordered(model, fps=12, motion_strength=0.1, negative_prompt="", take=3))

    assert set(sent) == {"model", "input", "parameters"}
    assert None not in [*sent["input"].values(), *sent["parameters"].values()]
    assert not {"fps", "motion_strength", "take", "strict", "conform", "fit"} & (
        set(sent["parameters"]) | set(sent["input"])
    )
    assert ("size" in sent["parameters"]) == (card(model).kind == "t2v")
    assert ("resolution" in sent["parameters"]) == (card(model).kind == "i2v")
    assert "negative_prompt" not in sent["input"]
    json.dumps(sent, allow_nan=False)


def test_the_preview_is_the_body_with_a_placeholder_for_the_image():
    order = ordered("wan2.6-i2v")

    preview = order.wire_preview()

    assert "data: URI" in preview["input"]["img_url"]
    preview["input"]["img_url"] = "data:image/png;base64,AA=="
    assert preview == body(order)


@pytest.mark.parametrize(
    ("model", "image"), [("wan2.6-i2v", None), ("wan2.6-t2v-us", "data:image/png;base64,AA==")]
)
def test_an_image_is_sent_with_image_orders_and_no_other(model: str, image: str | None):
    with pytest.raises(ValueError, match="reference image"):
        ordered(model).wire_body(image)


# ------------------------------------------------------------------------------------------------- expectation


@pytest.mark.parametrize(
    ("fields", "asked", "delivered", "exact"),
    [
        ({"size": "1280*720"}, (1280, 720), (1280, 720), True),
        ({"size": "1920*1080"}, (1920, 1080), (1920, 1072), True),  # 1080 is no multiple of 16
        ({"size": "832*1088"}, (832, 1088), (832, 1088), True),
        # the documented example: 750*1000 at 720P gives 816*1104
        ({"fit": "keep", "reference_image": picture(750, 1000)}, (816, 1104), (816, 1104), False),
    ],
)
def test_the_delivered_size_of_an_image_clip_follows_the_image(
    fields: dict[str, Any], asked: tuple[int, int], delivered: tuple[int, int], exact: bool
):
    expected = ordered("wan2.6-i2v", **fields).expected

    assert (expected.width, expected.height) == asked
    assert (expected.delivered_width, expected.delivered_height) == delivered
    assert expected.exact_size is exact


@pytest.mark.parametrize(
    ("model", "audio", "sound"),
    [
        ("wan2.6-i2v-flash", None, True),
        ("wan2.6-i2v-flash", False, False),
        ("wan2.6-i2v", False, True),  # dropped: it cannot be silent
        ("wan2.2-t2v-plus", None, False),
        ("wan2.2-t2v-flash", None, None),  # nobody knows
    ],
)
def test_sound_is_expected_where_the_model_makes_it(model: str, audio: bool | None, sound: bool | None):
    assert ordered(model, audio=audio).expected.audio is sound


def test_the_rate_asked_for_stands_beside_the_one_that_comes():
    expected = ordered("wan2.6-t2v-us", fps=24, duration=10).expected

    assert (expected.fps, expected.native_fps, expected.duration_s) == (24, 30, 10)


def test_the_evidence_has_whole_rates_as_numbers_and_film_rates_exactly():
    for fps, kept in ((24, 24), (23.976, "24000/1001")):
        order = ordered("wan2.6-t2v-us", fps=fps)

        document = json.loads(json.dumps(order.to_json()))

        assert (document["request"]["fps"], document["expected"]["fps"]) == (kept, kept)
        assert Order.from_json(document).expected == order.expected
        assert next(row for row in document["explain"] if row["field"] == "fps")["asked"] == fps


# ------------------------------------------------------------------------------------------------------ price


@pytest.mark.parametrize(
    ("model", "fields", "amount", "usd"),
    [
        ("wan2.6-i2v-flash", {}, "1.50", "0.204381"),
        ("wan2.6-i2v-flash", {"audio": False}, "0.75", "0.102190"),  # half, silent
        ("wan2.6-i2v-flash", {"region": "ap-southeast-1", "duration": 10}, "3.669620", "0.500000"),
        ("wan2.6-i2v", {"size": "1920*1080", "audio": False}, "5.00", "0.681269"),  # sound is always there
        ("wan2.2-t2v-plus", {"size": "1080*1920"}, "3.50", "0.476889"),
        ("wan2.6-t2v-us", {"duration": 10}, "7.339240", "1.000000"),
    ],
)
def test_the_quote_is_the_price_per_second_times_the_seconds(
    model: str, fields: dict[str, Any], amount: str, usd: str
):
    quote = ordered(model, **fields).quote

    assert quote.known
    assert quote.amount == Decimal(amount)
    assert quote.currency == "CNY"
    assert quote.amount_usd == Decimal(usd)


@pytest.mark.parametrize(
    ("model", "fields", "rate", "whose"),
    [
        ("wan2.2-t2v-flash", {}, "1.100886", "any model"),
        ("wan2.6-i2v", {"region": "eu-central-1"}, "0.733924", "this model elsewhere"),
    ],
)
def test_an_unknown_price_is_quoted_at_the_highest_known_rate_and_said(
    model: str, fields: dict[str, Any], rate: str, whose: str
):
    order = ordered(model, **fields)

    assert not order.quote.known
    assert order.quote.price_per_second == Decimal(rate)
    assert whose in (order.quote.note or "")
    assert order.quote.note in order.warnings


# ------------------------------------------------------------------------------------------------ in evidence


@pytest.mark.parametrize("model", MODEL_NAMES)
def test_an_order_survives_json_and_still_sends_the_same(model: str):
    order = ordered(model, fps=24, motion_strength=0.5, negative_prompt="blurry")

    again = Order.from_json(json.loads(json.dumps(order.to_json(), allow_nan=False)))

    assert again == order
    assert body(again) == body(order)


def test_the_order_holds_neither_image_data_nor_passwords():
    links = "https://me:secret-word@e.example/i.png?Signature=secret-word"

    texts = [json.dumps(ordered("wan2.6-i2v", reference_image=given).to_json()) for given in (IMAGE, links)]

    assert all(len(text) < 12_000 for text in texts)
    assert "secret-word" not in texts[1]
    assert "https://e.example/i.png?…" in json.loads(texts[1])["request"]["reference_image"]


def test_a_signed_link_is_sent_whole_and_kept_without_its_signature():
    signed = "https://b.example/rain.mp3?v=2&Expires=17&OSSAccessKeyId=LTAI5tCANARY&Signature=caNarY%3D"
    order = ordered("wan2.6-t2v-us", audio_url=signed)
    kept = json.dumps([order.to_json(), order.wire_preview(), explain_rows(order), repr(order)])
    read_again = Order.from_json(order.to_json())

    assert order.wire_body()["input"]["audio_url"] == signed
    assert "https://b.example/rain.mp3?v=2&Expires=17" in kept
    assert "caNarY" not in kept
    assert "CANARY" not in kept
    assert read_again.audio_url_sha256 == hashlib.sha256(signed.encode()).hexdigest()
    with pytest.raises(InvalidRequest, match="signature of this link was not kept") as refused:
        read_again.wire_body()
    assert "original request again" in str(refused.value.next_step)


def test_a_link_that_opens_nothing_is_kept_whole_and_sent_again():
    link = "https://b.example/rain.mp3?id=7"
    order = Order.from_json(ordered("wan2.6-t2v-us", audio_url=link).to_json())

    assert order.audio_url_sha256 is None
    assert order.wire_body()["input"]["audio_url"] == link


def test_the_order_names_the_hash_of_the_image_as_given():
    image = ordered("wan2.6-i2v", size="960*960").image

    assert image is not None
    assert image.source_sha256 == hashlib.sha256(IMAGE).hexdigest()
    assert image.prepared_sha256 != image.source_sha256
    assert image.file_name == f"reference-{image.prepared_sha256[:16]}.png"
    assert image.data_uri(b"\0") == "data:image/png;base64,AA=="


def test_the_order_has_every_choice_filled_in():
    order = ordered("wan2.6-i2v-flash", seed=None)

    filled = order.request
    assert (filled.region, filled.prompt_extend, filled.audio) == ("cn-beijing", True, True)
    assert filled.seed == order.seed == body(order)["parameters"]["seed"]


def test_the_report_reads_as_a_table():
    rows = explain_rows(ordered("wan2.6-i2v-flash", audio=False))

    sound = next(row for row in rows if row["field"] == "audio")
    assert sound["asked"] == "false"
    assert sound["wire"] == "parameters.audio = false"
    assert all(set(row) == {"field", "asked", "action", "wire", "reason", "source"} for row in rows)
