from __future__ import annotations

import ipaddress
import logging
import traceback

import pytest
from resultserver import ResultServer, chunked, cut, status

from footage.errors import InvalidRequest, Unreachable
from footage.transfer import fetch_reference

IMAGE = b"\x89PNG\r\n\x1a\n" + bytes(100_000)


def fetch(url: str, *, max_bytes: int = 1_000_000) -> bytes:
    return fetch_reference(url, max_bytes=max_bytes, allow_private=True)


def test_an_image_is_fetched_as_it_is() -> None:
    with ResultServer(IMAGE) as server:
        assert fetch(server.url()) == IMAGE
        assert "authorization" not in server.requests[0]


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/a.png",
        "http://localhost/a.png",
        "http://2130706433/a.png",  # 127.0.0.1 as one number
        "http://0/a.png",
        "http://[::1]/a.png",
        "http://[::ffff:127.0.0.1]/a.png",
        "http://10.0.0.1/a.png",
        "http://192.168.1.1/a.png",
        "http://169.254.169.254/latest/meta-data",  # metadata of AWS and others
        "http://100.100.100.200/latest/meta-data",  # metadata of Alibaba Cloud
    ],
)
def test_addresses_inside_our_network_are_refused(url: str) -> None:
    with pytest.raises(InvalidRequest, match="private address"):
        fetch_reference(url, max_bytes=1_000, allow_private=False)


def test_the_signature_of_an_image_is_in_no_log_and_no_traceback(caplog: pytest.LogCaptureFixture) -> None:
    query = "?Signature=canary-signature"

    with caplog.at_level(logging.DEBUG), ResultServer(IMAGE) as server:
        fetch(server.url() + query)
    with pytest.raises(Unreachable) as caught:
        fetch("http://127.0.0.1:1/a.png" + query)

    assert "Signature=[redacted]" in caplog.text
    assert "canary" not in caplog.text + "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize("url", ["ftp://example.com/a.png", "file:///etc/passwd", "http://u:p@x.com/a.png"])
def test_only_plain_web_addresses_are_opened(url: str) -> None:
    with pytest.raises(InvalidRequest, match=r"plain http\(s\) URL"):
        fetch(url)


def test_reading_stops_at_the_limit_whatever_was_announced() -> None:
    for fault in (cut(1.0), chunked(1.0)):
        with (
            ResultServer(IMAGE * 20, otherwise=fault) as server,
            pytest.raises(InvalidRequest, match="too large"),
        ):
            fetch(server.url(), max_bytes=50_000)


@pytest.mark.parametrize(
    ("answer", "kind", "words"),
    [
        (status(404), InvalidRequest, "HTTP 404"),
        (status(403), InvalidRequest, "HTTP 403"),
        (status(200, b"<html>", Content_Type="text/html; charset=utf-8"), InvalidRequest, "text/html"),
        (status(503), Unreachable, "HTTP 503"),
        (cut(0.5), Unreachable, "could not be fetched"),
        (lambda exchange: exchange.connection.close(), Unreachable, "could not be fetched"),
    ],
)
def test_what_is_no_image_is_the_requests_problem_and_what_may_pass_is_not(
    answer: object, kind: type[Exception], words: str
) -> None:
    with ResultServer(IMAGE, otherwise=answer) as server, pytest.raises(kind, match=words) as caught:  # type: ignore[arg-type]
        fetch(server.url("/a.png?token=TOPSECRET"))

    assert "TOPSECRET" not in str(caught.value)


def test_redirects_are_followed_three_times_at_most() -> None:
    with ResultServer(IMAGE) as server:
        moved = status(302, Location=server.url())
        server.faults = [moved] * 3
        assert fetch(server.url()) == IMAGE

        server.otherwise = moved
        with pytest.raises(InvalidRequest, match="redirected"):
            fetch(server.url())


def test_an_opened_network_is_opened_alone() -> None:
    nets = (ipaddress.ip_network("127.0.0.0/8"),)

    with ResultServer(IMAGE) as server:
        assert (
            fetch_reference(server.url(), max_bytes=1_000_000, allow_private=False, allow_nets=nets) == IMAGE
        )
    with pytest.raises(InvalidRequest, match="WAN_VIDEO_ALLOW_NETS"):
        fetch_reference("http://10.0.0.1/a.png", max_bytes=1_000, allow_private=False, allow_nets=nets)


def test_an_answer_of_a_fake_ip_resolver_is_named_with_the_setting_that_opens_it() -> None:
    with pytest.raises(InvalidRequest) as caught:
        fetch_reference("http://198.18.3.4/a.png", max_bytes=1_000, allow_private=False)

    assert "fake IP" in str(caught.value)
    assert """WAN_VIDEO_ALLOW_NETS='["198.18.0.0/15"]'""" in str(caught.value)
