"""Proxies: which one is asked, what reaches it, and what is never said about it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from proxies import Proxy
from resultserver import ResultServer

from footage.credentials import parse_key
from footage.emulator import Emulator
from footage.errors import InvalidRequest, Unreachable
from footage.network.proxies import is_loopback, proxy_for, shown_proxy
from footage.provider import WanClient
from footage.settings import load_settings
from footage.transfer import Limits, download, fetch_reference

IMAGE = b"\x89PNG\r\n\x1a\n" + bytes(10_000)
KEY = parse_key("sk-emulator", "test")
VARIABLES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")


@pytest.fixture(autouse=True)
def plain_network(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.fixture(scope="module")
def emulator() -> Iterator[Emulator]:
    with Emulator(speed=400, render="tiny", rate_limits=False) as running:
        yield running


@pytest.fixture(params=["http", "socks5"])
def proxy(request: pytest.FixtureRequest) -> Iterator[Proxy]:
    """Only this proxy knows the host `far.example`."""
    with Proxy(request.param, names={"far.example": "127.0.0.1"}, login="mia:pass-word-canary") as running:
        yield running


@pytest.mark.parametrize(
    ("variables", "url", "chosen"),
    [
        pytest.param({"HTTPS_PROXY": "http://p:1"}, "https://a.example", "http://p:1", id="by scheme"),
        pytest.param({"https_proxy": "http://p:1"}, "https://a.example", "http://p:1", id="lower case"),
        pytest.param({"HTTPS_PROXY": "p:1"}, "https://a.example", "http://p:1", id="without a scheme"),
        pytest.param({"HTTP_PROXY": "http://p:1"}, "https://a.example", None, id="of another scheme"),
        pytest.param({"ALL_PROXY": "socks5h://p:1"}, "https://a.example", "socks5h://p:1", id="for all"),
        pytest.param(
            {"all_proxy": "socks5://p:1"}, "http://a.example", "socks5h://p:1", id="it resolves names"
        ),
        pytest.param(
            {"ALL_PROXY": "http://p:1", "NO_PROXY": "a.example"}, "https://a.example", None, id="an exception"
        ),
        pytest.param({"ALL_PROXY": "http://p:1"}, "http://127.0.0.1:8", None, id="never for this machine"),
        pytest.param({"ALL_PROXY": "http://p:1"}, "http://localhost:8", None, id="nor by its name"),
        pytest.param({"ALL_PROXY": "http://p:1"}, "http://[::1]:8", None, id="nor by IPv6"),
        pytest.param({}, "https://a.example", None, id="none"),
    ],
)
def test_the_usual_variables_choose_the_proxy(
    variables: dict[str, str], url: str, chosen: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)

    assert proxy_for(url) == chosen


@pytest.mark.parametrize("value", ["ftp://p:1", "http://p:port", "socks5:/p:1", "quic://u:secret-canary@p:1"])
def test_what_is_no_proxy_is_refused_without_being_shown(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", value)

    with pytest.raises(InvalidRequest, match="ALL_PROXY") as caught:
        proxy_for("https://a.example")

    assert value not in str(caught.value)


@pytest.mark.parametrize("scheme", ["socks4", "socks4a", "SOCKS4"])
def test_a_proxy_of_socks_4_is_refused_by_its_name(scheme: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", f"{scheme}://p:1")

    with pytest.raises(InvalidRequest, match="socks4"):
        proxy_for("https://a.example")


@pytest.mark.parametrize("host", ["localhost.", "LOCALHOST.", "a.localhost", "a.localhost."])
def test_this_machine_is_refused_by_each_of_its_names(host: str) -> None:
    with pytest.raises(InvalidRequest, match="private address"):
        fetch_reference(f"http://{host}:9/a.png", max_bytes=1_000, allow_private=False)


def test_a_variable_that_holds_no_proxy_is_told_at_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "ftp://p:1")

    with pytest.raises(InvalidRequest, match="HTTP_PROXY"):
        load_settings()


def test_a_proxy_is_shown_without_user_and_password() -> None:
    assert shown_proxy("socks5h://mia:secret@p.example:1080") == "through socks5h://p.example:1080"
    assert shown_proxy(None) == "directly"


def test_this_machine_is_known_by_each_of_its_names() -> None:
    assert all(
        map(is_loopback, ["localhost", "a.localhost", "127.0.0.9", "::1", "[::1]", "::ffff:127.0.0.1"])
    )
    assert not any(map(is_loopback, ["127.example.com", "localhost.example", "10.0.0.1", ""]))


def test_the_provider_is_asked_through_the_proxy(
    proxy: Proxy, emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALL_PROXY", proxy.url)
    port = emulator.url.rpartition(":")[2]

    with WanClient(f"http://far.example:{port}/api/v1", KEY) as client:
        assert client.probe().latency_s > 0

    assert proxy.asked == ["far.example"]


def test_the_emulator_is_never_asked_through_a_proxy(
    proxy: Proxy, emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALL_PROXY", proxy.url)
    monkeypatch.setenv("HTTP_PROXY", proxy.url)

    with WanClient(emulator.base_url, KEY) as client:
        client.probe()

    assert proxy.asked == []


def test_a_reference_image_comes_through_the_proxy(proxy: Proxy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", proxy.url)

    with ResultServer(IMAGE) as server:
        url = server.url().replace("127.0.0.1", "far.example")
        assert fetch_reference(url, max_bytes=1_000_000, allow_private=False) == IMAGE

    assert proxy.asked == ["far.example"]


def test_a_result_comes_through_the_proxy(
    proxy: Proxy, monkeypatch: pytest.MonkeyPatch, tmp_path: object
) -> None:
    from pathlib import Path

    monkeypatch.setenv("ALL_PROXY", proxy.url)
    clip = b"\x00\x00\x00\x18ftypisom" + bytes(200_000)
    with ResultServer(clip) as server:
        url = server.url().replace("127.0.0.1", "far.example")
        limits = Limits(allowed_hosts=("far.example",), failures=1)
        done = download(lambda: url, Path(str(tmp_path)) / "clip", limits)

    assert (done.size_bytes, proxy.asked) == (len(clip), ["far.example"])


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "10.0.0.1",
        "169.254.169.254",
        "[::1]",
        "[::ffff:10.0.0.1]",
        "[fd00::1]",
        "2130706433",
        "0x7f000001",
        "0177.0.0.1",
        "127.1",
        "printer",
        "nas.local",
        "db.internal",
        "metadata.google.internal",
        "metadata.tencentyun.com",
        # What is opened ends a host here.
        "10.0.0.1\\.public.example/..",
        "198.18.0.7",
    ],
)
def test_local_hosts_are_not_asked_of_a_proxy(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with Proxy() as proxy:
        monkeypatch.setenv("ALL_PROXY", proxy.url)
        with pytest.raises(InvalidRequest, match="reference_image"):
            fetch_reference(f"http://{host}/a.png", max_bytes=1_000, allow_private=False)

        assert proxy.asked == []


def test_a_redirect_through_a_proxy_is_checked_like_the_address_itself(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def away(exchange: object) -> None:
        exchange.head(302, {"Location": "http://db.internal/a.png", "Content-Length": "0"})  # type: ignore[attr-defined]

    with Proxy(names={"far.example": "127.0.0.1"}) as proxy, ResultServer(IMAGE, otherwise=away) as server:
        monkeypatch.setenv("ALL_PROXY", proxy.url)
        with pytest.raises(InvalidRequest, match="private address"):
            fetch_reference(
                server.url().replace("127.0.0.1", "far.example"), max_bytes=1_000, allow_private=False
            )

        assert proxy.asked == ["far.example"]


@pytest.mark.parametrize("kind", ["http", "socks5"])
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_wrong_password_is_told_and_not_shown(
    kind: str, scheme: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with Proxy(kind, login="mia:right") as proxy, WanClient(f"{scheme}://far.example/api/v1", KEY) as client:
        monkeypatch.setenv("ALL_PROXY", proxy.url.replace("right", "wrong-canary"))
        with pytest.raises(Unreachable, match="another user or password") as caught:
            client.probe()

    assert caught.value.details["mistake"] == "proxy"
    assert "wrong-canary" not in f"{caught.value}{caught.value.details}{caplog.text}"
    assert f"127.0.0.1:{proxy.port}" in str(caught.value) or "407" in str(caught.value)
