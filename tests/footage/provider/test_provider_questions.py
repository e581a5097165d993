"""Questions are free to repeat: a good answer is read leniently, anything else is an error that says what to do."""

import gzip
import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from providerside import REQUEST, TASK, client_of, service
from rawserver import Act, RawServer, drip, hang, reply, reset, verbatim

from footage.errors import AccountProblem, FootageError, InvalidRequest, Throttled, Unreachable
from footage.provider import TaskAnswer, TaskStatus, WanClient

TIMES = {"submit_time": "2025-09-29 14:18:52.331", "scheduled_time": "2025-09-29 14:18:59.290"}


def answer(status: str, usage: Any = None, **output: Any) -> dict[str, Any]:
    document: dict[str, Any] = {
        "request_id": REQUEST,
        "output": {"task_id": TASK, "task_status": status, **TIMES, **output},
    }
    return document if usage is None else document | {"usage": usage}


def look(act: Act) -> TaskAnswer:
    with service(act) as (_, client):
        return client.fetch(TASK)


def test_a_finished_task_of_version_2_6_is_read():
    url = "https://dashscope-result-sh.oss-accelerate.aliyuncs.com/xxx.mp4?Expires=1&Signature=x"
    usage = {
        "duration": 10,
        "size": "1280*720",
        "input_video_duration": 0,
        "output_video_duration": 10,
        "video_count": 1,
        "SR": 720,
    }
    document = answer("SUCCEEDED", usage, video_url=url, orig_prompt="一幅史诗级可爱的场景。")

    task = look(reply(document))

    assert (task.status, task.video_url, task.orig_prompt) == (
        TaskStatus.SUCCEEDED,
        url,
        "一幅史诗级可爱的场景。",
    )
    assert task.usage is not None
    assert (task.usage.billed_seconds, task.usage.width, task.usage.height) == (Decimal(10), 1280, 720)
    assert (task.usage.sr, task.usage.audio, task.usage.fps) == (720, None, None)
    assert (task.answer, task.request_id, task.actual_prompt) == (document, REQUEST, None)


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        (
            {"video_duration": 5, "video_ratio": "832*480", "video_count": 1},
            (Decimal(5), 832, 480, None, None, None),
        ),
        ({"video_duration": 5, "video_ratio": "standard"}, (Decimal(5), None, None, None, None, None)),
        ({"duration": 10, "SR": 720, "audio": True}, (Decimal(10), None, None, 720, True, None)),
        ({"duration": "10", "SR": "720", "audio": "false"}, (Decimal(10), None, None, 720, False, None)),
        ({"duration": 5.0, "SR": 720.0}, (Decimal(5), None, None, 720, None, None)),
        (
            {"duration": 10, "ratio": "3368:3409", "fps": 30},
            (Decimal(10), None, None, None, None, Decimal(30)),
        ),
        ({"output_video_duration": 5}, (Decimal(5), None, None, None, None, None)),
        ({"duration": 5.04}, (Decimal("5.04"), None, None, None, None, None)),
        ({"duration": None, "SR": "HD", "audio": 1, "fps": True}, (None,) * 6),
        ({"duration": -1, "SR": "1e999999999", "size": "9999999*1"}, (None,) * 6),
    ],
)
def test_numbers_are_read_in_every_shape_that_models_and_versions_give_them(usage: Any, expected: Any):
    read = look(reply(answer("SUCCEEDED", usage))).usage

    assert read is not None
    assert (read.billed_seconds, read.width, read.height, read.sr, read.audio, read.fps) == expected
    assert read.raw == usage


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("http://b.oss-cn-beijing.aliyuncs.com/a.mp4?Signature=x%2B", "https://b.oss-cn-beijing.aliyuncs.com/a.mp4?Signature=x%2B"),
        ("https://b.aliyuncs.com/a.mp4", "https://b.aliyuncs.com/a.mp4"),
        ("http://127.0.0.1:8000/a.mp4", "http://127.0.0.1:8000/a.mp4"),
        ("http://aliyuncs.com.evil.example/a.mp4", "http://aliyuncs.com.evil.example/a.mp4"),
        ("http://evilaliyuncs.com/a.mp4", "http://evilaliyuncs.com/a.mp4"),
        ("file:///etc/passwd", None),
        ("http://[::1", None),
        ("", None),
        (None, None),
        (5, None),
    ],
)  # fmt: skip
def test_only_the_providers_own_hosts_are_lifted_to_https(given: Any, expected: str | None):
    assert look(reply(answer("SUCCEEDED", video_url=given))).video_url == expected


