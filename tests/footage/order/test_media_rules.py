"""What goes in beside the first frame: every combination that no page lists is refused before anything is sent."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest
from pictures import picture, read_once

from footage.catalogue import SWITCHES, switchable
from footage.errors import InvalidRequest
from footage.order import Order, plan
from footage.order.document import IMAGE_PLACEHOLDER
from footage.order.parse import parse_request
from footage.reference import Medium, PreparedMedium
from footage.reference.media import media_asked
from footage.request import VideoRequest

FRAME = picture(640, 360)
I2V, R2V, T2V, ALL = "wan2.7-i2v", "wan2.7-r2v", "wan2.7-t2v", "wan3.0-video"
OLD_R2V, SEVEN = "wan2.6-r2v", "wan2.6-i2v-flash"


@pytest.fixture(autouse=True)
def _switched_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(SWITCHES, ",".join(f"+{name}" for name in switchable()))


def ordered(lengths_s: dict[str, float] | None = None, **asked: Any) -> Order:
    """The order of a request whose media were read: clips of 3 s and 30 fps and voices of 3 s as a rule."""
    request = parse_request({"prompt": "a boat", "size": "1280*720", **asked})
    return plan(
        request,
        image=read_once(request) if request.reference_image else None,
        media=_media(request, lengths_s or {}),
    )


def _media(request: VideoRequest, lengths_s: dict[str, float]) -> tuple[Medium, ...]:
    found: list[Medium] = []
    for role, field, source in media_asked(request):
        kind = (
            "image/png"
            if role in ("image", "last_frame")
            else "audio/wav"
            if role == "voice"
            else "video/mp4"
        )
        length_s = 0.0 if kind == "image/png" else lengths_s.get(field, 3.0)
        data = PreparedMedium(str(source).encode(), kind, 640, 360, length_s, lengths_s.get("fps", 30.0))
        found.append(Medium(role, field, str(source), hashlib.sha256(data.data).hexdigest(), data, ()))
    return tuple(found)


def problems(lengths_s: dict[str, float] | None = None, **asked: Any) -> str:
    with pytest.raises(InvalidRequest) as caught:
        ordered(lengths_s, **asked)
    return "\n".join(map(str, caught.value.problems))


FIRST, LAST, ELLA, TOM = FRAME, "last.png", {"image": "ella.png"}, {"image": "tom.png"}
WALK, VOICE = {"video": "walk.mp4"}, {"voice": "ella.wav"}


@pytest.mark.parametrize(
    ("asked", "field", "said"),
    [
        # What the service would swallow: the task succeeds and nothing of it is used.
        ({"model": T2V, "reference_image": FIRST}, "reference_image", "takes no image"),
        ({"model": T2V, "references": [ELLA]}, "references", "takes no references"),
        ({"model": T2V, "shot_type": "multi"}, "shot_type", "no shot type"),
        # What it fails seconds later.
        ({"model": I2V}, "reference_image", "give the first frame"),
        ({"model": I2V, "last_frame": LAST}, "last_frame", "only beside what the clip begins with"),
        ({"model": I2V, "extend_from": "a.mp4", "reference_image": FIRST}, "extend_from", "not both"),
        (
            {"model": I2V, "extend_from": "a.mp4", "audio_url": "https://e.example/a.mp3"},
            "audio_url",
            "beside a clip",
        ),
        ({"model": I2V, "extend_from": "a.mp4", "duration": 3}, "duration", "Allowed: 4 to 15"),
        ({"model": I2V, "reference_image": FIRST, "duration": 16}, "duration", "2 to 15"),
        ({"model": I2V, "reference_image": FIRST, "duration": -1}, "duration", "2 to 15"),
        ({"model": I2V, "reference_image": FIRST, "size": "832*480"}, "size", "does not make this size"),
        ({"model": R2V, "reference_image": FIRST}, "references", "give one at least"),
        ({"model": R2V, "references": [VOICE, ELLA]}, "references[1]", "right before it"),
        ({"model": R2V, "references": [ELLA, VOICE, VOICE]}, "references[3]", "right before it"),
        ({"model": R2V, "references": [ELLA] * 6}, "references", "5 references in all"),
        ({"model": R2V, "references": [WALK], "duration": 11}, "duration", "2 to 10"),
        ({"model": R2V, "references": [ELLA], "last_frame": LAST}, "last_frame", "takes no last frame"),
        (
            {"model": R2V, "references": [ELLA], "audio_url": "https://e.example/a.mp3"},
            "audio_url",
            "a voice",
        ),
        ({"model": ALL, "reference_image": FIRST, "references": [ELLA]}, "references", "not both"),
        ({"model": ALL, "reference_image": FIRST, "extend_from": "a.mp4"}, "extend_from", "not both"),
        ({"model": ALL, "last_frame": LAST}, "last_frame", "only beside"),
        ({"model": ALL, "last_frame": LAST, "references": [ELLA]}, "last_frame", "not both"),
        ({"model": ALL, "references": [WALK], "duration": 28}, "duration", "30 s in and out"),
        ({"model": ALL, "references": [ELLA] * 11}, "references", "10 pictures at most"),
        ({"model": ALL, "references": [WALK] * 5, "extend_from": "a.mp4"}, "references", "5 clips at most"),
        ({"model": ALL, "references": [WALK] * 6}, "references", "18.00 s"),
        ({"model": ALL, "references": [VOICE] * 6}, "references", "5 voices at most"),
        ({"model": ALL, "duration": 31}, "duration", "2 to 30"),
        ({"model": ALL, "audio_url": "https://e.example/a.mp3"}, "audio_url", "a voice among the references"),
        ({"model": ALL, "negative_prompt": "fog", "strict": True}, "negative_prompt", "strict is on"),
        ({"model": OLD_R2V, "references": [ELLA, VOICE]}, "references", "no voices"),
        ({"model": OLD_R2V, "references": [WALK] * 4}, "references", "3 clips at most"),
        # None of the seven takes any of it, and who does is said.
        ({"model": SEVEN, "reference_image": FIRST, "last_frame": LAST}, "last_frame", I2V),
        ({"model": SEVEN, "reference_image": FIRST, "references": [ELLA]}, "references", ALL),
        ({"model": SEVEN, "reference_image": FIRST, "extend_from": "a.mp4"}, "extend_from", ALL),
    ],
)
def test_a_combination_that_no_page_lists_is_refused(asked: dict[str, Any], field: str, said: str):
    found = problems(**asked)

    assert any(line.startswith(f"{field} ") and said in line for line in found.splitlines()), found


@pytest.mark.parametrize(
    ("lengths_s", "asked", "said"),
    [
        ({"extend_from": 10.5}, {"model": I2V, "extend_from": "a.mp4", "duration": 15}, "2 to 10 s"),
        ({"extend_from": 5.16}, {"model": I2V, "extend_from": "a.mp4", "duration": 5}, "Allowed: 6 to 15"),
        ({"references[1]": 31}, {"model": R2V, "references": [WALK]}, "1 to 30 s"),
        ({"references[2]": 11}, {"model": R2V, "references": [ELLA, VOICE]}, "1 to 10 s"),
        ({"references[1]": 16}, {"model": ALL, "references": [WALK]}, "1 to 15 s"),
        ({"fps": 12}, {"model": ALL, "references": [WALK]}, "16 or more"),
    ],
)
def test_a_clip_or_voice_of_a_wrong_length_or_rate_is_refused(
    lengths_s: dict[str, float], asked: dict[str, Any], said: str
):
    assert said in problems(lengths_s, **asked)


def test_without_a_switch_nobody_takes_them_and_how_one_is_switched_on_is_said(
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.delenv(SWITCHES)

    said = problems(model=SEVEN, reference_image=FIRST, last_frame=LAST)
    assert "can be switched on: wan2.7-i2v" in said
    # Which takes no pictures.
    assert "wan2.7-t2v" not in said


@pytest.mark.parametrize(
    ("asked", "given", "parameters"),
    [
        (
            {"model": I2V, "reference_image": FIRST, "last_frame": LAST, "seed": 7},
            {"media": [("first_frame", IMAGE_PLACEHOLDER), ("last_frame", "last frame")]},
            {"resolution": "720P"},
        ),
        (
            {"model": I2V, "extend_from": "a.mp4", "last_frame": LAST, "seed": 7},
            {"media": [("first_clip", "extend from"), ("last_frame", "last frame")]},
            {"resolution": "720P"},
        ),
        (
            {"model": I2V, "reference_image": FIRST, "audio_url": "https://e.example/a.mp3", "seed": 7},
            {"media": [("first_frame", IMAGE_PLACEHOLDER), ("driving_audio", "https://e.example/a.mp3")]},
            {"resolution": "720P"},
        ),
        (
            {"model": T2V, "audio_url": "https://e.example/a.mp3", "seed": 7, "negative_prompt": "fog"},
            {"audio_url": "https://e.example/a.mp3", "negative_prompt": "fog"},
            {"resolution": "720P", "ratio": "16:9"},
        ),
        (
            # Beside a first frame a ratio is ignored, so none is sent.
            {"model": R2V, "reference_image": FIRST, "references": [WALK, ELLA], "seed": 7},
            {
                "media": [
                    ("first_frame", IMAGE_PLACEHOLDER),
                    ("reference_video", "video"),
                    ("reference_image", "image"),
                ]
            },
            {"resolution": "720P"},
        ),
        (
            {"model": ALL, "reference_image": FIRST, "seed": 7, "size": "832*480"},
            {"media": [("first_frame", IMAGE_PLACEHOLDER)]},
            {"resolution": "480P", "ratio": "adaptive", "audio": True},
        ),
        (
            {"model": ALL, "references": [TOM, WALK, VOICE], "seed": 7, "audio": False, "size": "1248*1648"},
            {
                "media": [
                    ("reference_image", "image"),
                    ("reference_video", "video"),
                    ("reference_audio", "voice"),
                ]
            },
            {"resolution": "1080P", "ratio": "3:4", "audio": False},
        ),
    ],
)
def test_the_body_is_that_of_the_reference(
    asked: dict[str, Any], given: dict[str, Any], parameters: dict[str, Any]
):
    body = ordered(**asked).wire_preview()

    media = body["input"].pop("media", [])
    roles = [(one["type"], one["url"]) for one in media]
    wanted = given.pop("media", [])
    assert [role for role, _ in roles] == [role for role, _ in wanted]
    assert all(known.strip("<") in url for (_, url), (_, known) in zip(roles, wanted, strict=True))
    assert body["input"] == {"prompt": "a boat", **given}
    always = {"duration": 5, "seed": 7, "prompt_extend": True, "watermark": False}
    assert body["parameters"] == always | parameters


def test_a_voice_of_wan2_7_belongs_to_the_one_before_it():
    body = ordered(model=R2V, references=[ELLA, VOICE, WALK]).wire_preview()

    first, second = body["input"]["media"]
    assert set(first) == {"type", "url", "reference_voice"}
    assert set(second) == {"type", "url"}


def test_the_older_models_get_one_list_of_addresses_and_a_size():
    body = ordered(model=OLD_R2V, references=[ELLA, WALK], seed=7).wire_preview()

    assert [url.split()[0] for url in body["input"]["reference_urls"]] == ["<image", "<video"]
    assert body["parameters"] == {"size": "1280*720", "duration": 5, "seed": 7, "watermark": False}


def test_a_prompt_that_looks_like_a_medium_stays_a_prompt():
    order = ordered(model=I2V, reference_image=FIRST, prompt=IMAGE_PLACEHOLDER)

    body = order.wire_body("data:image/png;base64,AAAA")

    assert body["input"]["prompt"] == IMAGE_PLACEHOLDER
    assert body["input"]["media"] == [{"type": "first_frame", "url": "data:image/png;base64,AAAA"}]


@pytest.mark.parametrize(
    ("asked", "lengths_s", "seconds", "amount", "usd"),
    [
        ({"model": R2V, "references": [WALK]}, {"references[1]": 9.0}, 10, "6.00", None),
        ({"model": OLD_R2V, "references": [WALK]}, {"references[1]": 2.1}, 8, "4.80", None),
        ({"model": ALL, "references": [WALK]}, {"references[1]": 9.2}, 15, "9.00", "1.237695"),
        ({"model": ALL, "duration": -1}, {}, 30, "18.00", "2.475390"),
        ({"model": ALL, "extend_from": "a.mp4"}, {"extend_from": 4.0}, 9, "5.40", "0.742617"),
        ({"model": I2V, "extend_from": "a.mp4", "duration": 9}, {"extend_from": 4.0}, 9, "5.40", None),
        ({"model": "wan3.0-video-prime", "region": "ap-southeast-1"}, {}, 5, "5.104220", "0.700000"),
    ],
)
def test_the_price_counts_what_goes_in_where_that_is_billed(
    asked: dict[str, Any], lengths_s: dict[str, float], seconds: int, amount: str, usd: str | None
):
    quote = ordered(lengths_s, **asked).quote

    assert (quote.seconds, str(quote.amount)) == (seconds, amount)
    assert usd is None or str(quote.amount_usd) == usd
