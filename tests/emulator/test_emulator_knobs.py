"""Each knob for a fact that nobody can prove changes exactly that fact."""

import base64
from collections.abc import Iterator
from typing import Any

import pytest

from footage.emulator import Emulator, Knobs


@pytest.fixture
def turned(emulator: Emulator, request: pytest.FixtureRequest) -> Iterator[None]:
    usual = {
        name: getattr(Knobs(rate_limits=False, concurrency=1000, render="tiny"), name)
        for name in request.param
    }
    emulator.turn(**request.param)
    yield
    emulator.turn(**usual)


def knobs(**values: Any) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("turned", [values], indirect=True)


@knobs(unknown_model="ModelNotFound")
def test_the_code_for_an_unknown_model(turned: None, api: Any) -> None:
    answer = api.submit(model="wan9")

    assert (answer.status_code, answer.json()["code"]) == (404, "ModelNotFound")


@knobs(t2v_flash=True)
def test_whether_the_undocumented_model_exists(turned: None, api: Any) -> None:
    assert api.submit(model="wan2.2-t2v-flash").status_code == 200


@knobs(orig_prompt="truncated")
def test_whether_the_original_prompt_is_cut(turned: None, api: Any) -> None:
    assert api.finish(api.create(prompt="x" * 900))["orig_prompt"] == "x" * 800


@knobs(usage_types="strings")
def test_whether_numbers_in_usage_are_text(turned: None, api: Any) -> None:
    task_id = api.create(model="wan2.6-t2v-us", size="1280*720")
    api.finish(task_id)

    assert api.get(f"/tasks/{task_id}").json()["usage"]["SR"] == "720"


@knobs(utc_offset_hours=0)
def test_the_zone_of_task_times(turned: None, api: Any) -> None:
    answer = api.get(f"/tasks/{api.create()}")

    assert answer.json()["output"]["submit_time"][11:13] in answer.headers["date"]


@knobs(page_size_max=2)
def test_the_longest_page(turned: None, api: Any) -> None:
    for _ in range(3):
        api.create()

    body = api.get("/tasks", page_size=50).json()

    assert (len(body["data"]), body["page_size"]) == (2, 2)


@knobs(cancel_unknown="NotFound")
def test_the_answer_to_cancelling_what_never_was(turned: None, api: Any) -> None:
    assert api.cancel("1111").status_code == 404


@knobs(list_lag_s=30)
def test_the_lag_of_the_list(turned: None, emulator: Emulator, api: Any) -> None:
    task_id = api.create()

    assert api.get("/tasks", task_id=task_id).json()["total"] == 0
    emulator.advance(31)
    assert api.get("/tasks", task_id=task_id).json()["total"] == 1


@knobs(gzip=False)
def test_whether_answers_are_compressed(turned: None, api: Any) -> None:
    assert "content-encoding" not in api.get("/tasks/1111").headers


@knobs(image_alpha="accept", image_side_min=100)
def test_the_rules_for_images(turned: None, api: Any, make_picture: Any) -> None:
    image = base64.b64encode(make_picture(120, 120, "RGBA")).decode()

    assert (
        api.finish(api.create_i2v(f"data:image/png;base64,{image}", duration=2))["task_status"] == "SUCCEEDED"
    )


@knobs(max_body_mb=0.00001)
def test_the_largest_body(turned: None, api: Any) -> None:
    assert api.submit().json()["code"] == "BadRequest.TooLarge"


@knobs(fps=24)
def test_the_frame_rate_of_results(turned: None, emulator: Emulator, api: Any) -> None:
    import av
    import httpx

    url = api.finish(api.create(seed=24))["video_url"]
    path = emulator.state_dir / "clip24.mp4"
    path.write_bytes(httpx.get(url, trust_env=False).content)

    with av.open(str(path), format="mp4") as container:
        assert container.streams.video[0].average_rate == 24


@knobs(retention_s=60)
def test_how_long_records_live(turned: None, emulator: Emulator, api: Any) -> None:
    task_id = api.create()
    emulator.advance(61)

    assert api.query(task_id)["task_status"] == "UNKNOWN"


@knobs(generation_s=5, generation_jitter=0, start_delay_s=2)
def test_how_long_tasks_wait_and_run(turned: None, emulator: Emulator, api: Any) -> None:
    task_id = api.create()
    seen = [api.query(task_id)["task_status"]]
    for _ in range(2):
        emulator.advance(3)
        seen.append(api.query(task_id)["task_status"])

    assert seen[:2] == ["PENDING", "RUNNING"]
    assert api.finish(task_id)["task_status"] == "SUCCEEDED"
    task = next(task for task in emulator.tasks() if task["task_id"] == task_id)
    assert round(task["scheduled_s"] - task["submitted_s"], 3) == 2
    assert task["ended_s"] - task["scheduled_s"] >= 5
