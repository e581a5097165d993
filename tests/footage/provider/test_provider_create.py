"""A create is sent exactly once, whatever happens to it, and the error tells whether it was bought."""

import gzip
import json
import socket
from typing import Any

import pytest
from providerside import CREATED, REQUEST, SECRET, TASK, client_of, i2v_order, service, t2v_order
from rawserver import Act, RawServer, drip, hang, never_speak, reply, reset, reset_half_way, verbatim

from footage.errors import (
    AccountProblem,
    FootageError,
    InvalidRequest,
    Refused,
    SubmissionUnknown,
    Throttled,
    Unreachable,
)

OK = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"
BODY = json.dumps(CREATED).encode()


def refused(code: str, message: str = "Because.") -> dict[str, str]:
    return {"code": code, "message": message, "request_id": REQUEST}


@pytest.mark.parametrize(
    "act",
    [
        reply(CREATED),
        reply(CREATED, status=201),
        reply(BODY),
        reply(BODY, headers={"Content-Type": "text/html"}),
        reply(b"\xef\xbb\xbf" + BODY),
        reply(gzip.compress(BODY), headers={"Content-Encoding": "gzip"}),
        reply(BODY, headers={"Content-Encoding": "gzip"}),
        reply({"output": {"task_status": "PENDING", "task_id": TASK}}),
        reply(CREATED | {"code": "", "message": ""}),
        verbatim(OK + b"Connection: close\r\n\r\n" + BODY),
        verbatim(
            OK + b"Transfer-Encoding: chunked\r\n\r\n" + b"%x\r\n" % len(BODY) + BODY + b"\r\n0\r\n\r\n"
        ),
        verbatim(OK + b"Content-Length: 999\r\n\r\n" + BODY),
        verbatim(OK + b"Content-Length: 999\r\n\r\n" + BODY[:-40]),
        reset(after=OK + b"Content-Length: 999\r\n\r\n" + BODY[:-40]),
        verbatim(OK + b"Transfer-Encoding: chunked\r\n\r\n" + b"fff\r\n" + BODY[:-40]),
        drip(OK + b"Content-Length: %d\r\n\r\n" % len(BODY) + BODY, every_s=0.001),
    ],
    ids=[
        "as documented",
        "status 201",
        "no content type",
        "called HTML",
        "with a byte order mark",
        "compressed",
        "called compressed and is not",
        "without a request id",
        "with empty code and message",
        "until the connection closes",
        "in chunks",
        "shorter than announced",
        "cut off behind the id",
        "reset behind the id",
        "cut off in a chunk behind the id",
        "in drips, but in time",
    ],
)
def test_an_answer_with_a_task_id_is_a_purchase_however_odd_it_looks(act: Act):
    with service(act) as (server, client):
        created = client.create(t2v_order())

    assert created.task_id == TASK
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    "act",
    [
        reset(),
        verbatim(b""),
        verbatim(b"\x00\xff\x00 this is not HTTP\r\n\r\n"),
        verbatim(b"HTTP/1.1 200 OK\r\nContent-Le"),
        reset(after=OK),
        hang(),
        hang(after=OK),
        hang(after=OK + b"Content-Length: 999\r\n\r\n" + BODY[:40]),
        reset(after=OK + b"Content-Length: 999\r\n\r\n" + BODY[:40]),
        drip(OK + b"X-Slow: " + b"x" * 5000),
        drip(OK + b"Content-Length: 5000\r\n\r\n" + b" " * 5000),
        reply(b""),
        reply(b"<html>Welcome to the hotel's network</html>", headers={"Content-Type": "text/html"}),
        reply(BODY[:60], headers={"Content-Type": "application/json"}),
        reply(b"\xff\xfe\xff"),
        reply(b"[" * 200_000),
        reply(b" " * 5_000_000 + BODY),
        reply(gzip.compress(b" " * 50_000_000 + BODY), headers={"Content-Encoding": "gzip"}),
        reply(gzip.compress(BODY)[:30], headers={"Content-Encoding": "gzip"}),
        reply([]),
        reply({"request_id": REQUEST}),
        reply({"output": {"task_status": "PENDING"}}),
        reply({"output": {"task_id": None}}),
        reply({"output": {"task_id": "../../etc/passwd"}}),
        reply(refused("InvalidParameter")),
        reply(refused("Throttling")),
        reply(refused("InternalError"), status=500),
        reply(CREATED, status=500),
        reply(b"<html>502 Bad Gateway</html>", status=502, headers={"Content-Type": "text/html"}),
        reply(b"", status=502),
        reply(refused("ModelServingError"), status=503, headers={"Retry-After": "5"}),
        reply(b"", status=504),
        reply(refused("RequestTimeOut"), status=408),
        reply(CREATED | refused("Throttling"), status=429),
        reply(CREATED | refused("InvalidParameter"), status=400),
        reply(b"", status=302, headers={"Location": "/login"}),
        reply(b"", status=303, headers={"Location": "/api/v1/tasks/1"}),
        verbatim(b"HTTP/1.1 103 Early Hints\r\n\r\n"),
    ],
    ids=[
        "reset after reading",
        "closed after reading",
        "not HTTP",
        "cut off in the head",
        "reset in the head",
        "no answer",
        "hangs in the head",
        "hangs in the body",
        "reset before the id",
        "drips a head without end",
        "drips a body without end",
        "empty",
        "HTML",
        "cut off before the id",
        "not UTF-8",
        "nested without end",
        "larger than any answer",
        "small and unpacks to 50 MB",
        "compressed and cut off",
        "a list",
        "no output",
        "no task id",
        "task id null",
        "task id that is a path",
        "200 with an error code",
        "200 with a throttling code",
        "500",
        "500 with a task id",
        "502 HTML",
        "502 empty",
        "503",
        "504",
        "408",
        "429 with a task",
        "400 with a task",
        "302",
        "303",
        "an interim answer and no other",
    ],
)
def test_anything_else_after_sending_leaves_the_purchase_unknown_and_is_sent_once(act: Act):
    with service(act, read_timeout_s=0.4, call_limit_s=2.0) as (server, client):
        with pytest.raises(SubmissionUnknown) as caught:
            client.create(t2v_order())

        assert [request.method for request in server.requests] == ["POST"]
    assert caught.value.next_step is not None