@pytest.mark.parametrize(
    ("output", "code", "message"),
    [
        ({"code": "InvalidParameter", "message": "The size"}, "InvalidParameter", "The size"),
        ({}, None, None),
        ({"code": "", "message": None}, None, None),
        ({"code": 500, "message": {"a": 1}}, "500", None),
    ],
)  # fmt: skip
def test_a_failed_task_tells_its_reason_or_nothing(output: Any, code: str | None, message: str | None):
    task = look(reply(answer("FAILED", **output)))

    assert (task.status, task.code, task.message, task.usage) == (TaskStatus.FAILED, code, message, None)


@pytest.mark.parametrize(
    ("word", "final"),
    [
        ("PENDING", False),
        ("RUNNING", False),
        ("SUSPENDED", False),
        ("SUCCEEDED", True),
        ("FAILED", True),
        ("CANCELED", True),
        ("UNKNOWN", True),
    ],
)
def test_the_statuses_are_the_providers_words(word: str, final: bool):
    status = look(reply({"output": {"task_id": TASK, "task_status": word}})).status

    assert (status.value, status.final) == (word, final)


def test_half_an_emoji_and_numbers_that_are_no_json_do_not_spoil_the_evidence():
    body = json.dumps(answer("SUCCEEDED", {"duration": 5, "SR": float("nan")}, orig_prompt="\ud83d cut"))

    task = look(reply(body.encode()))

    assert json.loads(json.dumps(task.answer, ensure_ascii=False, allow_nan=False).encode()) == task.answer
    assert task.orig_prompt == "? cut"


@pytest.mark.parametrize(
    "act",
    [
        reply(gzip.compress(json.dumps(answer("RUNNING")).encode()), headers={"Content-Encoding": "gzip"}),
        reply(answer("RUNNING"), status=201),
        reply({"output": {"task_status": "RUNNING"}}),
        reply(b"\xef\xbb\xbf" + json.dumps(answer("RUNNING")).encode()),
        reply(
            json.dumps(answer("RUNNING")).encode(), headers={"Content-Type": "application/json;charset=UTF-8"}
        ),
    ],
)
def test_a_readable_answer_is_read(act: Act):
    assert look(act).status is TaskStatus.RUNNING


