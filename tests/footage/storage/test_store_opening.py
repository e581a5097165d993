from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from footage.context import open_context
from footage.errors import InvalidRequest, StorageProblem
from footage.settings import load_settings
from footage.storage import open_store

SECRET = "SECRETSECRETSECRET"


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("simplecache::file:///etc", "chain"),
        ("filecache::s3://bucket/x", "chain"),
        ("http://example.com/x", "not a store"),
        ("ftp://example.com/x", "not a store"),
        ("ssh://host/x", "not a store"),
        ("zip://x.zip", "not a store"),
        ("local:///etc", "not a store"),
        ("s3://", "not a bucket"),
        ("s3://bucket/../other", "not a bucket"),
        (f"s3://AKIA:{SECRET}@bucket/x", "credentials"),
        (f"s3://bucket/x?secret={SECRET}", "credentials"),
        ("oss://bucket/x", "endpoint"),
        ("file://", "no name"),
        ("file://clips/of/today", "another machine"),
        ("s3:///prefix", "no bucket"),
        ("oss:///prefix", "no bucket"),
        ("gs:///prefix/deeper", "no bucket"),
        ("az:///prefix", "no bucket"),
    ],
)
def test_only_stores_that_were_thought_of_are_opened(url: str, why: str) -> None:
    with pytest.raises(StorageProblem, match=why) as caught:
        open_store(url)

    assert SECRET not in str(caught.value)


@pytest.mark.parametrize(
    ("given", "why"),
    [
        *(
            (url, "names no bucket and no folder")
            for url in ("s3://", "s3:///", "oss://", "gs://", "az://", "file:///")
        ),
        *((url, "lacks a slash") for url in ("s3:/bucket", "oss:bucket/films", "memory:/films")),
    ],
)
def test_a_url_that_ends_before_it_names_something_is_no_folder_of_that_name(
    given: str, why: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    with pytest.raises(InvalidRequest, match=why):
        open_context(load_settings(output_dir=given))

    assert list(tmp_path.iterdir()) == []


def test_memory_is_a_whole_url() -> None:
    assert load_settings(output_dir="memory://").store_url.startswith("memory://alicloud")


@pytest.mark.parametrize("given", ["~/clips", "file:///{tmp}/clips", "{tmp}/clips", "relative/clips"])
def test_a_folder_is_given_as_path_or_url(given: str, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))

    store = open_store(
        given.replace("{tmp}", str(tmp_path).lstrip("/"))
        if "file" in given
        else given.replace("{tmp}", str(tmp_path))
    )
    store.create("a.json", b"1")

    assert len(list(tmp_path.rglob("a.json"))) == 1
    assert store.url.startswith(str(tmp_path))


def test_links_are_public_or_signed_but_not_both() -> None:
    with pytest.raises(StorageProblem, match="not both"):
        open_store("s3://bucket", {}, public_base_url="https://cdn.example.com", sign_seconds=60)
    with pytest.raises(StorageProblem, match="signed"):
        open_store("/tmp/x", sign_seconds=60)


def test_a_public_base_url_is_what_people_see(tmp_path: Path) -> None:
    store = open_store(str(tmp_path), public_base_url="https://cdn.example.com/clips/")

    assert store.url_of("videos/a.mp4") == "https://cdn.example.com/clips/videos/a.mp4"


def test_an_unknown_flavour_is_refused() -> None:
    with pytest.raises(StorageProblem, match="flavour"):
        open_store("s3://bucket", {"flavour": "vanilla"})


@pytest.mark.parametrize(
    ("no_proxy", "refused"),
    [
        pytest.param("", True, id="only a SOCKS proxy leads to the store"),
        pytest.param("store.example", False, id="the store is an exception"),
    ],
)
def test_a_store_that_only_a_socks_proxy_leads_to_is_refused_when_it_is_opened(
    no_proxy: str, refused: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("ALL_PROXY", "socks5://p.example:1080")
    monkeypatch.setenv("NO_PROXY", no_proxy)
    options = {"endpoint_url": "https://store.example", "key": "a", "secret": "b"}

    if not refused:
        assert open_store("s3://bucket/x", options=options).network_address == "https://store.example"
        return
    with pytest.raises(StorageProblem, match="SOCKS") as caught:
        open_store("s3://bucket/x", options=options)

    assert "HTTPS_PROXY" in str(caught.value.next_step)
