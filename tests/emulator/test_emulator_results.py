"""Result URLs behave as signed OSS URLs do, and what lies behind them is the clip that was asked for."""

import base64
import hashlib
import io
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import av
import fastcrc
import httpx
import pytest
from PIL import Image, ImageChops, ImageStat

from footage.emulator import Emulator
from footage.emulator.clip_encoder import film


@pytest.fixture(scope="module")
def url(api: Any) -> str:
    return api.finish(api.create(seed=7))["video_url"]


@pytest.fixture
def web() -> Iterator[httpx.Client]:
    with httpx.Client(trust_env=False, timeout=20) as client:
        yield client


def test_the_url_has_the_form_of_a_signed_oss_url_and_lives_24_hours(api: Any, url: str) -> None:
    parts = urlsplit(url)

    assert parts.path.startswith("/1d/")
    assert parts.path.endswith(".mp4")
    assert len(parts.path.split("/")) == 6
    query = parse_qs(parts.query)
    assert set(query) == {"Expires", "OSSAccessKeyId", "Signature"}
    assert query["OSSAccessKeyId"][0].startswith("LTAI5t")


def test_a_download_has_type_length_etag_and_checksum(web: httpx.Client, url: str) -> None:
    answer = web.get(url)

    assert answer.headers["content-type"] == "video/mp4"
    assert int(answer.headers["content-length"]) == len(answer.content)
    md5 = hashlib.md5(answer.content, usedforsecurity=False).hexdigest().upper()
    assert answer.headers["etag"] == f'"{md5}"'
    assert answer.headers["x-oss-hash-crc64ecma"] == str(fastcrc.crc64.xz(answer.content))
    assert answer.headers["accept-ranges"] == "bytes"


@pytest.mark.parametrize(
    ("asked", "start", "stop"),
    [("bytes=0-99", 0, 100), ("bytes=1000-", 1000, None), ("bytes=-50", -50, None)],
)
def test_ranges_are_served_and_pinned_by_if_match(
    web: httpx.Client, url: str, asked: str, start: int, stop: int | None
) -> None:
    whole = web.get(url)

    part = web.get(url, headers={"Range": asked, "If-Match": whole.headers["etag"]})

    assert part.status_code == 206
    assert part.content == whole.content[start:stop]
    assert part.headers["content-range"].endswith(f"/{len(whole.content)}")


def test_a_range_outside_is_416_and_another_etag_is_412(web: httpx.Client, url: str) -> None:
    assert web.get(url, headers={"Range": "bytes=99999999-"}).status_code == 416
    assert web.get(url, headers={"If-Match": '"other"'}).status_code == 412


def test_head_is_refused_because_the_signature_names_get(web: httpx.Client, url: str) -> None:
    assert web.head(url).status_code == 403


def test_a_wrong_signature_is_refused_in_xml(web: httpx.Client, url: str) -> None:
    answer = web.get(url.replace("Signature=", "Signature=x"))

    assert answer.status_code == 403
    assert answer.headers["content-type"] == "application/xml"
    assert "<Code>SignatureDoesNotMatch</Code>" in answer.text


def test_the_services_key_sent_to_a_result_is_refused_and_counted(
    emulator: Emulator, web: httpx.Client, url: str
) -> None:
    before = emulator.ledger()["authorization_on_results"]

    answer = web.get(url, headers={"Authorization": "Bearer sk-emulator"})

    assert (answer.status_code, "InvalidArgument" in answer.text) == (400, True)
    assert emulator.ledger()["authorization_on_results"] == before + 1


def test_after_24_hours_the_url_is_forbidden_and_the_task_unknown(make_api: Any, web: httpx.Client) -> None:
    with Emulator(render="tiny") as emulator, make_api(emulator) as api:
        task_id = api.create()
        url = api.finish(task_id)["video_url"]

        emulator.advance(86_500)

        expired = web.get(url)
        assert (expired.status_code, "Request has expired." in expired.text) == (403, True)
        assert api.query(task_id) == {"task_id": task_id, "task_status": "UNKNOWN"}
        assert api.get("/tasks").json()["total"] == 0


@pytest.fixture(scope="module")
def filmed(make_api: Any) -> Iterator[Any]:
    """A function that films with full rendering and returns the clip's bytes."""
    with Emulator(rate_limits=False, concurrency=100) as emulator, make_api(emulator) as api:

        def film(model: str, image: bytes | None = None, **parameters: Any) -> bytes:
            if image is None:
                task_id = api.create(model=model, **parameters)
            else:
                reference = "data:image/png;base64," + base64.b64encode(image).decode()
                task_id = api.create_i2v(reference, model, **parameters)
            return httpx.get(api.finish(task_id)["video_url"], trust_env=False).content

        yield film


def _frames(clip: bytes) -> list[Image.Image]:
    with av.open(io.BytesIO(clip), "r", format="mp4") as container:
        return [frame.to_image() for frame in container.decode(container.streams.video[0])]


def _facts(clip: bytes) -> tuple[int, int, float, float, str, bool]:
    with av.open(io.BytesIO(clip), format="mp4") as container:
        video = container.streams.video[0]
        seconds = float((video.duration or 0) * (video.time_base or 0))
        fps = float(video.average_rate or 0)
        return (
            video.width,
            video.height,
            fps,
            seconds,
            video.codec.canonical_name,
            bool(container.streams.audio),
        )


