"""S3 behind an HTTP proxy: only the proxy knows the store's name, so nothing can go around it."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from ossnames import certificate_for
from proxies import Proxy
from s3proxy import S3Proxy
from storecontract import s3_options

from footage.errors import AlreadyThere, StorageProblem
from footage.storage import Store, open_store

HOST = "store.example"
# The bucket in the host name, as large stores have it.
VIRTUAL = {"s3": {"addressing_style": "virtual"}}


@pytest.fixture
def proxy(bucket: str) -> Iterator[Proxy]:
    with Proxy(names={f"{bucket}.{HOST}": "127.0.0.1"}, login="mia:right") as proxy:
        yield proxy


@pytest.fixture
def store(moto_address: str, bucket: str) -> Iterator[Callable[[], Store]]:
    """Opens a store whose name leads nowhere but through the proxy."""
    with S3Proxy(moto_address, virtual_host_suffix=f".{HOST}") as server:
        yield lambda: store_at(f"http://{HOST}:{server.port}", bucket)


@pytest.fixture
def secure_store(moto_address: str, bucket: str, tmp_path: Path) -> Iterator[Callable[[], Store]]:
    """The same over TLS."""
    authority, certificate = certificate_for(f"*.{HOST}")
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    certificate.configure_cert(tls)
    with S3Proxy(moto_address, tls=tls, virtual_host_suffix=f".{HOST}") as server:
        endpoint = f"https://{HOST}:{server.port}"
        yield lambda: store_at(endpoint, bucket, {"verify": str(tmp_path / "ca.pem")})


def store_at(endpoint: str, bucket: str, client: dict[str, Any] | None = None) -> Store:
    options = s3_options(endpoint, client_kwargs=client or {}, config_kwargs=VIRTUAL)
    return open_store(f"s3://{bucket}/base", options)


def used(store: Store, large: Path, folder: Path) -> None:
    """Write, read, list and delete, small and in parts."""
    store.check_exclusive()
    store.create("evidence/k/intent.json", b"mine")
    with pytest.raises(AlreadyThere):
        store.create("evidence/k/intent.json", b"another's")
    store.create_file("videos/k.mp4", large)
    store.get_file("videos/k.mp4", folder / "copy.mp4")

    assert (folder / "copy.mp4").read_bytes() == large.read_bytes()
    assert store.read("evidence/k/intent.json") == b"mine"
    assert sorted(store.list("")) == ["evidence/k/intent.json", "videos/k.mp4"]


@pytest.mark.parametrize("variable", ["HTTP_PROXY", "ALL_PROXY"])
def test_a_store_is_written_and_read_through_the_proxy(
    variable: str,
    proxy: Proxy,
    store: Callable[[], Store],
    bucket: str,
    large: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(variable, proxy.url)

    used(store(), large, tmp_path)

    assert set(proxy.asked) == {f"{bucket}.{HOST}"}


def test_a_store_with_tls_is_written_and_read_through_the_proxys_tunnel(
    proxy: Proxy,
    secure_store: Callable[[], Store],
    bucket: str,
    large: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", proxy.url)

    used(secure_store(), large, tmp_path)

    assert set(proxy.asked) == {f"{bucket}.{HOST}"}


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        pytest.param("NO_PROXY", f"other.example,{HOST}", id="excepted"),
        pytest.param("HTTP_PROXY", "http://mia:wrong-canary@127.0.0.1:{port}", id="a wrong password"),
    ],
)
def test_what_the_proxy_does_not_carry_fails_without_its_password(
    variable: str,
    value: str,
    proxy: Proxy,
    store: Callable[[], Store],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HTTP_PROXY", proxy.url)
    # The command line sets it, and it wins over the one in capitals.
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.setenv(variable, value.format(port=proxy.port))

    with pytest.raises(StorageProblem) as caught:
        store().create("a.json", b"1")

    assert proxy.asked == []
    assert "canary" not in str(caught.value)
    assert "mia" not in str(caught.value)
