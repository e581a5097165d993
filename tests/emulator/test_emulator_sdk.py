"""The unmodified DashScope SDK is the judge of every route that it has."""

import asyncio
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from footage.emulator import Emulator

with warnings.catch_warnings():
    # dashscope 2.0.2 imports deprecated names of its own dependencies.
    warnings.simplefilter("ignore")
    import dashscope
    from dashscope.aigc.video_synthesis import AioVideoSynthesis, VideoSynthesis
    from dashscope.api_entities.aio_session import close_shared_aio_session

T2V: dict[str, Any] = {"model": "wan2.2-t2v-plus", "prompt": "a cat", "size": "832*480", "seed": 7}


@pytest.fixture(autouse=True)
def _sdk_points_here(emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dashscope, "base_http_api_url", emulator.base_url)
    monkeypatch.setattr(dashscope, "api_key", emulator.api_key)


@pytest.fixture(scope="module")
def emulator() -> Iterator[Emulator]:
    # 600 times faster than life: the SDK's first two waits, two real seconds, last twenty virtual minutes.
    with Emulator(speed=600, render="tiny", rate_limits=False) as running:
        yield running


@pytest.fixture
def image_file(tmp_path: Path, make_picture: Any) -> str:
    path = tmp_path / "reference one.png"
    path.write_bytes(make_picture())
    return str(path)


def test_create_wait_fetch_and_download() -> None:
    created = VideoSynthesis.async_call(**T2V)
    assert (created.status_code, created.output.task_status) == (200, "PENDING")

    waited = VideoSynthesis.wait(created)
    fetched = VideoSynthesis.fetch(created.output.task_id)

    assert waited.output.task_status == fetched.output.task_status == "SUCCEEDED"
    assert waited.usage.video_duration == 5
    assert waited.usage.video_ratio == "832*480"
    assert waited.output.orig_prompt == "a cat"
    assert httpx.get(waited.output.video_url, trust_env=False).content[4:8] == b"ftyp"


def test_call_creates_and_waits_in_one_go() -> None:
    done = VideoSynthesis.call(**T2V)

    assert done.output.task_status == "SUCCEEDED"


def test_a_local_file_is_uploaded_and_filmed(emulator: Emulator, image_file: str) -> None:
    done = VideoSynthesis.call(
        model="wan2.6-i2v-flash", prompt="a cat", img_url=image_file, resolution="720P", duration=2
    )

    assert done.output.task_status == "SUCCEEDED"
    assert done.usage.SR == 720
    assert done.usage.output_video_duration == 2
    task = emulator.tasks()[-1]
    assert task["body"]["input"]["img_url"].startswith("oss://dashscope-instant/")
    assert (task["plan"]["width"], task["plan"]["height"]) == (1280, 720)


def test_a_failed_task_carries_its_reason_in_output() -> None:
    failed = VideoSynthesis.call(**{**T2V, "size": "1280*720"})

    assert failed.status_code == 200
    assert failed.output.task_status == "FAILED"
    assert failed.output.code == "InvalidParameter"
    assert failed.output.message.startswith("size must be in 1080*1920,1920*1080,")


def test_list_finds_the_task_by_model_and_status() -> None:
    done = VideoSynthesis.call(**T2V)

    listed = VideoSynthesis.list(model_name=T2V["model"], status="SUCCEEDED", page_size=50)

    assert done.output.task_id in [row["task_id"] for row in listed.output["data"]]


def test_cancel_of_a_running_task_is_refused(emulator: Emulator) -> None:
    emulator.fault("stuck-running")
    created = VideoSynthesis.async_call(**T2V)
    emulator.advance(1)
    assert VideoSynthesis.fetch(created.output.task_id).output.task_status == "RUNNING"

    refused = VideoSynthesis.cancel(created.output.task_id)

    assert (refused.status_code, refused.code) == (400, "UnsupportedOperation")


def test_cancel_of_a_waiting_task_succeeds(emulator: Emulator) -> None:
    emulator.fault("stuck-pending")
    created = VideoSynthesis.async_call(**T2V)

    canceled = VideoSynthesis.cancel(created.output.task_id)

    assert canceled.status_code == 200
    assert VideoSynthesis.fetch(created.output.task_id).output.task_status == "CANCELED"


def test_a_wrong_key_reaches_the_caller_as_the_sdk_shows_a_401_without_content_type() -> None:
    refused = VideoSynthesis.async_call(**T2V, api_key="wrong")

    assert refused.status_code == 401
    assert refused.code == "Unknown"
    assert "InvalidApiKey" in refused.message


def test_an_unknown_model_is_refused_at_once() -> None:
    refused = VideoSynthesis.async_call(model="wan9-t2v", prompt="a cat")

    assert (refused.status_code, refused.code, refused.message) == (
        400,
        "InvalidParameter",
        "Model not exist.",
    )


def test_models_and_their_absence_are_seen() -> None:
    models: Any = dashscope.Models  # it has `get` at run time alone
    assert models.get("wan2.6-i2v").status_code == 200
    assert models.get("wan2.2-t2v-flash").status_code == 404


def test_the_sdk_buys_twice_when_the_answer_to_a_create_is_reset(emulator: Emulator) -> None:
    # Its silent retry is why this project's client guards the create call.
    before = emulator.ledger()["accepted"]
    emulator.fault("create-accept-reset")

    VideoSynthesis.async_call(**T2V)

    assert emulator.ledger()["accepted"] == before + 2


async def test_the_asynchronous_class_does_the_same(emulator: Emulator, image_file: str) -> None:
    created = await AioVideoSynthesis.async_call(**T2V)
    waited, called = await asyncio.gather(
        AioVideoSynthesis.wait(created),
        AioVideoSynthesis.call(
            model="wan2.6-i2v-flash", prompt="a cat", img_url=image_file, resolution="720P", duration=2
        ),
    )
    listed = await AioVideoSynthesis.list(page_size=50)
    refused = await AioVideoSynthesis.cancel(created.output.task_id)
    fetched = await AioVideoSynthesis.fetch(created.output.task_id)
    emulator.fault("stuck-pending")
    waiting = await AioVideoSynthesis.async_call(**T2V)
    canceled = await AioVideoSynthesis.cancel(waiting.output.task_id)

    await close_shared_aio_session()  # the SDK itself leaves it open at the end of an event loop

    assert waited.output.task_status == called.output.task_status == fetched.output.task_status == "SUCCEEDED"
    assert created.output.task_id in [row["task_id"] for row in listed.output["data"]]
    assert refused.code == "UnsupportedOperation"
    assert (canceled.status_code, emulator.tasks()[-1]["status"]) == (200, "CANCELED")
    sent = [task["body"]["input"].get("img_url", "") for task in emulator.tasks()]
    assert sent[-2].startswith("oss://dashscope-instant/")
    async with httpx.AsyncClient(trust_env=False) as client:
        assert (await client.get(called.output.video_url)).content[4:8] == b"ftyp"
