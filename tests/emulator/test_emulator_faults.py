"""Every fault of the table does what its line says, as often as it was ordered, and the next call is healthy."""

import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from footage.emulator import FAULTS, Emulator, Fault
from footage.emulator.faults import FaultOrder, directives, without_directives
from footage.emulator.refusals import BY_CODE

pytestmark = pytest.mark.usefixtures("clean")
_HANG_S = 0.25


def observe(call: Callable[[], httpx.Response]) -> str:
    """What a client sees of an exchange, in one word or two."""
    try:
        answer = call()
    except httpx.ReadError:
        return "reset"
    except httpx.ReadTimeout:
        return "hang"
    except httpx.RemoteProtocolError as error:
        return "close" if "without sending" in str(error) else "cut"
    if "html" in answer.headers.get("content-type", ""):
        return f"{answer.status_code} html"
    if not answer.content:
        return f"{answer.status_code} empty"
    try:
        body = json.loads(answer.content)
    except ValueError:
        return f"{answer.status_code} bad json"
    if "error" in body:
        return f"{answer.status_code} openai {body['error']['code']}"
    return f"{answer.status_code} {body.get('code', 'ok')}"


def expected(fault: Fault) -> str:
    fixed = {
        "500": "500 InternalError",
        "503": "503 ModelUnavailable",
        "502-html": "502 html",
        "empty": "200 empty",
        "truncated": "200 bad json",
        "not-json": "200 bad json",
        # The body breaks off with a reset after the status line.
        "cut": "reset",
        "refuse-openai": f"400 openai {fault.code}",
    }
    if fault.effect == "refuse":
        status = BY_CODE[fault.code].status if fault.code in BY_CODE else 400
        return f"{status} {fault.code}"
    return fixed.get(fault.effect, fault.effect)


def exchange(api: Any, route: str, task_id: str, wait_s: float) -> Callable[[], httpx.Response]:
    get = api.http.build_request
    create = "/services/aigc/video-generation/video-synthesis"
    requests = {
        "create": get(
            "POST",
            create,
            json={
                "model": "wan2.2-t2v-plus",
                "input": {"prompt": "a cat"},
                "parameters": {"size": "832*480"},
            },
            headers={**api.headers, "X-DashScope-Async": "enable"},
        ),
        "query": get("GET", f"/tasks/{task_id}", headers=api.headers),
        "list": get("GET", "/tasks", headers=api.headers),
        "cancel": get("POST", f"/tasks/{task_id}/cancel", headers=api.headers),
        "models": get("GET", "/models", headers=api.headers),
        "quotas": get("GET", "/quotas", headers=api.headers),
        "policy": get("GET", "/uploads?action=getPolicy&model=wan2.6-i2v", headers=api.headers),
    }
    request = requests[route]
    request.extensions["timeout"] = {"connect": 5, "read": wait_s, "write": 5, "pool": 5}
    return lambda: api.http.send(request)


ANSWERS = [fault for fault in FAULTS if fault.slot == "answer" and fault.route not in ("result", "upload")]


@pytest.mark.parametrize("fault", ANSWERS, ids=lambda fault: fault.name)
def test_an_answer_is_broken_as_ordered_once_and_the_next_is_whole(
    emulator: Emulator, api: Any, fault: Fault
) -> None:
    accepted = emulator.ledger(tasks=False)["accepted"]
    task_id = "1111"
    if fault.route == "cancel":
        emulator.fault("stuck-pending", times="always")
        task_id = api.create()
        accepted += 1
    emulator.fault(fault.name)
    call = exchange(api, fault.route, task_id, _HANG_S if fault.effect == "hang" else 10)

    seen, ledger = observe(call), emulator.ledger(tasks=False)
    again = observe(exchange(api, fault.route, task_id, 10))

    assert seen == expected(fault)
    assert ledger["faults"][fault.name] >= 1
    if fault.route == "create":
        assert ledger["accepted"] - accepted == fault.accepted
    # A cancel that went through before its answer broke cannot go through again.
    canceled_before = fault.route == "cancel" and fault.accepted
    assert again == ("400 UnsupportedOperation" if canceled_before else "200 ok")


def test_a_cut_answer_has_begun_before_the_reset(emulator: Emulator, api: Any) -> None:
    emulator.fault("list-cut")

    with api.http.stream("GET", "/tasks", headers=api.headers) as answer:
        assert answer.status_code == 200
        with pytest.raises((httpx.ReadError, httpx.RemoteProtocolError)):
            answer.read()


OUTCOMES = [fault for fault in FAULTS if fault.effect == "fail"]


