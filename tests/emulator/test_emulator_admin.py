"""The admin routes answer programs of this machine, and bodies that mean nothing are refused as the service would."""

import json
from typing import Any

import httpx
import pytest

CREATE = "/api/v1/services/aigc/video-generation/video-synthesis"


def _base(emulator: Any) -> str:
    return emulator.base_url.removesuffix("/api/v1")


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://localhost:3000"},
        {"Host": "evil.example"},
        {"Host": "127.0.0.1.evil.example"},
        {"Host": "evil.example:80@127.0.0.1"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
    ids=str,
)
def test_a_page_in_a_browser_turns_no_knob_and_reads_no_book(emulator: Any, headers: dict[str, str]) -> None:
    base = _base(emulator)

    with httpx.Client(base_url=base, headers=headers, trust_env=False) as page:
        told = page.post(
            "/_emulator/knobs", content=json.dumps({"fps": 3}), headers={"Content-Type": "text/plain"}
        )
        read = page.get("/_emulator/ledger")

    assert (told.status_code, read.status_code) == (403, 403)
    assert httpx.get(f"{base}/_emulator/knobs", trust_env=False).json()["fps"] == 30


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "LOCALHOST:1234"])
def test_a_program_of_this_machine_is_answered(emulator: Any, host: str) -> None:
    answer = httpx.get(f"{_base(emulator)}/_emulator/health", headers={"Host": host}, trust_env=False)

    assert answer.json()["ok"]


DEEP = "[" * 100_000
NESTED = '{"a":' * 40 + "1" + "}" * 40
MEANINGLESS = [
    "NaN",
    '{"advance_s": NaN}',
    '{"advance_s": Infinity}',
    DEEP,
    NESTED,
    '{"advance_s": "nan"}',
    "{",
    "\xff",
]


@pytest.mark.parametrize("body", MEANINGLESS, ids=lambda body: body[:20])
@pytest.mark.parametrize("route", ["clock", "knobs", "faults"])
def test_an_admin_body_that_means_nothing_is_refused(emulator: Any, route: str, body: str) -> None:
    answer = httpx.post(
        f"{_base(emulator)}/_emulator/{route}", content=body.encode("latin-1"), trust_env=False
    )

    assert answer.status_code == 400
    assert httpx.get(f"{_base(emulator)}/_emulator/health", trust_env=False).json()["ok"]


@pytest.mark.parametrize(
    "item",
    [
        {"fault": "latency", "seconds": "nan"},
        {"fault": "latency", "seconds": 1e999},
        {"fault": "latency", "times": 1e999},
    ],
    ids=str,
)
def test_a_fault_without_a_finite_number_is_refused(emulator: Any, item: Any) -> None:
    answer = httpx.post(f"{_base(emulator)}/_emulator/faults", content=json.dumps(item), trust_env=False)

    assert answer.status_code == 400


@pytest.mark.parametrize(
    "body",
    [
        DEEP,
        '{"model": "wan2.2-t2v-plus", "input": {"prompt": "a"}, "parameters": {"seed": NaN}}',
        '{"model": "wan2.2-t2v-plus", "input": {"prompt": "a", "x": ' + NESTED + "}}",
        '{"model": "wan2.2-t2v-plus", "input": {"prompt": "\\ud800"}}',
    ],
    ids=lambda body: body[:70],
)
def test_a_create_that_means_nothing_is_answered_with_400(emulator: Any, body: str) -> None:
    headers = {"Authorization": f"Bearer {emulator.api_key}", "X-DashScope-Async": "enable"}

    answer = httpx.post(f"{_base(emulator)}{CREATE}", content=body, headers=headers, trust_env=False)

    assert (answer.status_code, answer.json()["code"]) == (400, "InvalidParameter")


@pytest.mark.parametrize(
    ("knob", "value", "allowed"),
    [
        ("fps", "x", "a whole number of 1 or more"),
        ("fps", True, "a whole number of 1 or more"),
        ("fps", 0, "a whole number of 1 or more"),
        ("generation_s", "4", "a number of 0 or more or null"),
        ("generation_s", [4], "a number of 0 or more or null"),
        ("list_lag_s", None, "a number of 0 or more"),
        ("rate_limits", 1, "true or false"),
        ("render", None, "a text"),
        ("keys", "sk-1", "a list of texts or null"),
        ("keys", [1], "a list of texts or null"),
    ],
)
def test_a_knob_of_a_wrong_type_is_refused_with_what_it_may_be(
    emulator: Any, knob: str, value: Any, allowed: str
) -> None:
    url = f"{_base(emulator)}/_emulator/knobs"
    before = httpx.get(url, trust_env=False).json()

    answer = httpx.post(url, json={knob: value}, trust_env=False)

    assert answer.status_code == 400
    assert f"the emulator knob {knob} is {allowed}, not " in answer.json()["error"]
    assert httpx.get(url, trust_env=False).json() == before