def _difference(one: Image.Image, other: Image.Image) -> float:
    """Mean difference of the upper three quarters, where no words are written."""
    box = (0, 0, one.width, one.height * 3 // 4)
    return sum(ImageStat.Stat(ImageChops.difference(one.crop(box), other.crop(box))).mean) / 3


def test_a_text_clip_has_the_size_the_length_30_fps_and_no_sound(filmed: Any) -> None:
    clip = filmed("wan2.2-t2v-plus", size="480*832", seed=1)

    assert _facts(clip) == (480, 832, 30.0, 5.0, "h264", False)
    assert clip.find(b"moov") < clip.find(b"mdat")
    assert len(_frames(clip)) == 150


@pytest.mark.parametrize("mode", ["full", "tiny"])
def test_clips_move_with_full_rendering_differ_by_seed_and_repeat_to_the_byte(
    tmp_path: Path, mode: str
) -> None:
    def render(name: str, seed: int) -> bytes:
        job = {
            "width": 416,
            "height": 240,
            "duration_s": 1,
            "fps": 30,
            "prompt": "a cat",
            "model": "wan2.6-i2v",
        }
        job |= {"audio": True, "sound": "", "watermark": False, "render": mode, "seed": seed, "image": None}
        film(job, tmp_path / name)
        return (tmp_path / name).read_bytes()

    one, again, other = render("one.mp4", 1), render("again.mp4", 1), render("other.mp4", 2)

    frames = _frames(one)
    assert (_difference(frames[0], frames[15]) > 3) == (mode == "full")
    assert _difference(frames[0], _frames(other)[0]) > 3
    assert one == again


def test_where_all_clips_are_the_same_only_the_label_is_a_clip_s_own(
    tmp_path: Path, make_picture: Any
) -> None:
    picture = tmp_path / "picture.png"
    picture.write_bytes(make_picture(416, 240))

    def render(prompt: str, **more: Any) -> bytes:
        job = {"width": 416, "height": 240, "duration_s": 1, "fps": 30, "model": "wan2.6-i2v", "seed": 1}
        job |= {"audio": False, "sound": "", "watermark": False, "render": "same", "prompt": prompt}
        film(job | more, tmp_path / "clip.mp4")
        return (tmp_path / "clip.mp4").read_bytes()

    one, other, longer = render("a cat"), render("a dog", seed=2), render("a cat", duration_s=2)
    pictured = render("a cat", image=str(picture))

    assert one != other
    assert one == render("a cat")
    assert _difference(_frames(one)[0], _frames(other)[0]) == 0
    assert (len(_frames(other)), len(_frames(longer))) == (30, 60)
    assert _difference(_frames(one)[0], _frames(pictured)[0]) > 3


def test_an_image_clip_starts_at_its_image_and_ends_elsewhere(filmed: Any, make_picture: Any) -> None:
    reference = make_picture(750, 1000)

    clip = filmed("wan2.6-i2v-flash", reference, resolution="720P", duration=2, audio=False)

    assert _facts(clip) == (816, 1104, 30.0, 2.0, "h264", False)
    frames = _frames(clip)
    wanted = Image.open(io.BytesIO(reference)).resize((816, 1104))
    assert _difference(frames[0], wanted) < 4
    assert _difference(frames[-1], wanted) > 8


def test_a_chain_goes_on_where_the_last_clip_stopped(filmed: Any, make_picture: Any) -> None:
    first = filmed("wan2.6-i2v-flash", make_picture(), resolution="720P", duration=2, audio=False)
    last = _frames(first)[-1]
    stream = io.BytesIO()
    last.save(stream, "PNG")

    second = filmed("wan2.6-i2v-flash", stream.getvalue(), resolution="720P", duration=2, audio=False)

    assert _difference(_frames(second)[0], last) < 4


def test_a_model_with_sound_delivers_an_audio_track(filmed: Any, make_picture: Any) -> None:
    assert _facts(filmed("wan2.6-i2v-flash", make_picture(), resolution="720P", duration=2))[5] is True


@pytest.mark.parametrize("size", ["832*480", "624*624"])
def test_cheap_clips_keep_size_length_and_rate(api: Any, web: httpx.Client, size: str) -> None:
    clip = web.get(api.finish(api.create(size=size))["video_url"]).content

    width, height = (int(side) for side in size.split("*"))
    assert _facts(clip) == (width, height, 30.0, 5.0, "h264", False)
    assert len(_frames(clip)) == 150


def test_the_same_clip_is_rendered_once(emulator: Emulator, api: Any) -> None:
    for _ in range(3):
        api.finish(api.create(prompt="only once", seed=99))

    names = {task["video"] for task in emulator.tasks() if task["body"]["input"]["prompt"] == "only once"}
    assert len(names) == 1


def test_prompts_in_any_script_can_be_filmed(api: Any) -> None:
    began = time.monotonic()

    assert api.finish(api.create(prompt="一只小猫在月光下奔跑 🐈 عربي\n" * 20))["task_status"] == "SUCCEEDED"
    assert time.monotonic() - began < 10
