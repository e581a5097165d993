from __future__ import annotations

import hashlib
import logging
import random
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fastcrc import crc64
from rawserver import Act, RawServer, hang, reply, verbatim
from rawserver import drip as raw_drip
from resultserver import (
    Exchange,
    Fault,
    ResultServer,
    chunked,
    cut,
    damaged,
    drip,
    ignores_range,
    stall,
    status,
    well,
    wrong_length,
)

from footage.errors import BadDelivery, ClipLost, FootageError, StorageProblem, Unanswered
from footage.transfer import Downloaded, Limits, download
from footage.transfer.connection import checked

BODY = b"\x00\x00\x00\x18ftypisom" + random.Random(1).randbytes(4_000_000)

# Times shrunk to what a test can wait for; the ways are those of the defaults.
QUICK = Limits(
    silence_s=0.5,
    min_bytes_per_s=10_000,
    min_rate_window_s=0.4,
    deadline_s=20,
    first_wait_s=0.01,
    allow_loopback=True,
)


def test_a_clip_arrives_whole_with_both_hashes(tmp_path: Path) -> None:
    with ResultServer(BODY) as server:
        got = download(server.url, tmp_path / "clip", QUICK)

    assert (tmp_path / "clip").read_bytes() == BODY
    assert got.size_bytes == len(BODY)
    assert got.sha256 == hashlib.sha256(BODY).hexdigest()
    assert got.crc64 == crc64.xz(BODY)
    assert got.crc64_confirmed
    assert got.etag == '"v1"'
    assert got.refetched_bytes == 0


# What the first requests meet, and how much of the file may come twice at most.
SURVIVED = {
    "closed at 70 %": ([cut(0.7)], 0.0),
    "reset at 70 %": ([cut(0.7, reset=True)], 0.4),
    "cut again and again": ([cut(0.3), cut(0.5), cut(0.7), cut(0.9)], 0.0),
    "announced too long": ([wrong_length(1000)], 1.0),
    "announced too short": ([wrong_length(-1000)], 1.0),
    "expired once": ([status(403, b"<Error><Code>AccessDenied</Code></Error>")], 0.0),
    "expired in the middle": ([cut(0.7), status(403)], 0.0),
    "an HTML page once": ([status(200, b"<html>One moment, please</html>", Content_Type="text/html")], 0.01),
    "an XML message once": ([status(200, b"<?xml version='1.0'?><Error/>")], 0.01),
    "one bit flipped": ([damaged], 1.0),
    "stalled": ([stall(1_000_000)], 0.0),
    "dripping": ([drip(0.005)], 0.0),
    "503 twice": ([status(503), status(503, Retry_After="0")], 0.0),
    "429": ([status(429)], 0.0),
    "Range ignored": ([cut(0.7), ignores_range], 0.7),
    "416 on resume": ([cut(0.7), status(416)], 0.7),
    "412 on resume": ([cut(0.7), status(412)], 0.7),
    "another part than asked for": ([cut(0.7), status(206, BODY[:9], Content_Range="bytes 1-9/10")], 0.7),
    "chunked without a length": ([chunked(1.0)], 0.0),
    "chunked and cut": ([chunked(0.7)], 0.05),
    "nothing but a closed connection": ([lambda exchange: exchange.connection.close()], 0.0),
    "an empty body": ([status(200)], 0.0),
    "a few bytes": ([status(200, b"\x00\x00\x00\x18ft")], 0.01),
}


@pytest.mark.parametrize(("faults", "refetched"), SURVIVED.values(), ids=SURVIVED)
def test_a_fault_that_passes_ends_in_a_whole_verified_file(
    faults: list[Fault], refetched: float, tmp_path: Path
) -> None:
    with ResultServer(BODY, faults=list(faults)) as server:
        server.let_reset.set()
        got = download(server.url, tmp_path / "clip", QUICK)

        assert not server.faults, "the fault was never met"

    assert (tmp_path / "clip").read_bytes() == BODY
    assert got.sha256 == hashlib.sha256(BODY).hexdigest()
    assert got.refetched_bytes <= refetched * len(BODY)