@pytest.mark.parametrize(
    ("status", "body", "expected", "code"),
    [
        (400, refused("InvalidParameter", "Model not exist."), Refused, "InvalidParameter"),
        (400, refused("UnheardOf"), Refused, "UnheardOf"),
        (
            400,
            {"error": {"message": "m", "type": "t", "code": "invalid_parameter"}},
            Refused,
            "invalid_parameter",
        ),
        (400, b"<html>no</html>", Refused, None),
        (400, b"", Refused, None),
        (400, b"\xff\xfe", Refused, None),
        (400, refused("InternalError"), Refused, "InternalError"),
        (404, refused("ModelNotFound"), Refused, "ModelNotFound"),
        (404, refused("model_not_found"), Refused, "model_not_found"),
        (404, b"nginx", Refused, None),
        (413, b"", Refused, None),
        (422, {"message": "what"}, Refused, None),
        (401, refused("InvalidApiKey"), AccountProblem, "InvalidApiKey"),
        (401, b"", AccountProblem, None),
        (401, {"error": {"code": "invalid_api_key"}}, AccountProblem, "invalid_api_key"),
        (403, refused("AccessDenied"), AccountProblem, "AccessDenied"),
        (403, refused("AllocationQuota.FreeTierOnly"), AccountProblem, "AllocationQuota.FreeTierOnly"),
        (403, b"<html>blocked</html>", AccountProblem, None),
        (404, refused("WorkSpaceNotFound"), AccountProblem, "WorkSpaceNotFound"),
        (400, refused("Arrearage"), AccountProblem, "Arrearage"),
        (429, refused("PrepaidBillOverdue"), AccountProblem, "PrepaidBillOverdue"),
        (429, refused("PostpaidBillOverdue"), AccountProblem, "PostpaidBillOverdue"),
        (429, refused("CommodityNotPurchased"), AccountProblem, "CommodityNotPurchased"),
        (429, refused("BudgetLimitExceeded"), AccountProblem, "BudgetLimitExceeded"),
        (429, refused("Throttling"), Throttled, "Throttling"),
        (429, refused("Throttling.RateQuota"), Throttled, "Throttling.RateQuota"),
        (429, refused("limit_requests"), Throttled, "limit_requests"),
        (429, refused("Throttling.SomethingNew"), Throttled, "Throttling.SomethingNew"),
        (429, b"", Throttled, None),
        (307, b"", Unreachable, None),
        (308, b"", Unreachable, None),
    ],
)
def test_a_received_refusal_means_that_nothing_was_bought(
    status: int, body: Any, expected: type[FootageError], code: str | None
):
    location = {"Location": "http://127.0.0.1:9/elsewhere"} if status < 400 else {}
    with service(reply(body, status=status, headers=location)) as (server, client):
        with pytest.raises(expected) as caught:
            client.create(t2v_order())

        assert len(server.requests) == 1
    assert type(caught.value) is expected
    assert caught.value.details["http_status"] == status
    if code:
        assert caught.value.code == code
        assert code in str(caught.value)