BAD_ANSWERS = [
    (reset(), Unreachable),
    (verbatim(b""), Unreachable),
    (hang(), Unreachable),
    (hang(after=b"HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n{"), Unreachable),
    (drip(b"HTTP/1.1 200 OK\r\nX-Slow: " + b"x" * 5000), Unreachable),
    (drip(b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n" + b" " * 5000), Unreachable),
    (verbatim(b"SSH-2.0-OpenSSH_9.6\r\n\r\n"), Unreachable),
    (reply(b""), Unreachable),
    (reply(b"<html>", headers={"Content-Type": "text/html"}), Unreachable),
    (reply(json.dumps(answer("RUNNING")).encode()[:50]), Unreachable),
    (reply(b"\xff\xfe"), Unreachable),
    (reply([1]), Unreachable),
    (reply({"code": "InternalError", "message": "m"}), Unreachable),
    (reply({"code": "InternalError", "message": "m"}, status=500), Unreachable),
    (reply(b"<html>502</html>", status=502), Unreachable),
    (reply(b"", status=503), Unreachable),
    (reply(b"", status=408), Unreachable),
    (reply({"code": "NotFound"}, status=404), Unreachable),
    (reply({"code": "InvalidParameter", "message": "m"}, status=400), Unreachable),
    (reply(b"", status=302, headers={"Location": "/login"}), Unreachable),
    (reply({"code": "Throttling"}, status=429), Throttled),
    (reply(b"", status=429), Throttled),
    (reply({"code": "InvalidApiKey"}, status=401), AccountProblem),
    (reply({"code": "InvalidApiKey", "message": "m"}), AccountProblem),
    (reply({"error": {"code": "invalid_api_key"}}, status=401), AccountProblem),
    (reply(b"", status=403), AccountProblem),
    (reply({"code": "Arrearage"}, status=400), AccountProblem),
]


@pytest.mark.parametrize("ask", [WanClient.fetch, WanClient.cancel])
@pytest.mark.parametrize(("act", "expected"), BAD_ANSWERS)
def test_every_other_answer_is_one_of_three_errors(act: Act, expected: type[FootageError], ask: Any):
    with service(act, read_timeout_s=0.3, call_limit_s=0.5) as (server, client):
        with pytest.raises(expected) as caught:
            ask(client, TASK)

        assert len(server.requests) == 1
    assert type(caught.value) is expected


@pytest.mark.parametrize(
    "document",
    [
        {"output": []},
        {"request_id": REQUEST},
        answer("DANCING"),
        answer("running"),
        {"output": {"task_id": TASK, "task_status": None}},
        {"output": {"task_id": "another", "task_status": "SUCCEEDED"}},
    ],
    ids=["no object", "no output", "unheard-of status", "small letters", "no status", "about another task"],
)
def test_a_task_that_is_not_understood_is_asked_for_again_and_never_guessed(document: Any):
    with service(reply(document)) as (_, client), pytest.raises(Unreachable, match="not understood"):
        client.fetch(TASK)


@pytest.mark.parametrize(
    "task_id", ["", "../../etc", "a/b", "a?b=c", "a#b", "a b", "a\n", "ä", "%2e%2e", "x" * 65]
)
@pytest.mark.parametrize("ask", [WanClient.fetch, WanClient.cancel])
def test_what_cannot_be_a_task_id_never_becomes_part_of_an_address(task_id: str, ask: Any):
    with (
        service(reply(answer("RUNNING"))) as (server, client),
        pytest.raises(InvalidRequest, match="task_id"),
    ):
        ask(client, task_id)

    assert server.requests == []


def test_questions_use_the_documented_addresses_and_one_connection():
    listing = {"total": 0, "data": [], "total_page": 0, "page_no": 1, "request_id": REQUEST}
    acts = (
        reply(answer("RUNNING")),
        reply({"request_id": REQUEST}),
        reply(listing),
        reply({"output": {"models": []}}),
        reply({"output": {"quotas": []}}),
    )
    with service(*acts, workspace="ws-1") as (server, client):
        client.fetch(TASK)
        client.cancel(TASK)
        client.list_tasks(model="wan2.6-i2v", status=TaskStatus.RUNNING, page=2)
        client.model_known("wan2.6-i2v")
        client.quotas("wan2.6-i2v")

    assert [(request.method, request.target) for request in server.requests] == [
        ("GET", f"/api/v1/tasks/{TASK}"),
        ("POST", f"/api/v1/tasks/{TASK}/cancel"),
        ("GET", "/api/v1/tasks?page_no=2&page_size=50&model_name=wan2.6-i2v&status=RUNNING"),
        ("GET", "/api/v1/models?model=wan2.6-i2v&page_no=1&page_size=10"),
        ("GET", "/api/v1/quotas?model=wan2.6-i2v"),
    ]
    assert {request.connection for request in server.requests} == {1}
    assert {request.headers["x-dashscope-workspace"] for request in server.requests} == {"ws-1"}


def test_a_cancellation_is_taken_or_refused():
    refused = {"code": "UnsupportedOperation", "message": "Failed to cancel the task", "request_id": REQUEST}
    with service(reply({"request_id": REQUEST}), reply(refused, status=400)) as (_, client):
        assert client.cancel(TASK) is True
        assert client.cancel(TASK) is False


ROW = {
    "api_key_id": "42677",
    "caller_uid": "1493478651020171",
    "gmt_create": 1709260684485,
    "start_time": 1709260684527,
    "end_time": 1709260685184,
    "model_name": "wan2.6-i2v",
    "region": "cn-beijing",
    "request_id": REQUEST,
    "status": "SUCCEEDED",
    "task_id": TASK,
}
CREATED_AT = datetime(2024, 3, 1, 2, 38, 4, 485000, tzinfo=UTC)


def listing(*rows: Any, **paging: Any) -> dict[str, Any]:
    return {
        "total": len(rows),
        "data": list(rows),
        "total_page": 1,
        "page_no": 1,
        "request_id": REQUEST,
    } | paging


def test_the_task_list_is_read():
    rows = (
        ROW,
        ROW | {"task_id": "second", "gmt_create": "1709260684485", "status": "RUNNING", "request_id": None},
    )
    with service(reply(listing(*rows, total=51, total_page="2"))) as (_, client):
        page = client.list_tasks(model="wan2.6-i2v")

    assert (page.page, page.total_pages, page.total) == (1, 2, 51)
    first, second = page.rows
    assert (first.task_id, first.request_id, first.model) == (TASK, REQUEST, "wan2.6-i2v")
    assert (first.status, first.created_at) == (TaskStatus.SUCCEEDED, CREATED_AT)
    assert (second.status, second.created_at, second.request_id) == (TaskStatus.RUNNING, CREATED_AT, None)


def test_no_times_of_an_unknown_zone_are_sent():
    with service(reply(listing(ROW))) as (server, client):
        client.list_tasks()

    assert "time" not in server.requests[0].target


@pytest.mark.parametrize(
    "document",
    [
        listing(ROW, ROW | {"task_id": None}),
        listing(ROW, ROW | {"task_id": "../x"}),
        listing(ROW, ROW | {"status": "DANCING"}),
        listing(ROW, ROW | {"gmt_create": "yesterday", "start_time": None}),
        listing(ROW, ROW | {"gmt_create": 999_999_999_999_999}),
        listing(ROW, ROW | {"model_name": None}),
        listing(ROW, "row"),
        {"data": [ROW], "page_no": 1, "total": 1},
        {"data": [ROW], "page_no": 1, "total_page": 1},
        {"data": None, "total": 0, "total_page": 0},
        {"data": {}, "total": 0, "total_page": 0},
        {"request_id": REQUEST},
    ],
)
def test_a_list_with_anything_unreadable_is_no_list_because_a_missed_task_is_bought_again(document: Any):
    with service(reply(document)) as (_, client), pytest.raises(Unreachable, match="not understood"):
        client.list_tasks()


@pytest.mark.parametrize(
    ("body", "status", "expected"),
    [
        ({"output": {"models": []}}, 200, False),
        ({"output": {"models": [{"model": "wan2.2-t2v-flash"}]}}, 200, True),
        ({"output": {"models": [{"name": "Wan", "model_id": "wan2.2-t2v-flash"}]}}, 200, True),
        ({"output": {"models": [{"model": "wan2.2-t2v-plus"}]}}, 200, None),
        ({"output": {}}, 200, None),
        ({"code": "NotFound"}, 404, None),
        (b"<html>", 404, None),
        ({"code": "InvalidParameter"}, 400, None),
    ],
)
def test_whether_a_model_is_known_is_yes_no_or_not_said(body: Any, status: int, expected: bool | None):
    with service(reply(body, status=status)) as (_, client):
        assert client.model_known("wan2.2-t2v-flash") is expected


def test_the_tighter_of_two_quotas_counts():
    limits = {
        "request_limit": 5,
        "request_limit_period": 1,
        "async_user_queue_limit": 100,
        "async_user_concurrency_limit": 5,
    }
    entry = {
        "model": "wan2.6-i2v",
        "model_limit": limits,
        "workspace_limit": {"async_user_queue_limit": "20"},
    }
    with service(reply({"output": {"total": 1, "quotas": [{"model": "other"}, entry]}})) as (_, client):
        quota = client.quotas("wan2.6-i2v")

    assert quota is not None
    assert (quota.requests, quota.request_period_s) == (5, 1)
    assert (quota.concurrent_tasks, quota.queued_tasks) == (5, 20)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"output": {"quotas": []}}, 200),
        ({"output": {"quotas": None}}, 200),
        ({"code": "NotFound"}, 404),
        (b"", 404),
    ],
)
def test_no_quota_is_no_error(body: Any, status: int):
    with service(reply(body, status=status)) as (_, client):
        assert client.quotas("wan2.6-i2v") is None