def test_a_download_goes_on_where_the_server_has_only_weak_tags(tmp_path: Path) -> None:
    def as_the_rfc_says(exchange: Exchange) -> None:
        # A weak tag is never a match, also not with itself.
        (status(412) if "if-match" in exchange.headers else well)(exchange)

    with ResultServer(BODY, etag='W/"v1"', faults=[cut(0.7)], otherwise=as_the_rfc_says) as server:
        got = download(server.url, tmp_path / "clip", QUICK)

    assert (tmp_path / "clip").read_bytes() == BODY
    assert got.refetched_bytes == 0


def test_an_object_with_weak_tags_that_is_swapped_never_becomes_a_mixture(tmp_path: Path) -> None:
    other = BODY[:12] + random.Random(2).randbytes(4_000_000)

    def swap(exchange: Exchange) -> None:
        cut(0.7)(exchange)
        exchange.server.body, exchange.server.etag = other, 'W/"v2"'

    with ResultServer(BODY, etag='W/"v1"', faults=[swap], crc64=False) as server:
        download(server.url, tmp_path / "clip", QUICK)

    assert (tmp_path / "clip").read_bytes() == other


# What every request meets, the error it ends in, and words that name the cause.
FINAL: dict[str, tuple[Fault, type[FootageError], str]] = {
    "always one bit flipped": (damaged, BadDelivery, "CRC-64"),
    "always too long": (wrong_length(1000), BadDelivery, "changed"),
    "always an HTML page": (status(200, b"<html>Sorry about that</html>"), BadDelivery, "an HTML page"),
    "always nothing": (status(200), BadDelivery, "nothing"),
    "always expired": (status(403), Unanswered, "with fresh links too"),
    "always gone": (status(404), ClipLost, "gone at the provider"),
    "always 503": (status(503), Unanswered, "HTTP 503"),
    "always dripping": (drip(0.005), Unanswered, "bytes/s came"),
    "always stalled": (stall(100), Unanswered, "no byte came"),
    "a refusal": (status(405), Unanswered, "HTTP 405"),
    "encoded": (status(200, BODY[:99], Content_Encoding="gzip"), Unanswered, "gzip"),
}


@pytest.mark.parametrize(("fault", "kind", "words"), FINAL.values(), ids=FINAL)
def test_a_fault_that_stays_ends_in_an_error_that_names_it(
    fault: Fault, kind: type[FootageError], words: str, tmp_path: Path
) -> None:
    limits = replace(QUICK, failures=2)
    with ResultServer(BODY, otherwise=fault) as server, pytest.raises(kind, match=words) as caught:
        download(server.url, tmp_path / "clip", limits)

    assert type(caught.value) is kind
    assert "TOPSECRET" not in str(caught.value)


def test_the_whole_download_has_a_deadline(tmp_path: Path) -> None:
    # Fast enough for the rate, and never done.
    limits = replace(QUICK, deadline_s=1.0, min_bytes_per_s=1)

    with (
        ResultServer(BODY, otherwise=drip(0.002)) as server,
        pytest.raises(Unanswered, match="time for the download is up"),
    ):
        download(server.url, tmp_path / "clip", limits)


def test_a_file_above_the_limit_is_refused_announced_or_not(tmp_path: Path) -> None:
    limits = replace(QUICK, max_size_bytes=1_000_000)

    for fault in (cut(1.0), chunked(1.0)):
        with (
            ResultServer(BODY, otherwise=fault) as server,
            pytest.raises(BadDelivery, match="1000000 bytes allowed"),
        ):
            download(server.url, tmp_path / "clip", limits)

    assert (tmp_path / "clip").stat().st_size <= 1_000_000


