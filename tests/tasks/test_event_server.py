"""What a receiver listens for, as settings and key say."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from manymachines import free_port, process
from waiting import until

from footage.context import open_context
from footage.credentials import ApiKey, parse_key
from footage.errors import AccountProblem, InvalidRequest
from footage.evidence.clip_evidence import ClipEvidence
from footage.push.connections import MOST_CONNECTIONS
from footage.push.wake_ups import wake
from footage.settings import Settings
from footage.storage import open_store
from tasks.event_server import rule_of

RECEIVER = Path(__file__).parents[1] / "support" / "receiverprocess.py"


@pytest.mark.parametrize(
    ("setting", "of_key", "region"),
    [
        pytest.param(None, "ap-southeast-1", "ap-southeast-1", id="as clips are bought"),
        pytest.param("us-east-1", "ap-southeast-1", "us-east-1", id="the setting first"),
        pytest.param(None, None, "cn-beijing", id="where nothing says it"),
    ],
)
def test_events_are_taken_from_the_region_of_the_key(
    tmp_path: Path, setting: str | None, of_key: str | None, region: str
) -> None:
    settings = _settings(tmp_path, region=setting)
    with open_context(settings, find_api_key=lambda: parse_key("sk-one", "test", region=of_key)) as context:
        rule = rule_of(context)

    assert rule.regions == {region}


def test_a_receiver_needs_no_key(tmp_path: Path) -> None:
    def none() -> ApiKey:
        raise AccountProblem("There is no key.")

    with open_context(_settings(tmp_path), find_api_key=none) as context:
        assert rule_of(context).regions == {"cn-beijing"}


@pytest.mark.parametrize(
    ("token", "tokens"),
    [
        pytest.param("one", ("one",), id="one"),
        pytest.param("new,old", ("new", "old"), id="two while it is changed"),
        pytest.param(" new , old", ("new", "old"), id="with blanks"),
        pytest.param("one\n", ("one",), id="from a file"),
    ],
)
def test_the_tokens_and_the_account_of_the_settings_are_those_of_the_rule(
    tmp_path: Path, token: str, tokens: tuple[str, ...]
) -> None:
    with open_context(
        _settings(tmp_path, push_token=token, push_account="1234\n", region="cn-beijing")
    ) as context:
        rule = rule_of(context)

    assert (rule.tokens, rule.account) == (tokens, "1234")


@pytest.mark.parametrize("token", [None, " ", " , ", "\n"])
def test_a_token_of_blanks_is_none_and_that_is_said(tmp_path: Path, token: str | None) -> None:
    with (
        open_context(_settings(tmp_path, push_token=token, region="cn-beijing")) as context,
        pytest.raises(InvalidRequest) as caught,
    ):
        rule_of(context)

    assert [(problem.field, problem.value) for problem in caught.value.problems] == [
        ("WAN_VIDEO_PUSH_TOKEN", "(not set)")
    ]


def test_a_receiver_that_is_told_to_end_does_first_what_it_is_at(tmp_path: Path) -> None:
    settings, log = _settings(tmp_path / "out"), tmp_path / "log"
    store, key = open_store(settings.store_url), "a" * 64
    # There is nothing to finish it from, so that its harvest ends soon.
    ClipEvidence(store, key).mark_open()
    wake(store, key)
    more = {"WAN_VIDEO_PUSH_URL": str(settings.push_url), "WAN_VIDEO_PUSH_TOKEN": "a-token"}
    environment = {**os.environ, "OUTPUT_DIR": str(tmp_path / "out"), **more}
    port = free_port()
    command = [sys.executable, str(RECEIVER), str(port), "0.05", "--no-such-option"]

    with process(command, log, environment) as started:
        until(lambda: "a harvest finishes" in log.read_text(), "it finishes a clip", 60)
        until(lambda: _answers(port), "it answers", 60)
        started.terminate()
        code = started.wait(120)

    assert "ended with 2" in log.read_text()
    # Where it listens is said without its path, which nobody should guess.
    assert "at https://videos.example/…" in log.read_text()
    assert "secret-path" not in log.read_text()
    assert code == -signal.SIGTERM


@pytest.fixture(scope="module")
def receiver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[int, Path]]:
    """The port of a receiver that nobody stands before, and its log."""
    folder, port = tmp_path_factory.mktemp("receiver"), free_port()
    more = {"WAN_VIDEO_PUSH_URL": "https://videos.example/events", "WAN_VIDEO_PUSH_TOKEN": "a-token"}
    environment = {**os.environ, "OUTPUT_DIR": str(folder), **more}
    with process([sys.executable, str(RECEIVER), str(port), "60"], folder / "log", environment):
        until(lambda: _answers(port), "it answers", 60)
        yield port, folder / "log"


def _begun(port: int, *lines: str) -> socket.socket:
    """A connection on which so much was sent."""
    connection = socket.create_connection(("127.0.0.1", port), timeout=20)
    connection.sendall("\r\n".join(lines).encode())
    return connection


def _all_of(connection: socket.socket) -> bytes:
    """What comes until the connection is ended."""
    data = b""
    with connection, contextlib.suppress(ConnectionResetError):
        while part := connection.recv(4096):
            data += part
    return data


def test_a_stranger_who_sends_half_a_head_is_cut_off(receiver: tuple[int, Path]) -> None:
    assert _all_of(_begun(receiver[0], "POST /events HTTP/1.1", "host: x")) == b""


def test_of_too_many_connections_the_newest_are_ended_at_once(receiver: tuple[int, Path]) -> None:
    port, _ = receiver
    with contextlib.ExitStack() as open_ones:
        for _ in range(MOST_CONNECTIONS):
            open_ones.enter_context(_begun(port, "GET"))

        assert _all_of(_begun(port, "GET /healthz HTTP/1.1", "host: x", "", "")) == b""

    until(lambda: _answers(port), "it answers again")


def test_strangers_fill_no_log(receiver: tuple[int, Path]) -> None:
    port, log = receiver
    flood = {
        "Unsupported upgrade": [
            "GET /events HTTP/1.1",
            "host: x",
            "connection: upgrade",
            "upgrade: x",
            "",
            "",
        ],
        "Invalid HTTP request": ["rubbish", "", ""],
        "Exception in ASGI": ["POST /events HTTP/1.1", "host: x", "transfer-encoding: chunked", "", "Z", ""],
    }

    for lines in flood.values():
        for _ in range(20):
            _all_of(_begun(port, *lines))

    told = log.read_text()
    assert {what: told.count(what) <= 3 for what in flood} == dict.fromkeys(flood, True)


def _answers(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/healthz", trust_env=False).is_success
    except httpx.HTTPError:
        return False


def _settings(folder: Path, **more: str | None) -> Settings:
    url = "https://videos.example/secret-path"
    given: dict[str, Any] = {"output_dir": str(folder), "push_url": url, "push_token": "a-token", **more}
    return Settings(**given)
