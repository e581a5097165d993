from __future__ import annotations

import gzip
import ipaddress
import logging
import time
import traceback

import pytest
from rawserver import Act, RawServer, drip, hang, never_speak, reply, verbatim
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


# ------------------------------------------------------------------------------------- servers that mean no good


def fetched(*acts: Act, deadline_s: float = 20, max_bytes: int = 1_000_000) -> bytes:
    with RawServer(*acts) as server:
        return fetch_reference(
            f"{server.base_url}/a.png", max_bytes=max_bytes, allow_private=True, deadline_s=deadline_s
        )


HEAD = b"HTTP/1.1 200 OK\r\n"


@pytest.mark.parametrize(
    "act",
    [
        drip(HEAD + b"X-A: " + b"a" * 10_000, every_s=0.05),
        drip(HEAD + b"\r\n" + b"a" * 10_000, every_s=0.05),
        drip(HEAD + b"Content-Length: 10000\r\n\r\n" + b"a" * 10_000, every_s=0.05),
        drip(HEAD + b"Transfer-Encoding: chunked\r\n\r\n2710\r\n" + b"a" * 10_000, every_s=0.05),
        hang(HEAD + b"\r\n"),
    ],
    ids=["head", "body without a length", "body", "chunks", "nothing more"],
)
def test_the_deadline_counts_from_the_first_byte_asked_for(act: Act) -> None:
    started = time.monotonic()

    with pytest.raises(Unreachable, match=r"took more than 0\.5 s"):
        fetched(act, deadline_s=0.5)

    assert time.monotonic() - started < 5


def test_a_tls_handshake_in_drips_ends_at_the_deadline() -> None:
    with RawServer(on_accept=never_speak) as server:
        url = server.base_url.replace("http:", "https:")
        with pytest.raises(Unreachable, match="took more than"):
            fetch_reference(url, max_bytes=10, allow_private=True, deadline_s=0.3)


@pytest.mark.parametrize(
    "location",
    [
        b"http://[::1",
        b"http://",
        b"ht!tp://x",
        b"//\xff\xfe/",
        b"http://" + b"a" * 300 + b"/",
        b"http://a:99999/",
    ],
)
def test_a_redirect_to_what_is_no_address_is_one_clear_refusal(location: bytes) -> None:
    answer = b"HTTP/1.1 302 Found\r\nLocation: " + location + b"\r\nContent-Length: 0\r\n\r\n"

    with pytest.raises((InvalidRequest, Unreachable)):
        fetched(verbatim(answer))


@pytest.mark.parametrize("length", ["9" * 5000, "-1", "1e3", "\u0661", "5, 6", ""])
def test_a_length_that_is_no_number_is_no_traceback(length: str) -> None:
    answer = HEAD + f"Content-Length: {length}\r\n\r\n".encode() + IMAGE

    try:
        assert fetched(verbatim(answer)) == IMAGE
    except (InvalidRequest, Unreachable) as error:
        assert "could not be fetched" in str(error)  # noqa: PT017 - either outcome is right


def test_a_body_that_comes_gzip_coded_is_decoded() -> None:
    answer = reply(gzip.compress(IMAGE, mtime=0), headers={"Content-Encoding": "gzip"})

    assert fetched(answer) == IMAGE


@pytest.mark.parametrize(
    ("coding", "body", "says"),
    [
        ("gzip", gzip.compress(bytes(50_000_000), mtime=0), "too large"),
        ("gzip", gzip.compress(IMAGE, mtime=0)[:-20], "ends too early"),
        ("gzip", IMAGE, "coded as gzip and is not"),
        ("br", IMAGE, "comes coded as br"),
        ("gzip, gzip", IMAGE, "comes coded as gzip, gzip"),
    ],
)
def test_a_coding_that_does_not_lead_to_an_image_is_named(coding: str, body: bytes, says: str) -> None:
    with pytest.raises(InvalidRequest, match=says):
        fetched(reply(body, headers={"Content-Encoding": coding}))


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