def test_an_object_that_is_swapped_while_it_is_read_never_becomes_a_mixture(tmp_path: Path) -> None:
    other = BODY[:12] + bytes(reversed(BODY[12:]))

    with ResultServer(BODY, crc64=False) as server:

        def cut_and_swap(exchange: object) -> None:
            cut(0.6)(exchange)  # type: ignore[arg-type]
            server.body, server.etag = other, '"v2"'

        server.faults = [cut_and_swap]
        download(server.url, tmp_path / "clip", QUICK)

    assert (tmp_path / "clip").read_bytes() == other


def test_every_request_asks_for_plain_bytes_and_carries_no_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DASHSCOPE_API_KEY", "sk-TOPSECRET")

    with ResultServer(BODY, faults=[cut(0.7)]) as server:
        download(server.url, tmp_path / "clip", QUICK)

        first, second = server.requests
    assert first["accept-encoding"] == second["accept-encoding"] == "identity"
    assert "authorization" not in first
    assert "sk-TOPSECRET" not in str(server.requests)
    assert "range" not in first
    assert second["range"].startswith("bytes=28")
    assert second["if-match"] == '"v1"'


def test_a_fresh_link_is_asked_for_when_one_expired_and_not_before(tmp_path: Path) -> None:
    given: list[str] = []

    with ResultServer(BODY, faults=[cut(0.5), status(403)]) as server:

        def fresh_link() -> str:
            given.append(server.url(f"/clip.mp4?Signature={len(given)}"))
            return given[-1]

        download(fresh_link, tmp_path / "clip", QUICK)

        paths = [request[":path"] for request in server.requests]
    assert len(given) == 2
    assert paths == ["/clip.mp4?Signature=0", "/clip.mp4?Signature=0", "/clip.mp4?Signature=1"]


def test_what_the_provider_says_when_asked_for_a_link_is_passed_on(tmp_path: Path) -> None:
    def gone() -> str:
        raise ClipLost("The task is gone.")

    with pytest.raises(ClipLost, match="The task is gone"):
        download(gone, tmp_path / "clip", QUICK)


def test_a_signature_is_in_no_log_line(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)

    with ResultServer(BODY, faults=[cut(0.7), status(503), status(403), damaged]) as server:
        download(server.url, tmp_path / "clip", QUICK)

    assert "closed early" in caplog.text
    assert "TOPSECRET" not in caplog.text


def redirect(where: Callable[[], str]) -> Fault:
    return lambda exchange: status(302, Location=where())(exchange)


def test_a_redirect_is_followed_to_an_allowed_host_only(tmp_path: Path) -> None:
    with ResultServer(BODY) as server:
        server.faults = [redirect(server.url), redirect(server.url)]
        download(server.url, tmp_path / "clip", QUICK)
        assert (tmp_path / "clip").read_bytes() == BODY

        server.faults = [redirect(lambda: "http://169.254.169.254/latest/meta-data")]
        with pytest.raises(Unanswered, match=r"169\.254\.169\.254, which is not one of the hosts"):
            download(server.url, tmp_path / "clip", QUICK)

        server.otherwise = redirect(server.url)
        with pytest.raises(Unanswered, match="redirected more than 3 times"):
            download(server.url, tmp_path / "clip", QUICK)


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:1/clip.mp4",  # loopback only when the caller says so
        "https://evil-aliyuncs.com/clip.mp4",
        "https://aliyuncs.com.evil.example/clip.mp4",
        "https://user:pw@x.aliyuncs.com/clip.mp4",
        # What is opened ends a host at a backslash.
        "https://evil.example\\.aliyuncs.com/clip.mp4",
        "ftp://x.aliyuncs.com/clip.mp4",
        "file:///etc/passwd",
        "",
    ],
)
def test_a_link_to_anywhere_else_is_not_opened(url: str) -> None:
    with pytest.raises(Unanswered):
        checked(url, allowed_hosts=("*.aliyuncs.com",), allow_loopback=False)


