"""The protocol as it was documented and captured: paths, headers, status codes, envelopes, JSON shapes."""

import gzip
import json
import re
import socket
from typing import Any

import httpx
import pytest

from footage.emulator import Emulator

CREATE = "/services/aigc/video-generation/video-synthesis"
UUID4 = r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"
UUID9 = r"[0-9a-f]{8}-[0-9a-f]{4}-9[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}"


def test_a_create_answers_with_pending_a_task_id_and_nothing_else(api: Any) -> None:
    answer = api.submit()

    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["transfer-encoding"] == "chunked"
    assert answer.headers["server"] == "istio-envoy"
    body = answer.json()
    assert set(body) == {"output", "request_id"}
    assert set(body["output"]) == {"task_id", "task_status"}
    assert re.fullmatch(UUID4, body["output"]["task_id"])
    assert re.fullmatch(UUID9, body["request_id"])


def test_answers_are_gzipped_only_for_clients_that_take_it(api: Any) -> None:
    headers = {**api.headers, "Accept-Encoding": "identity"}

    zipped, plain = api.get("/tasks/1"), api.http.get("/tasks/1", headers=headers)

    assert zipped.headers["content-encoding"] == "gzip"
    assert "content-encoding" not in plain.headers
    assert zipped.json()["output"] == plain.json()["output"]


def test_the_raw_bytes_of_a_gzipped_answer_are_gzip(api: Any) -> None:
    with api.http.stream("GET", f"/tasks/{api.create()}", headers=api.headers) as answer:
        assert json.loads(gzip.decompress(b"".join(answer.iter_raw())))["output"]["task_status"]


@pytest.mark.parametrize("tail", ["", "/", "/?size=832*480&duration=5"])
def test_a_query_takes_a_trailing_slash_and_ignores_parameters(api: Any, tail: str) -> None:
    task_id = api.create()

    answer = api.get(f"/tasks/{task_id}{tail}")

    assert answer.headers["content-type"] == "application/json;charset=UTF-8"
    assert answer.json()["output"]["task_id"] == task_id


@pytest.mark.parametrize("task_id", ["1111", "0385dc79-5ff8-4d82-bcb6-000000000000"])
def test_a_task_that_never_was_is_unknown_with_status_200(api: Any, task_id: str) -> None:
    answer = api.get(f"/tasks/{task_id}")

    assert answer.status_code == 200
    assert answer.json()["output"] == {"task_id": task_id, "task_status": "UNKNOWN"}


@pytest.mark.parametrize(
    ("key", "message"),
    [
        ("", "No API-key provided."),
        ("Bearer", "No API-key provided."),
        ("Bearer nonsense", "Invalid API-key provided."),
        ("Basic sk-1234", "No API-key provided."),
    ],
)
def test_a_wrong_key_gives_401_without_a_content_type(api: Any, key: str, message: str) -> None:
    for method, path in (("POST", CREATE), ("GET", "/tasks/1"), ("GET", "/tasks"), ("GET", "/models")):
        answer = api.http.request(method, path, headers={"Authorization": key} if key else {})

        assert answer.status_code == 401
        assert "content-type" not in answer.headers
        body = json.loads(answer.content)
        assert (body["code"], body["message"]) == ("InvalidApiKey", message)
        assert answer.headers["x-request-id"] == body["request_id"]


GOOD = {"model": "wan2.2-t2v-plus", "input": {"prompt": "a cat"}}


@pytest.mark.parametrize(
    ("content", "headers", "status", "code", "message"),
    [
        (
            b"{nope",
            {},
            400,
            "InvalidParameter",
            "Required body invalid, please check the request body format.",
        ),
        (b"[]", {}, 400, "InvalidParameter", "Required body invalid, please check the request body format."),
        (
            json.dumps(GOOD).encode(),
            {"X-DashScope-Async": "no"},
            *(403, "AccessDenied", "current user api does not support synchronous calls."),
        ),
        (
            b'{"input": {}}',
            {},
            400,
            "BadRequest.EmptyModel",
            'Required parameter "model" missing from request.',
        ),
        (b'{"model": "wan9", "input": {}}', {}, 400, "InvalidParameter", "Model not exist."),
        (
            b'{"model": "wan2.2-t2v-flash", "input": {"prompt": "x"}}',
            *({}, 400, "InvalidParameter", "Model not exist."),
        ),
        (
            b'{"model": "wan2.2-t2v-plus"}',
            *({}, 400, "BadRequest.EmptyInput", 'Required parameter "input" missing from request.'),
        ),
    ],
)
def test_shape_header_and_model_are_refused_at_once_and_make_no_task(
    emulator: Emulator,
    api: Any,
    content: bytes,
    headers: dict[str, str],
    status: int,
    code: str,
    message: str,
) -> None:
    accepted = emulator.ledger()["accepted"]

    sent = {**api.headers, "X-DashScope-Async": "enable", **headers}
    answer = api.http.post(CREATE, content=content, headers=sent)

    body = answer.json()
    assert (answer.status_code, body["code"], body["message"]) == (status, code, message)
    assert re.fullmatch(UUID9, body["request_id"])
    assert emulator.ledger()["accepted"] == accepted