def test_a_task_fails_with_every_code_that_was_ordered(emulator: Emulator, api: Any) -> None:
    tasks = {}
    for fault in OUTCOMES:
        emulator.fault(fault.name)
        tasks[fault] = api.create()
    emulator.advance(500)

    for fault, task_id in tasks.items():
        output = api.query(task_id)
        assert output["task_status"] == "FAILED", fault.name
        assert output.get("code") == fault.code
        assert ("message" in output) == (fault.code is not None)
    assert "Output data" in api.query(tasks[next(f for f in OUTCOMES if "output" in f.name)])["message"]


def test_failed_tasks_are_not_billed(emulator: Emulator, api: Any) -> None:
    emulator.fault("failed-InternalError")
    task_id = api.create()
    emulator.advance(500)

    assert api.query(task_id)["task_status"] == "FAILED"
    assert task_id not in emulator.ledger(tasks=False)["billed"]


def test_unknown_lasts_for_the_ordered_polls_or_for_ever(emulator: Emulator, api: Any) -> None:
    emulator.fault("unknown-at-first", polls=2)
    late = api.create()
    emulator.fault("unknown-forever")
    lost = api.create()

    seen = [api.query(late)["task_status"] for _ in range(3)]

    assert seen[:2] == ["UNKNOWN"] * 2
    assert seen[2] in ("PENDING", "RUNNING")
    assert {api.query(lost)["task_status"] for _ in range(5)} == {"UNKNOWN"}
    listed = [row["task_id"] for row in api.get("/tasks", page_size=2).json()["data"]]
    assert late in listed
    assert lost not in listed


def test_a_task_can_lag_in_the_list(emulator: Emulator, api: Any) -> None:
    emulator.fault("list-lag", seconds=30)
    task_id = api.create()

    before = api.get("/tasks", task_id=task_id).json()["total"]
    emulator.advance(31)

    assert before == 0
    assert api.get("/tasks", task_id=task_id).json()["total"] == 1


def test_a_task_can_run_until_the_service_gives_it_up(emulator: Emulator, api: Any) -> None:
    emulator.fault("stuck-running")
    task_id = api.create()

    emulator.advance(3600)
    assert api.query(task_id)["task_status"] == "RUNNING"
    emulator.advance(2 * 3600 + 1)
    assert api.query(task_id)["code"] == "InternalError.Timeout"


@pytest.fixture(scope="module")
def url(api: Any) -> str:
    return api.finish(api.create(seed=5))["video_url"]


@pytest.fixture(scope="module")
def whole(url: str) -> bytes:
    return httpx.get(url, trust_env=False).content


def _download(url: str, timeout_s: float = 5) -> tuple[bytes, str]:
    """The bytes that arrived, and how it ended: "whole" or the name of the error."""
    got = b""
    try:
        with httpx.stream("GET", url, trust_env=False, timeout=timeout_s) as answer:
            if answer.status_code != 200:
                return answer.read(), str(answer.status_code)
            for part in answer.iter_bytes():
                got += part
    except httpx.HTTPError as error:
        return got, type(error).__name__
    return got, "whole"


@pytest.mark.parametrize(
    ("fault", "ending", "share"),
    [
        ("result-truncated", "RemoteProtocolError", 0.6),
        ("result-reset", "ReadError", 0.7),
        ("result-stall", "ReadTimeout", 0.5),
        ("result-wrong-length", "whole", 0.9),
        ("result-no-checksum", "whole", 1.0),
        ("result-slow", "whole", 1.0),
        ("result-damaged", "whole", 1.0),
    ],
)
def test_a_download_ends_as_ordered(
    emulator: Emulator, url: str, whole: bytes, fault: str, ending: str, share: float
) -> None:
    settings = {"bytes_per_s": len(whole) * 2} if fault == "result-slow" else {}
    emulator.fault(fault, **settings)

    got, ended = _download(url, timeout_s=_HANG_S if fault == "result-stall" else 5)

    assert ended == ending
    assert abs(len(got) - share * len(whole)) <= 1
    assert (got == whole[: len(got)]) == (fault != "result-damaged")
    assert _download(url) == (whole, "whole")


@pytest.mark.parametrize(
    ("fault", "status", "word"),
    [
        ("result-expired", "403", b"Request has expired."),
        ("result-403", "403", b"<Code>AccessDenied</Code>"),
        ("result-404", "404", b"<Code>NoSuchKey</Code>"),
        ("result-503", "503", b"<Code>ServiceUnavailable</Code>"),
        ("result-html", "whole", b"<html>"),
    ],
)
def test_a_download_is_refused_as_ordered(
    emulator: Emulator, url: str, whole: bytes, fault: str, status: str, word: bytes
) -> None:
    emulator.fault(fault)

    got, ended = _download(url)

    assert (ended, word in got) == (status, True)
    assert _download(url) == (whole, "whole")