def test_alibabas_links_are_upgraded_to_https_and_others_left_alone() -> None:
    def seen(url: str) -> str:
        return checked(url, allowed_hosts=("*.aliyuncs.com", "cdn.example"), allow_loopback=True)

    assert seen("http://R.oss-cn-beijing.aliyuncs.com/a?S=1") == "https://r.oss-cn-beijing.aliyuncs.com/a?S=1"
    assert seen("http://cdn.example/a") == "http://cdn.example/a"
    assert seen("http://localhost:99/a") == "http://localhost:99/a"


def test_a_disk_that_does_not_take_it_is_the_stores_problem() -> None:
    # /dev/full answers every write with "no space left on device".
    with ResultServer(BODY) as server, pytest.raises(StorageProblem, match="No space left"):
        download(server.url, Path("/dev/full"), QUICK)


# ------------------------------------------------------------------------------------- servers that mean no good


def answered(tmp_path: Path, *acts: Act, **changed: Any) -> Downloaded:
    limits = replace(QUICK, failures=2, restarts=1, **changed)
    with RawServer(*acts) as server:
        return download(lambda: f"{server.base_url}/a.mp4", tmp_path / "clip", limits)


def test_a_head_that_comes_in_drips_ends_the_attempt_and_not_the_download(tmp_path: Path) -> None:
    slow = raw_drip(b"HTTP/1.1 200 OK\r\nX-A: " + b"a" * 10_000, every_s=0.05)

    got = answered(tmp_path, slow, reply(BODY), silence_s=0.2)

    assert got.size_bytes == len(BODY)


def test_a_download_in_drips_ends_at_its_deadline(tmp_path: Path) -> None:
    slow = raw_drip(b"HTTP/1.1 200 OK\r\nX-A: " + b"a" * 10_000, every_s=0.05)
    started = time.monotonic()

    with pytest.raises(Unanswered):
        answered(tmp_path, slow, deadline_s=0.5)

    assert time.monotonic() - started < 5


def test_what_our_own_deadline_cut_is_not_taken_for_whole(tmp_path: Path) -> None:
    without_length = hang(b"HTTP/1.1 200 OK\r\n\r\n" + BODY[:1000])

    with pytest.raises(Unanswered, match="time for the download is up"):
        answered(tmp_path, without_length, deadline_s=0.5, silence_s=5)


@pytest.mark.parametrize(
    "location", [b"http://[::1", b"http://", b"//\xff\xfe/", b"http://a b/", b"ftp://a/b"]
)
def test_a_redirect_to_what_is_no_address_is_refused_at_once(location: bytes, tmp_path: Path) -> None:
    answer = b"HTTP/1.1 302 Found\r\nLocation: " + location + b"\r\nContent-Length: 0\r\n\r\n"

    with pytest.raises(Unanswered, match=r"no address|not a plain|not one of the hosts|redirected"):
        answered(tmp_path, verbatim(answer))


@pytest.mark.parametrize("value", ["9" * 5000, "-1", "1.5", "1e3", "\u0663", "\u00b2", "0x10", "", " "])
@pytest.mark.parametrize(
    "name",
    ["Content-Length", "Content-Range", "Retry-After", "x-oss-hash-crc64ecma", "ETag", "Content-Encoding"],
)
def test_a_header_that_says_nothing_is_no_traceback(name: str, value: str, tmp_path: Path) -> None:
    said = f"{name}: bytes {value}-{value}/{value}" if name == "Content-Range" else f"{name}: {value}"
    status = {"Content-Range": "206 Partial Content", "Retry-After": "503 Later"}.get(name, "200 OK")
    answer = f"HTTP/1.1 {status}\r\n{said}\r\n\r\n".encode() + BODY[:5000]

    try:
        assert answered(tmp_path, verbatim(answer)).size_bytes == 5000
    except (Unanswered, BadDelivery):
        return


def test_two_lengths_are_no_length(tmp_path: Path) -> None:
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 16\r\nContent-Length: 5000\r\n\r\n" + BODY[:5000]

    with pytest.raises(BadDelivery, match="contradicts itself"):
        answered(tmp_path, verbatim(answer))