def test_the_create_path_refuses_other_methods(api: Any) -> None:
    answer = api.get(CREATE)

    assert (answer.status_code, answer.json()["message"]) == (400, "Request method 'GET' is not supported.")


def test_the_parameters_may_be_absent(api: Any) -> None:
    body = {"model": "wan2.2-t2v-plus", "input": {"prompt": "a cat"}}

    task_id = api.post(body).json()["output"]["task_id"]

    task = next(task for task in api.emulator.tasks() if task["task_id"] == task_id)
    assert task["body"] == body
    assert (task["plan"]["width"], task["plan"]["height"]) == (1920, 1080)


def test_an_unknown_path_is_not_found(api: Any) -> None:
    assert (api.get("/nowhere").status_code, api.get("/nowhere").json()["code"]) == (404, "NotFound")


def test_times_are_at_plus_eight_hours_and_agree_with_the_date_header(api: Any) -> None:
    answer = api.get(f"/tasks/{api.create()}")

    submitted = answer.json()["output"]["submit_time"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}", submitted)
    hour_utc = int(re.search(r" (\d\d):\d\d:\d\d GMT", answer.headers["date"]).group(1))  # type: ignore[union-attr]
    assert (int(submitted[11:13]) - hour_utc) % 24 in (7, 8)


def test_a_pending_task_shows_only_its_submission_and_a_running_one_its_start(
    emulator: Emulator, api: Any, clean: None
) -> None:
    emulator.fault("stuck-pending")

    pending = api.query(api.create())
    task_id = api.create()
    emulator.advance(1)
    running = api.query(task_id)

    assert set(pending) == {"task_id", "task_status", "submit_time"}
    assert running["task_status"] == "RUNNING"
    assert set(running) == {"task_id", "task_status", "submit_time", "scheduled_time"}


@pytest.mark.parametrize(
    ("model", "parameters", "usage"),
    [
        (
            "wan2.2-t2v-plus",
            {"size": "480*832"},
            {"video_duration": 5, "video_ratio": "480*832", "video_count": 1},
        ),
        (
            "wanx2.1-t2v-turbo",
            {"size": "832*480"},
            {"video_duration": 5, "video_ratio": "832*480", "video_count": 1},
        ),
        (
            "wan2.6-t2v-us",
            {"size": "1280*720", "duration": 10},
            {
                "duration": 10,
                "size": "1280*720",
                "input_video_duration": 0,
                "output_video_duration": 10,
                "video_count": 1,
                "SR": 720,
            },
        ),
    ],
)
def test_usage_has_the_shape_of_the_models_generation(
    api: Any, model: str, parameters: dict[str, Any], usage: dict[str, Any]
) -> None:
    task_id = api.create(model=model, **parameters)
    output = api.finish(task_id)

    assert api.get(f"/tasks/{task_id}").json()["usage"] == usage
    assert {"submit_time", "scheduled_time", "end_time", "orig_prompt", "video_url"} <= set(output)
    assert ("actual_prompt" in output) == (not model.startswith("wan2.6"))


def test_the_rewritten_prompt_is_absent_when_rewriting_is_off(api: Any) -> None:
    assert "actual_prompt" not in api.finish(api.create(prompt_extend=False))


def test_a_failed_task_is_http_200_with_code_and_message_and_no_usage(api: Any) -> None:
    task_id = api.create(size="1280*720")
    output = api.finish(task_id)

    answer = api.get(f"/tasks/{task_id}")
    assert (answer.status_code, output["task_status"], output["code"]) == (200, "FAILED", "InvalidParameter")
    assert "usage" not in answer.json()
    assert "video_url" not in output


def test_only_a_pending_task_can_be_cancelled(emulator: Emulator, api: Any, clean: None) -> None:
    emulator.fault("stuck-pending")
    waiting, running = api.create(), api.create()
    emulator.advance(1)

    assert set(api.cancel(waiting).json()) == {"request_id"}
    assert api.query(waiting)["task_status"] == "CANCELED"
    for task_id in (waiting, running, "1111"):
        answer = api.cancel(task_id)
        assert (answer.status_code, answer.json()["code"]) == (400, "UnsupportedOperation")
        assert "confirm if the task is in PENDING status" in answer.json()["message"]