def test_one_bit_of_a_damaged_result_differs_while_its_checksum_is_that_of_the_whole(
    emulator: Emulator, url: str, whole: bytes
) -> None:
    healthy = httpx.get(url, trust_env=False).headers["x-oss-hash-crc64ecma"]
    emulator.fault("result-damaged")

    damaged = httpx.get(url, trust_env=False)

    differing = [(a ^ b) for a, b in zip(damaged.content, whole, strict=True) if a != b]
    assert [bin(bits).count("1") for bits in differing] == [1]
    assert damaged.headers["x-oss-hash-crc64ecma"] == healthy


@pytest.mark.parametrize(("fault", "seen"), [("upload-403", "403"), ("upload-reset", "reset")])
def test_an_upload_fails_as_ordered(emulator: Emulator, fault: str, seen: str) -> None:
    emulator.fault(fault)

    try:
        answer = httpx.post(f"{emulator.url}/dashscope-file-mgr", files={"file": b"x"}, trust_env=False)
    except httpx.ReadError:
        assert seen == "reset"
    else:
        assert (str(answer.status_code), "Policy expired" in answer.text) == (seen, True)


def test_latency_delays_one_route_only(emulator: Emulator, api: Any) -> None:
    emulator.fault("latency", times="always", route="query", seconds=0.2, jitter=0.05)

    assert api.get("/tasks/1111").elapsed.total_seconds() >= 0.2
    assert api.get("/tasks").elapsed.total_seconds() < 0.2


def test_every_fault_of_the_table_is_shown_by_a_test_of_this_module() -> None:
    shown = {fault.name for fault in (*ANSWERS, *OUTCOMES)}
    named = {
        "stuck-pending",
        "stuck-running",
        "unknown-forever",
        "unknown-at-first",
        "list-lag",
        "latency",
        "upload-403",
        "upload-reset",
    }
    results = {
        f"result-{end}" for end in ("truncated", "reset", "stall", "wrong-length", "no-checksum", "slow")
    }
    results |= {f"result-{end}" for end in ("damaged", "expired", "403", "404", "503", "html")}

    assert {fault.name for fault in FAULTS} == shown | named | results
    assert len(FAULTS) == len({fault.name for fault in FAULTS})


def test_orders_count_match_and_wait(emulator: Emulator, api: Any) -> None:
    emulator.fault("query-500", times=2, after=1)

    assert [api.get("/tasks/1111").status_code for _ in range(4)] == [200, 500, 500, 200]


def test_an_order_can_name_a_model_or_a_piece_of_the_prompt(emulator: Emulator, api: Any) -> None:
    emulator.fault("create-500", model="wanx2.1-t2v-turbo", times="always")
    emulator.fault("create-503", prompt="dog", times="always")

    assert api.submit().status_code == 200
    assert api.submit(model="wanx2.1-t2v-turbo").status_code == 500
    assert api.submit(prompt="a dog barks").status_code == 503


def test_two_orders_for_one_exchange_strike_one_after_the_other(emulator: Emulator, api: Any) -> None:
    emulator.fault("create-refused-Throttling", "create-accept-500")

    assert [api.submit().status_code for _ in range(3)] == [429, 500, 200]


def test_a_fault_after_acceptance_waits_for_a_create_that_is_accepted(emulator: Emulator, api: Any) -> None:
    emulator.fault("create-accept-500")

    assert [api.submit(model="wan9").status_code, api.submit().status_code] == [400, 500]


def test_a_prompt_can_carry_its_own_faults(emulator: Emulator, api: Any) -> None:
    prompt = "a cat [[emulator: fail=InternalError.Algo, query-502-html times=2]] runs"
    task_id = api.create(prompt=prompt)

    polls = [api.get(f"/tasks/{task_id}").status_code for _ in range(3)]
    emulator.advance(500)

    assert polls == [502, 502, 200]
    assert api.query(task_id)["code"] == "InternalError.Algo"
    assert api.finish(api.create(prompt=prompt))["task_status"] == "SUCCEEDED"


def test_directives_are_read_and_left_out_of_the_picture() -> None:
    prompt = "a cat [[emulator: fail, result-slow bytes_per_s=9]] runs [[emulator: latency seconds=2]]"

    assert directives(prompt) == [
        {"fault": "failed-without-code"},
        {"fault": "result-slow", "bytes_per_s": "9"},
        {"fault": "latency", "seconds": "2"},
    ]
    assert without_directives(prompt) == "a cat  runs"


def test_a_slip_in_a_directive_is_refused_and_named(api: Any) -> None:
    refused = api.submit(prompt="a cat [[emulator: query-rest]]")

    assert refused.status_code == 400
    assert "unknown fault 'query-rest'" in refused.json()["message"]


@pytest.mark.parametrize(
    "order",
    [{"fault": "nope"}, {"fault": "latency", "wrong": 1}, {"fault": "latency", "route": "nope"}, {}],
)
def test_a_wrong_order_is_refused(order: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"unknown|no setting"):
        FaultOrder.parse(order)
