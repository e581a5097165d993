"""Alibaba OSS, over https with the bucket in the host name: over plain http none of its refusals shows.

The server is moto behind a proxy that refuses what OSS's S3 interface refuses: bucket names in the path,
aws-chunked bodies, If-None-Match, and a bulk delete without Content-MD5.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ossnames import OSS_HOST, certificate_for, resolve_here
from s3proxy import S3Proxy
from storecontract import SECRET, StoreContract, s3_options

from footage.errors import AlreadyThere, StorageProblem
from footage.storage import Store, open_store


@pytest.fixture(scope="module")
def listening(
    moto_address: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[S3Proxy, dict[str, Any]]]:
    authority, certificate = certificate_for(f"*.{OSS_HOST}", OSS_HOST, "*.oss.example.com")
    ca = tmp_path_factory.mktemp("ca") / "ca.pem"
    authority.cert_pem.write_to_path(str(ca))
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    certificate.configure_cert(tls)
    with S3Proxy(moto_address, tls=tls, acts_like_oss=True) as proxy:
        yield proxy, s3_options(f"https://{OSS_HOST}:{proxy.port}", client_kwargs={"verify": str(ca)})


@pytest.fixture
def oss(
    listening: tuple[S3Proxy, dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> tuple[S3Proxy, dict[str, Any]]:
    proxy, options = listening
    resolve_here(monkeypatch, OSS_HOST, "oss.example.com")
    proxy.virtual_host_suffix = f".{OSS_HOST}"
    proxy.seen.clear()
    return proxy, dict(options)


class TestOSSStore(StoreContract):
    @pytest.fixture
    def store(self, oss: tuple[S3Proxy, dict[str, Any]], bucket: str) -> Store:
        return open_store(f"s3://{bucket}/base", oss[1])


def test_what_oss_refuses_is_never_on_the_wire(
    oss: tuple[S3Proxy, dict[str, Any]], bucket: str, large: Path
) -> None:
    proxy, options = oss
    store = open_store(f"oss://{bucket}/base", options)

    store.create("a.json", b"1")
    store.replace("b.json", b"2")
    store.create_file("a.mp4", large)
    store.delete("a.json")

    assert {"put", "initiate", "part", "complete", "delete"} <= set(proxy.operations())
    for seen in proxy.seen:
        assert seen.headers["host"].startswith(f"{bucket}.")
        assert "aws-chunked" not in seen.headers.get("content-encoding", "")
        assert "x-amz-trailer" not in seen.headers
        assert "if-none-match" not in seen.headers
    sent = [seen for seen in proxy.seen if seen.operation in {"put", "part"}]
    assert {seen.headers["x-amz-content-sha256"] for seen in sent} == {"UNSIGNED-PAYLOAD"}
    assert all("content-length" in seen.headers for seen in sent)


def test_creates_forbid_overwriting_and_replacements_do_not(
    oss: tuple[S3Proxy, dict[str, Any]], bucket: str, large: Path
) -> None:
    proxy, options = oss
    store = open_store(f"s3://{bucket}/base", options)

    store.create("a.json", b"1")
    store.create_file("a.mp4", large)
    creating = [seen for seen in proxy.seen if seen.operation in {"put", "initiate", "complete"}]
    assert [seen.headers.get("x-oss-forbid-overwrite") for seen in creating] == ["true"] * 3
    assert all("x-oss-forbid-overwrite" in seen.headers["authorization"] for seen in creating)

    proxy.seen.clear()
    store.replace("a.json", b"2")
    store.replace_file("a.mp4", large)
    assert all("x-oss-forbid-overwrite" not in seen.headers for seen in proxy.seen)


def test_the_plain_s3_flavour_fails_there_and_says_what_to_set(
    oss: tuple[S3Proxy, dict[str, Any]], bucket: str
) -> None:
    _, options = oss

    with pytest.raises(StorageProblem, match='"flavour": "oss"') as caught:
        open_store(f"s3://{bucket}/base", options | {"flavour": "s3"}).create("a.json", b"1")

    assert not isinstance(caught.value, AlreadyThere)
    assert SECRET not in str(caught.value)


def test_oss_under_a_name_of_ones_own_is_reached_with_the_flavour(
    oss: tuple[S3Proxy, dict[str, Any]], bucket: str
) -> None:
    proxy, options = oss
    proxy.virtual_host_suffix = ".oss.example.com"
    options |= {"endpoint_url": f"https://oss.example.com:{proxy.port}", "flavour": "oss"}

    open_store(f"s3://{bucket}/base", options).check_exclusive()
