"""The key: the same request is the same clip, and nothing else is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from pictures import BLUE, picture, read_once

from footage.order import Order, plan
from footage.order.key import rendition_of, seed_and_key
from footage.order.parse import parse_request
from footage.reference.media import media_asked
from footage.request import VideoRequest

IMAGE = picture()
MODEL = "wan2.6-i2v-flash"


def ordered(**fields: Any) -> Order:
    asked = VideoRequest(**({"prompt": "a boat", "model": MODEL, "reference_image": IMAGE} | fields))
    return plan(asked, image=read_once(asked, IMAGE))


def test_the_key_of_a_clip_never_changes():
    # Pinned once. If this fails, clips that were bought before can no longer be found: raise the version of the
    # key and mean it.
    order = plan(VideoRequest(prompt="a boat on a lake", model="wan2.6-t2v-us", duration=10, seed=42))

    assert order.key == "098aa909e57e6bfae7196b22641b3f87779b25d98cba3246ff2dfaeb52d37f44"


def test_the_chosen_seed_never_changes():
    # Pinned once, for the same reason: another seed is another clip.
    assert plan(VideoRequest(prompt="a boat on a lake", model="wan2.6-t2v-us")).seed == 1650944347


# Computed once, when rates were whole numbers only; a reference image is IMAGE.
FROZEN = json.loads((Path(__file__).parent / "frozen_keys.json").read_text("utf-8"))


@pytest.mark.parametrize("frozen", FROZEN, ids=lambda frozen: frozen["key"][:8])
def test_a_request_of_whole_numbers_keeps_the_key_that_it_always_had(frozen: dict[str, Any]):
    image = {"reference_image": "keeper.png"} if "i2v" in frozen["request"]["model"] else {}
    request = parse_request(frozen["request"] | image)

    with_image = request.model_copy(update={"reference_image": IMAGE})
    order = plan(request, image=read_once(with_image))

    assert order.key == frozen["key"]


def test_a_film_rate_has_one_key_however_it_is_written_and_another_than_its_neighbour():
    written = {ordered(fps=fps).key for fps in (29.97, 30000 / 1001, "30000/1001")}

    assert len(written) == 1
    assert not written & {ordered(fps=30).key, ordered(fps=29.9).key, ordered(fps=23.976).key}


@pytest.mark.parametrize(
    "change",
    [
        {"prompt": "a ship"},
        {"prompt": "a Boat"},
        {"negative_prompt": "blurry"},
        {"duration": 6},
        {"fps": 24},
        {"size": "720*1280"},
        {"seed": 8},
        {"reference_image": picture(color=BLUE)},
        {"motion_strength": 0.5},
        {"model": "wan2.6-i2v"},
        {"prompt_extend": False},
        {"shot_type": "multi"},
        {"audio": False},
        {"audio_url": "https://e.example/a.mp3"},
        {"watermark": True},
        {"visible_label": "provider"},
        {"take": 2},
        {"fit": "pad"},
        {"pad_color": "#ffffff"},
    ],
    ids=lambda change: next(iter(change)),
)
def test_whatever_changes_the_clip_changes_the_key(change: dict[str, Any]):
    assert ordered(seed=7).key != ordered(**({"seed": 7} | change)).key


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"conform": "never"}, "what is made here afterwards is not what is bought"),
        ({"visible_label": "own"}, "drawn here on a copy"),
        ({"visible_label": "none"}, "the default, said"),
        ({"strict": True}, "only decides whether it is refused"),
        ({"region": "ap-southeast-1"}, "the same clip, bought elsewhere"),
        ({"prompt_extend": True}, "the default, said"),
        ({"audio": True}, "the default, said"),
        ({"negative_prompt": "  "}, "nothing"),
        ({"prompt": " a boat\n"}, "white space around it"),
        ({"reference_image": "https://e.example/boat.png"}, "the same bytes from elsewhere"),
        ({"pad_color": "#000000"}, "the default, said"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_does_not_change_the_clip_does_not_change_the_key(change: dict[str, Any], why: str):
    assert ordered(**change).key == ordered().key


# One value of each field that is none of its default and none of what `ordered` asks.
OTHER: dict[str, Any] = {
    "prompt": "a kite", "negative_prompt": "rain", "duration": 10, "fps": 24, "size": "1920*1080", "seed": 5,
    "reference_image": picture(color=BLUE), "last_frame": IMAGE, "references": [{"image": "ella.png"}],
    "extend_from": "0" * 64, "motion_strength": 0.5, "model": "wan2.6-t2v", "region": "cn-beijing",
    "prompt_extend": False, "shot_type": "multi", "audio": False, "audio_url": "https://x/a.mp3", "watermark": True,
    "visible_label": "own", "take": 2, "strict": True, "conform": "never", "fit": "pad", "pad_color": "#ffffff",
}  # fmt: skip
# Where a clip is made, and what is refused, change nothing about what there is of it.
NO_MATTER = {"region", "strict"}


def test_each_field_of_a_request_is_part_of_the_key_or_of_the_answer_or_changes_nothing():
    def told(**fields: Any) -> tuple[Any, ...]:
        asked = VideoRequest(prompt="a boat", **{"model": MODEL, "reference_image": IMAGE} | fields)
        media = [(role, str(source)) for role, _, source in media_asked(asked)]
        return *seed_and_key(asked, str(asked.reference_image), media), rendition_of(asked)

    assert OTHER.keys() == VideoRequest.model_fields.keys()
    without = {name for name, value in OTHER.items() if name != "prompt" and told(**{name: value}) == told()}
    assert without == NO_MATTER


def test_minus_zero_is_zero():
    assert (
        ordered(motion_strength=-0.0).key
        == ordered(motion_strength=0.0).key
        == ordered(motion_strength=0).key
    )


def test_a_new_signature_on_the_same_link_is_the_same_sound():
    signed = "https://b.oss.example/a.mp3?v=1&Expires={}&OSSAccessKeyId=x&Signature={}"

    first, second = ordered(audio_url=signed.format(1, "a")), ordered(audio_url=signed.format(2, "b%2B"))
    other = ordered(audio_url="https://b.oss.example/a.mp3?v=2")

    shorter = ordered(audio_url="https://b.oss.example/a.mp3?v=1&x-oss-process=audio/slice")

    assert len({first.key, other.key, shorter.key}) == 3
    assert first.key == second.key
    assert second.wire_body("data:")["input"]["audio_url"] == signed.format(2, "b%2B")


@pytest.mark.parametrize(
    "signed",
    [
        "https://cdn.example/a.mp3?v=1&auth_key=170000{0}-0-0-abc{0}",
        "https://x.blob.example/a.mp3?v=1&sv=2024&st=0{0}&se=1{0}&sr=b&sp=r&sig=abc{0}",
        "https://x.cos.example/a.mp3?v=1&q-ak=A&q-sign-time={0}%3B9&q-key-time={0}%3B9&q-signature=abc{0}",
    ],
)
def test_every_way_of_signing_that_is_not_kept_is_not_part_of_the_key_either(signed: str):
    orders = [ordered(audio_url=signed.format(number)) for number in (1, 2)]

    assert len({order.key for order in orders}) == 1
    assert "abc" not in str(orders[0].to_json())
    assert orders[0].key == ordered(audio_url="https:" + signed.split(":")[1].split("&")[0]).key


def test_how_an_image_would_fit_does_not_matter_without_one():
    text = {"model": "wanx2.1-t2v-turbo", "reference_image": None}

    assert ordered(**text, fit="pad", pad_color="#123456").key == ordered(**text).key


def test_the_seed_that_was_chosen_gives_the_same_key_when_it_is_given():
    chosen = ordered()

    assert 0 <= chosen.seed <= 2**31 - 1
    assert ordered(seed=chosen.seed).key == chosen.key


def test_takes_of_the_same_request_get_different_seeds():
    assert len({ordered(take=take).seed for take in range(1, 20)}) == 19


def test_an_order_read_from_its_own_request_has_the_same_key():
    order = ordered(motion_strength=0.5, fps=24, negative_prompt="blurry")

    again = order.request.model_copy(update={"reference_image": IMAGE})

    assert plan(again, image=read_once(again)).key == order.key