def test_the_real_401_without_a_content_type_is_understood():
    answer = (
        b"HTTP/1.1 401 Unauthorized\r\nX-Request-ID: a1c0561c\r\nServer: istio-envoy\r\n\r\n"
        b'{"code":"InvalidApiKey","message":"Invalid API-key provided.","request_id":"a1c0561c"}'
    )
    with service(verbatim(answer)) as (_, client), pytest.raises(AccountProblem) as caught:
        client.create(t2v_order())

    assert (caught.value.code, caught.value.details["request_id"]) == ("InvalidApiKey", "a1c0561c")
    assert caught.value.details["reason"] == "Invalid API-key provided."
    assert "region" in str(caught.value.next_step)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [("7", 7.0), ("Thu, 01 Jan 1970 00:00:00 GMT", 0.0), ("99999999", 3600.0), ("soon", None), (None, None)],
)
def test_the_wish_of_a_throttling_answer_is_passed_on_within_reason(value: str | None, seconds: float | None):
    headers = {"Retry-After": value} if value else {}
    with (
        service(reply(refused("Throttling"), 429, headers)) as (_, client),
        pytest.raises(Throttled) as caught,
    ):
        client.create(t2v_order())

    assert caught.value.retry_after_s == seconds


@pytest.mark.parametrize("date", ["Thu, 01 Jan 1970 00:00:00 GMT", "Fri, 01 Jan 2900 00:00:00 GMT"])
def test_a_throttling_answer_that_names_a_time_means_it_by_its_own_clock(date: str):
    headers = {"Date": date, "Retry-After": date.replace("00:00:00", "00:00:07")}
    with (
        service(reply(refused("Throttling"), 429, headers)) as (_, client),
        pytest.raises(Throttled) as caught,
    ):
        client.create(t2v_order())

    assert caught.value.retry_after_s == 7.0


def test_a_refused_connection_has_bought_nothing():
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        base_url = f"http://127.0.0.1:{unused.getsockname()[1]}/api/v1"

        with client_of(base_url) as client, pytest.raises(Unreachable, match="connection refused"):
            client.create(t2v_order())


def test_an_unknown_host_has_bought_nothing():
    with (
        client_of("http://no-such-host.invalid/api/v1") as client,
        pytest.raises(Unreachable, match="host name"),
    ):
        client.create(t2v_order())


def test_a_connection_that_does_not_open_in_time_has_bought_nothing():
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        port = full.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)), socket.socket() as second:
            # The queue of a listener that nobody accepts from is full now: further attempts get no answer.
            second.setblocking(False)
            second.connect_ex(("127.0.0.1", port))
            with (
                client_of(f"http://127.0.0.1:{port}/api/v1", connect_timeout_s=0.3) as client,
                pytest.raises(Unreachable, match="no connection in time"),
            ):
                client.create(t2v_order())


@pytest.mark.parametrize("on_accept", [reset_half_way, never_speak])
def test_a_connection_that_opens_and_fails_leaves_the_purchase_unknown(on_accept: Any):
    with (
        service(on_accept=on_accept, read_timeout_s=0.3) as (server, client),
        pytest.raises(SubmissionUnknown),
    ):
        client.create(t2v_order())

    assert server.connections == 1