def test_the_list_pages_filters_and_counts_in_milliseconds(api: Any) -> None:
    model = "wanx2.1-t2v-turbo"
    ids = [api.create(model=model) for _ in range(3)]

    body = api.get("/tasks/", model_name=model, page_no=1, page_size=2).json()
    row = next(row for row in api.get("/tasks", page_size=100).json()["data"] if row["task_id"] == ids[-1])
    rest = api.get("/tasks", model_name=model, page_no=2, page_size=2).json()["data"]

    assert set(body) == {"total", "data", "total_page", "page_no", "request_id", "page_size"}
    assert body["data"][0]["task_id"] == ids[-1]
    assert body["total_page"] == -(-body["total"] // 2)
    assert len(rest) == min(2, body["total"] - 2)
    assert isinstance(row["gmt_create"], int)
    assert row["gmt_create"] > 1_600_000_000_000
    assert not {"prompt", "orig_prompt", "video_url", "seed"} & set(row)
    assert api.get("/tasks", task_id=ids[0]).json()["total"] == 1
    assert api.get("/tasks", status="CANCELED", model_name=model).json()["total"] == 0


def test_the_request_id_in_the_list_is_that_of_the_create_call(api: Any) -> None:
    created = api.submit().json()

    row = api.get("/tasks", task_id=created["output"]["task_id"]).json()["data"][0]

    assert row["request_id"] == created["request_id"]


def test_the_list_shows_a_window_of_at_most_24_hours(api: Any) -> None:
    task_id = api.create()

    recent = api.get("/tasks", task_id=task_id, start_time="20200101000000").json()
    too_long = api.get("/tasks", start_time="20200101000000", end_time="20200103000000")

    assert recent["total"] == 0
    assert (too_long.status_code, too_long.json()["code"]) == (400, "InvalidParameter")
    assert api.get("/tasks", start_time="yesterday").status_code == 400


def test_models_and_quotas_answer_for_one_model_or_page_through_all(api: Any) -> None:
    one = api.get("/models", model="wan2.6-i2v-flash", page_no=1, page_size=1).json()["output"]
    none = api.get("/models", model="wan2.2-t2v-flash").json()["output"]

    assert [entry["model"] for entry in one["models"]] == ["wan2.6-i2v-flash"]
    assert none["models"] == []
    assert api.get("/quotas", model="wan2.6-i2v-flash").json()["output"]["quotas"][0]["model_limit"]
    assert api.get("/models/permissions", authorization_scope="AUTHORIZED").json()["output"]["total"] >= 6
    assert api.get("/models/limits", model="wan2.2-t2v-plus").json()["output"]["total"] == 1


def test_foreign_names_are_ignored_and_counted(make_api: Any) -> None:
    with Emulator(render="tiny", rate_limits=False) as emulator, make_api(emulator) as lone:
        body = {
            "model": "wan2.2-t2v-plus",
            "input": {"prompt": "a cat", "function": "video-synthesis", "extend_prompt": True, "media": []},
            "parameters": {"size": "832*480", "fps": 24, "motion_strength": None, "resolution": "480P"},
        }
        task_id = lone.post(body).json()["output"]["task_id"]

        assert lone.finish(task_id)["task_status"] == "SUCCEEDED"
        ledger = emulator.ledger()
        assert ledger["foreign_input"] == {"media": 1}
        assert ledger["foreign_parameters"] == {"fps": 1, "motion_strength": 1, "resolution": 1}
        assert ledger["tasks"][0]["body"] == body


def test_the_ledger_counts_what_came_in_and_what_was_billed(make_api: Any) -> None:
    with Emulator(render="tiny", rate_limits=False) as emulator, make_api(emulator) as lone:
        good, bad = lone.create(), lone.create(size="1*1")
        lone.post({"model": "wan9", "input": {}})
        url = lone.finish(good)["video_url"]
        lone.finish(bad)
        size = len(httpx.get(url, trust_env=False).content)

        ledger = emulator.ledger()
        assert (ledger["creates"], ledger["accepted"], ledger["refused"]) == (3, 2, 1)
        assert (ledger["billed_seconds"], ledger["billed"]) == (5, {good: 5})
        assert (ledger["downloads"], ledger["bytes"]) == (1, size)
        assert ledger["requests"]["create"] == 3


def test_the_emulator_listens_on_the_loopback_address_only(emulator: Emulator) -> None:
    port = int(emulator.url.rsplit(":", 1)[1])

    with socket.socket() as probe:
        probe.settimeout(2)
        assert probe.connect_ex(("127.0.0.2", port)) != 0
