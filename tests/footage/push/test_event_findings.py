"""What `doctor` says about completion events: only where somebody wants to be told, and never as a failure."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from manymachines import free_port
from rawserver import RawServer, reply
from servedapp import served

from footage.checkup.completion_events import event_findings
from footage.checkup.finding import Finding
from footage.context import open_context
from footage.credentials import parse_key
from footage.push.certificates import TrustedCertificates
from footage.push.receiver import Receiver, Rule
from footage.settings import Settings
from footage.storage import open_store

TOKEN = "very-secret"


def found(folder: Path, clock_offset_s: float = 0.0, **settings: Any) -> list[Finding]:
    given = Settings(**{"output_dir": str(folder), "region": "cn-beijing", **settings})
    with open_context(given, find_api_key=lambda: parse_key("sk-one", "test")) as context:
        context.note_clock(clock_offset_s)
        return list(event_findings(context))


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    """Where a receiver answers."""
    rule = Rule("http://127.0.0.1/events", (TOKEN,), frozenset({"cn-beijing"}))
    receiver = Receiver(rule, open_store(str(tmp_path)), TrustedCertificates(rule.regions), lambda _: None)
    with served(receiver.app()) as port:
        yield f"http://127.0.0.1:{port}/events"


def test_nothing_is_said_where_nobody_wants_to_be_told(tmp_path: Path) -> None:
    assert found(tmp_path) == []


def test_a_receiver_that_answers_is_in_order(tmp_path: Path, url: str) -> None:
    (finding,) = found(tmp_path, push_url=url, push_token=TOKEN)

    assert (finding.level, "events of cn-beijing" in finding.message) == ("ok", True)
    # Whoever knows address and token could be anybody.
    assert TOKEN not in str(finding)
    assert "/events" not in str(finding)


@pytest.mark.parametrize(
    ("more", "told", "fix"),
    [
        pytest.param({"push_url": None}, "WAN_VIDEO_PUSH_URL is not set", "set both", id="no address"),
        pytest.param({"push_token": None}, "WAN_VIDEO_PUSH_TOKEN is not set", "set both", id="no token"),
        pytest.param(
            {"push_token": " "}, "WAN_VIDEO_PUSH_TOKEN is not set", "set both", id="a token of blanks"
        ),
        pytest.param(
            {"region": "ap-southeast-1"},
            "for cn-beijing alone",
            "unset",
            id="another region",
        ),
        pytest.param({"clock_offset_s": 45.0}, "by +45 s", "NTP", id="a clock that is off"),
    ],
)
def test_what_keeps_events_from_being_taken_is_named(
    tmp_path: Path, url: str, more: dict[str, Any], told: str, fix: str
) -> None:
    asked: dict[str, Any] = {"push_url": url, "push_token": TOKEN, **more}
    (finding,) = found(tmp_path, **asked)

    assert finding.level == "warn"
    assert told in finding.message
    assert fix in (finding.fix or "")


def test_an_address_that_leads_to_no_receiver_is_named(tmp_path: Path) -> None:
    with contextlib.ExitStack() as open_ones:
        server = open_ones.enter_context(RawServer(reply({"hello": "world"})))
        other = f"http://127.0.0.1:{server.port}/events"
        nobody = f"http://127.0.0.1:{free_port()}/events"

        told = [found(tmp_path, push_url=one, push_token=TOKEN)[0] for one in (other, nobody)]

    assert [finding.level for finding in told] == ["warn", "warn"]
    assert "answers a GET with 200" in told[0].message
    assert "does not answer here (ConnectionError)" in told[1].message
    assert all("start `wan-video listen`" in (finding.fix or "") for finding in told)
