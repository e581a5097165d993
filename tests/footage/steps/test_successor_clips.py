"""Models beyond the seven, from the request to the delivered clip, against the emulator."""

from __future__ import annotations

import wave
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from bench import Bench, last_outcome
from clips import make_clip
from pictures import BLUE, picture

from footage.catalogue import SWITCHES
from footage.errors import InvalidRequest, Unreachable
from footage.evidence.state import Permission
from footage.media import inspect
from footage.order import Order
from footage.provider.upload import UploadPolicy, upload
from footage.steps.check import reopen
from footage.values.money import amount_text

NAMES = (
    "wan2.7-t2v",
    "wan2.7-i2v",
    "wan2.7-r2v",
    "wan3.0-video",
    "wan3.0-video-prime",
    "wan2.6-t2v",
    "wan2.6-r2v",
    "wan2.6-r2v-flash",
)


@pytest.fixture(autouse=True)
def _switched_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(SWITCHES, ",".join(f"+{name}" for name in NAMES))


@pytest.fixture(scope="module")
def media(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """A picture, another one, a clip of three seconds and a voice, by name."""
    folder = tmp_path_factory.mktemp("media")
    (folder / "first.png").write_bytes(picture(640, 360))
    (folder / "last.png").write_bytes(picture(640, 360, BLUE))
    make_clip(folder / "walk.mp4", size=(640, 360), seconds=3.0, fps=30)
    with wave.open(str(folder / "voice.wav"), "wb") as voice:
        voice.setnchannels(1)
        voice.setsampwidth(2)
        voice.setframerate(8000)
        voice.writeframes(b"\0\0" * 8000 * 3)
    names = ("first.png", "last.png", "walk.mp4", "voice.wav")
    return {Path(name).stem: str(folder / name) for name in names}


def _role(item: dict[str, str]) -> str:
    return "+".join([item["type"], *(name for name in item if name not in ("type", "url"))])


Ask = Callable[[dict[str, str]], dict[str, Any]]


@pytest.mark.parametrize(
    ("model", "ask", "sent", "parameters", "billed_s"),
    [
        ("wan2.7-t2v", lambda m: {}, [], {"ratio": "16:9"}, 2),
        (
            "wan2.7-i2v",
            lambda m: {"reference_image": m["first"], "last_frame": m["last"]},
            ["first_frame", "last_frame"],
            {},
            2,
        ),
        (
            "wan2.7-i2v",
            # The length is that of the whole: three seconds of the clip, two new ones.
            lambda m: {"extend_from": m["walk"], "duration": 5},
            ["first_clip"],
            {},
            5,
        ),
        (
            "wan2.7-r2v",
            lambda m: {"references": [{"image": m["first"]}, {"voice": m["voice"]}, {"video": m["walk"]}]},
            ["reference_image+reference_voice", "reference_video"],
            {"ratio": "16:9"},
            5,
        ),
        ("wan3.0-video", lambda m: {"audio": False}, [], {"ratio": "16:9", "audio": False}, 2),
        (
            "wan3.0-video-prime",
            lambda m: {"reference_image": m["first"], "last_frame": m["last"]},
            ["first_frame", "last_frame"],
            {"ratio": "adaptive", "audio": True},
            2,
        ),
        (
            "wan3.0-video",
            lambda m: {
                "extend_from": m["walk"],
                "references": [{"image": m["first"]}, {"voice": m["voice"]}],
            },
            ["reference_video", "reference_image", "reference_audio"],
            {"ratio": "adaptive", "audio": True},
            5,
        ),
    ],
)
def test_each_model_gets_its_media_in_their_roles_and_bills_what_was_quoted(
    bench: Bench,
    media: dict[str, str],
    model: str,
    ask: Ask,
    sent: list[str],
    parameters: dict[str, Any],
    billed_s: int,
):
    clip = bench.clip(**{"model": model, "size": "1280*720", "duration": 2, "conform": "auto", **ask(media)})

    response = bench.make(clip)

    (task,) = bench.emulator.tasks()[-1:]
    body = task["body"]
    assert [_role(item) for item in body["input"].get("media", [])] == sent
    assert body["parameters"] == {
        "resolution": "720P",
        "duration": clip.order.request.duration,
        "seed": response.seed,
        "prompt_extend": True,
        "watermark": False,
        **parameters,
    }
    assert response.size == "1280*720"
    assert response.cost.billed_seconds == billed_s == clip.order.quote.seconds
    told = response.model_dump(mode="json")["cost"]
    assert told["amount"] == amount_text(response.cost.amount)
    assert told["billed_seconds"] == str(billed_s)
    assert not bench.emulator.ledger()["foreign_input"]
    assert not bench.emulator.ledger()["foreign_parameters"]


def test_a_clip_is_bought_from_its_evidence_after_its_files_are_gone(bench: Bench, tmp_path: Path):
    source = make_clip(tmp_path / "gone.mp4", size=(640, 360), seconds=3.0, fps=30)
    context = bench.context()
    ordered = bench.clip(context, model="wan3.0-video", size="832*480", duration=2, extend_from=str(source))
    source.unlink()

    response = bench.make(reopen(context, ordered.key, Permission()))

    assert response.key == ordered.key
    (told,) = {task["body"]["input"]["prompt"] for task in bench.emulator.tasks()[-1:]}
    assert told == f"Extend Video 1: {bench.prompt}"


def test_a_lost_purchase_of_a_clip_that_goes_on_is_found_by_the_words_that_were_sent(
    bench: Bench, media: dict[str, str]
):
    bench.fault("create-accept-reset")
    clip = bench.clip(model="wan3.0-video", size="832*480", duration=2, extend_from=media["walk"])

    receipt = bench.buy(clip)

    assert receipt.adopted
    assert bench.emulator.ledger()["accepted"] == len(bench.emulator.tasks())


def test_a_clip_that_goes_on_may_be_named_by_its_key_or_its_file_and_is_the_same(bench: Bench):
    context = bench.context()
    first = bench.make(bench.clip(context, model="wan3.0-video", size="832*480", duration=2))
    path = context.store.url + f"/videos/{first.key}.mp4"

    by_key = bench.clip(context, model="wan3.0-video", size="832*480", duration=2, extend_from=first.key[:12])
    by_path = bench.clip(context, model="wan3.0-video", size="832*480", duration=2, extend_from=path)

    assert by_key.key == by_path.key != first.key
    with pytest.raises(InvalidRequest, match="No clip in this store begins like this"):
        bench.clip(context, model="wan3.0-video", size="832*480", extend_from="0123456789ab")


def test_where_the_model_chooses_the_length_the_most_is_reserved_and_what_came_is_paid(bench: Bench):
    clip = bench.clip(model="wan3.0-video", size="832*480", duration=-1)

    response = bench.make(clip)

    assert clip.order.quote.seconds == 30
    assert response.cost.billed_seconds == 8
    assert not any("asked for" in warning or "billed" in warning for warning in response.warnings)


def test_what_was_bought_is_delivered_although_the_model_is_switched_off_meanwhile(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
):
    context = bench.context()
    clip = bench.clip(context, model="wan2.7-t2v", size="1280*720", duration=2)
    bench.buy(clip)
    monkeypatch.delenv(SWITCHES)

    response = bench.make(reopen(context, clip.key, Permission()))

    assert response.model == "wan2.7-t2v"
    assert last_outcome(clip).billed_seconds == 2


def test_nothing_is_bought_where_a_medium_could_not_be_uploaded(bench: Bench, media: dict[str, str]):
    bench.fault("upload-403", times=None)
    clip = bench.clip(model="wan2.6-r2v", references=[{"image": media["first"]}], size="1280*720", duration=2)

    with pytest.raises(Unreachable, match="did not take"):
        bench.make(clip)

    assert bench.tasks() == []
    bench.emulator.clear_faults()
    assert bench.make(clip).model == "wan2.6-r2v"


@pytest.mark.parametrize("fault", ["policy-502-html", "upload-403", "upload-reset"])
def test_a_medium_that_could_not_be_uploaded_is_uploaded_again(
    bench: Bench, media: dict[str, str], fault: str
):
    bench.fault(fault)
    clip = bench.clip(model="wan2.6-r2v", references=[{"image": media["first"]}], size="1280*720", duration=2)

    assert bench.make(clip).model == "wan2.6-r2v"


@pytest.mark.parametrize(
    "host",
    [
        "https://evil.example/x",
        "http://dashscope.oss-cn-beijing.aliyuncs.com/x",
        "https://evil.example\\.oss-cn-beijing.aliyuncs.com/x",
    ],
)
def test_a_file_is_uploaded_to_the_provider_and_to_nobody_else(host: str):
    policy = UploadPolicy(host, "folder", "id", "policy", "signature", "private", "true")

    with pytest.raises(Unreachable, match="none of its own"):
        upload("https://dashscope.aliyuncs.com/api/v1", policy, "walk.mp4", b"bytes")


def test_a_clip_that_goes_on_is_as_long_in_all_as_was_asked(bench: Bench, media: dict[str, str]):
    clip = bench.clip(model="wan2.7-i2v", size="1280*720", extend_from=media["walk"], duration=4)

    response = bench.make(clip)

    facts = inspect(Path(clip.context.store.url) / f"videos/{response.key}.mp4")
    assert 4 <= facts.duration_s < 4.3


def keys_of(orders: list[Order]) -> set[str]:
    return {order.key for order in orders}


def test_the_order_of_references_is_part_of_the_key(bench: Bench, media: dict[str, str]):
    one, other = {"image": media["first"]}, {"image": media["last"]}
    context = bench.context()
    asked: dict[str, Any] = {"model": "wan3.0-video", "size": "832*480"}

    clips = [bench.clip(context, **asked, references=row) for row in ([one, other], [other, one], [one])]

    assert len(keys_of([clip.order for clip in clips])) == 3