def test_each_create_has_a_connection_of_its_own():
    with service(reply(CREATED)) as (server, client):
        for _ in range(3):
            client.create(t2v_order())

    assert [request.connection for request in server.requests] == [1, 2, 3]
    assert {request.headers["connection"] for request in server.requests} == {"close"}


def test_a_large_image_on_a_slow_line_is_not_cut_off_by_the_time_allowed_for_connecting():
    order = i2v_order("data:image/png;base64," + "A" * 6_000_000)
    with service(reply(CREATED), read_pause_s=0.001, connect_timeout_s=0.2) as (server, client):
        created = client.create(order)

    assert created.task_id == TASK
    assert server.requests[0].json["input"]["img_url"] == order["input"]["img_url"]


@pytest.mark.parametrize("order", [t2v_order(), i2v_order()], ids=["t2v", "i2v"])
def test_the_order_goes_out_as_it_is_with_the_two_fields_of_the_sdk(order: dict[str, Any]):
    with service(reply(CREATED)) as (server, client):
        client.create(order)

    sent = server.requests[0]
    added = {"extend_prompt": True, "function": "video-synthesis"}
    assert sent.json == order | {"input": order["input"] | added}
    assert (sent.method, sent.target) == ("POST", "/api/v1/services/aigc/video-generation/video-synthesis")
    assert sent.headers["authorization"] == f"Bearer {SECRET}"
    assert sent.headers["x-dashscope-async"] == "enable"
    assert sent.headers["content-type"].startswith("application/json")
    assert sent.headers["user-agent"].startswith("dashscope/2.0")
    assert "x-dashscope-workspace" not in sent.headers
    assert "x-dashscope-ossresourceresolve" not in sent.headers


def test_a_request_without_a_prompt_carries_no_null():
    order = i2v_order()
    del order["input"]["prompt"]
    with service(reply(CREATED)) as (server, client):
        client.create(order)

    assert "prompt" not in server.requests[0].json["input"]
    assert b"null" not in server.requests[0].body


def test_the_workspace_and_the_resolving_of_oss_addresses_are_asked_for_in_headers():
    order = i2v_order("oss://dashscope-instant/a.png")
    with service(reply(CREATED), workspace="ws-1") as (server, client):
        client.create(order)

    assert server.requests[0].headers["x-dashscope-workspace"] == "ws-1"
    assert server.requests[0].headers["x-dashscope-ossresourceresolve"] == "enable"


def test_no_file_is_read_or_uploaded_for_an_image_that_looks_like_one(tmp_path, monkeypatch):
    # The SDK uploads whatever img_url names on this machine, also a data: URI that is a path.
    monkeypatch.chdir(tmp_path)
    image = "data:image/png;base64,iVBORw0KGgo="
    (tmp_path / "data:image").mkdir()
    (tmp_path / image).write_bytes(b"private")
    with service(reply(CREATED)) as (server, client):
        client.create(i2v_order(image))
        client.create(i2v_order(f"file://{tmp_path}/{image}"))

    assert [request.json["input"]["img_url"] for request in server.requests] == [
        image,
        f"file://{tmp_path}/{image}",
    ]
    assert all(b"private" not in request.body for request in server.requests)


@pytest.mark.parametrize(
    "parameters",
    [
        {"session": "x"},
        {"stream": True},
        {"resources": {"a": 1}},
        {"http_method": "GET"},
        {"task": "image2video"},
        {"base_address": "http://127.0.0.1:9/api/v1"},
        {"size": None},
    ],
)
def test_an_order_that_the_sdk_would_change_is_not_sent(parameters: dict[str, Any]):
    order = t2v_order()
    order["parameters"] |= parameters
    with service(reply(CREATED)) as (server, client), pytest.raises(InvalidRequest):
        client.create(order)

    assert server.requests == []


def test_what_the_sdk_would_change_is_named():
    order = t2v_order()
    order["input"]["negative_prompt"] = ""
    with (
        service(reply(CREATED)) as (_, client),
        pytest.raises(InvalidRequest, match=r"input\.negative_prompt"),
    ):
        client.create(order)


def test_a_server_gone_silent_between_two_creates_is_found_out_before_sending():
    with RawServer(reply(CREATED)) as server:
        client = client_of(server.base_url)
        client.create(t2v_order())
    with client, pytest.raises(Unreachable):
        client.create(t2v_order())