@pytest.mark.parametrize(
    "ask", [lambda client: client.model_known("m"), lambda client: client.quotas("m"), WanClient.probe]
)
@pytest.mark.parametrize(
    ("body", "status", "expected"),
    [
        ({"code": "InvalidApiKey"}, 401, AccountProblem),
        (b"", 403, AccountProblem),
        ({"code": "Throttling"}, 429, Throttled),
        (b"", 500, Unreachable),
        (b"<html>hotel</html>", 200, Unreachable),
    ],
)
def test_the_other_questions_fail_in_the_same_ways(
    ask: Any, body: Any, status: int, expected: type[FootageError]
):
    with service(reply(body, status=status)) as (_, client), pytest.raises(expected):
        ask(client)


@pytest.mark.parametrize("rows", [[], [{"anything": "at all"}]])
def test_the_probe_is_one_query_that_measures_clock_and_distance(rows: list[Any]):
    ahead = (datetime.now(UTC) + timedelta(hours=3)).strftime("%a, %d %b %Y %H:%M:%S GMT")
    with service(reply({"data": rows}, headers={"Date": ahead})) as (server, client):
        probe = client.probe()

    assert probe.clock_offset_s == pytest.approx(10_800, abs=2)
    assert 0 <= probe.latency_s < 5
    assert [request.target for request in server.requests] == ["/api/v1/tasks?page_no=1&page_size=1"]


@pytest.mark.parametrize("headers", [{}, {"Date": "soon"}])
def test_without_a_date_the_clock_stays_unknown(headers: dict[str, str]):
    with service(reply({"data": []}, headers=headers)) as (_, client):
        assert client.probe().clock_offset_s is None


def test_a_connection_that_the_server_closed_is_replaced():
    whole = json.dumps(answer("RUNNING")).encode()
    closing = verbatim(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(whole) + whole)
    with service(closing) as (server, client):
        for _ in range(2):
            assert client.fetch(TASK).status is TaskStatus.RUNNING

    assert [request.connection for request in server.requests] == [1, 2]


def test_a_client_can_be_used_after_it_was_closed():
    with RawServer(reply(answer("RUNNING"))) as server, client_of(server.base_url) as client:
        client.fetch(TASK)
        client.close()
        client.fetch(TASK)

    assert [request.connection for request in server.requests] == [1, 2]
