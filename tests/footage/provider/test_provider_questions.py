"""Questions are free to repeat: whatever is no good answer is an error that says what to do."""

import json
from typing import Any

import pytest
from providerside import REQUEST, TASK, answer, client_of, service
from rawserver import Act, RawServer, drip, hang, reply, reset, verbatim

from footage.errors import AccountProblem, FootageError, InvalidRequest, Throttled, Unreachable
from footage.provider import TaskStatus, WanClient

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


def test_a_long_answer_is_quoted_in_short() -> None:
    with (
        service(reply({"message": "m" * 1000})) as (_, client),
        pytest.raises(Unreachable) as caught,
    ):
        client.fetch(TASK)

    assert f"'{'m' * 200}…'" in caught.value.message


@pytest.mark.parametrize(
    "ask", [lambda client: client.model_listing("m"), lambda client: client.quotas("m"), WanClient.probe]
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
        client.model_listing("wan2.6-i2v")
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
