"""S3 through moto in this process; what needs a server that checks more is in test_store_seaweedfs.py."""

from __future__ import annotations

import secrets
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from s3proxy import DROP, LOSE_ANSWER, SLOW_DOWN, S3Proxy, Seen, first
from storecontract import KEY, SECRET, StoreContract, s3_options

from footage.context import open_context
from footage.errors import AlreadyThere, NotThere, StorageProblem
from footage.settings import load_settings
from footage.storage import Store, open_store


class TestS3Store(StoreContract):
    # moto looks and writes in two steps; that one of many wins is shown with SeaweedFS.
    test_of_many_writers_at_once_exactly_one_wins = None  # pyright: ignore[reportAssignmentType]

    @pytest.fixture
    def store(self, moto_address: str, bucket: str) -> Store:
        return open_store(f"s3://{bucket}/some/base", s3_options(f"http://{moto_address}"))


class TestS3StoreOfASingleWorker(StoreContract):
    """On a store that answers 501 to If-None-Match, as Backblaze B2 does."""

    @pytest.fixture
    def store(self, moto_address: str, bucket: str) -> Iterator[Store]:
        def b2(seen: Seen) -> tuple[int, str] | None:
            return (501, "NotImplemented") if "if-none-match" in seen.headers else None

        with S3Proxy(moto_address, b2) as proxy:
            yield open_store(
                f"s3://{bucket}/base", s3_options(f"http://127.0.0.1:{proxy.port}"), single_worker=True
            )


def test_a_store_without_conditional_writes_says_how_a_single_worker_does_without(
    moto_address: str, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def b2(seen: Seen) -> tuple[int, str] | None:
        return (501, "NotImplemented") if "if-none-match" in seen.headers else None

    with S3Proxy(moto_address, b2) as proxy:
        options = s3_options(f"http://127.0.0.1:{proxy.port}")
        several = open_context(load_settings(output_dir=f"s3://{bucket}/base", storage_options=options))
        with pytest.raises(StorageProblem, match="WAN_VIDEO_SINGLE_WORKER=1"):
            several.require_exclusive_store()

        monkeypatch.setenv("WAN_VIDEO_SINGLE_WORKER", "1")
        alone = open_context(load_settings(output_dir=f"s3://{bucket}/base", storage_options=options))
        alone.require_exclusive_store()
        alone.store.create("evidence/k/intent.json", b"mine")
        with pytest.raises(AlreadyThere):
            alone.store.create("evidence/k/intent.json", b"another's")


def through(proxy: S3Proxy, bucket: str) -> Store:
    return open_store(f"s3://{bucket}/base", s3_options(f"http://127.0.0.1:{proxy.port}"))


# What happens to which request, to a small or a large object, while it is created or replaced.
FAULTS = {
    "a small put is told to slow down": (2, "put", SLOW_DOWN, "small", "create_file"),
    "a small put is dropped half way": (1, "put", DROP, "small", "create_file"),
    "a small put is done, its answer lost, and it meets itself": (
        1,
        "put",
        LOSE_ANSWER,
        "small",
        "create_file",
    ),
    "a part is dropped half way": (1, "part", DROP, "large", "create_file"),
    "several parts are told to slow down": (3, "part", SLOW_DOWN, "large", "create_file"),
    "the answer to a part is lost": (1, "part", LOSE_ANSWER, "large", "create_file"),
    "the start is told to slow down": (2, "initiate", SLOW_DOWN, "large", "create_file"),
    "the completion is told to slow down": (2, "complete", SLOW_DOWN, "large", "create_file"),
    "the completion is done, its answer lost": (1, "complete", LOSE_ANSWER, "large", "create_file"),
    "the completion of a replacement is done, its answer lost": (
        1,
        "complete",
        LOSE_ANSWER,
        "large",
        "replace_file",
    ),
}


@pytest.mark.parametrize(("times", "operation", "what", "size", "how"), FAULTS.values(), ids=FAULTS)
def test_a_store_that_fails_for_a_moment_gets_the_whole_object(
    times: int,
    operation: str,
    what: Any,
    size: str,
    how: str,
    moto_address: str,
    moto_client: Any,
    bucket: str,
    large: Path,
    tmp_path: Path,
) -> None:
    small = tmp_path / "small"
    small.write_bytes(b"small")
    local = {"small": small, "large": large}[size]

    with S3Proxy(moto_address, first(times, operation, what)) as proxy:
        getattr(through(proxy, bucket), how)("a.mp4", local)

        assert proxy.operations().count(operation) > times
    assert moto_client.get_object(Bucket=bucket, Key="base/a.mp4")["Body"].read() == local.read_bytes()
    assert "Uploads" not in moto_client.list_multipart_uploads(Bucket=bucket)


@pytest.mark.parametrize(
    "fault",
    [first(99, "part", (500, "InternalError")), first(99, "complete", (403, "AccessDenied"))],
    ids=["every part fails", "the completion is denied"],
)
def test_an_upload_that_cannot_be_finished_leaves_no_object_and_no_orphaned_parts(
    fault: Any, moto_address: str, moto_client: Any, bucket: str, large: Path
) -> None:
    refused = pytest.raises(StorageProblem, match=r"Could not create s3://.*/base/a\.mp4")
    with S3Proxy(moto_address, fault) as proxy, refused:
        through(proxy, bucket).create_file("a.mp4", large)

    assert "Contents" not in moto_client.list_objects_v2(Bucket=bucket)
    assert "Uploads" not in moto_client.list_multipart_uploads(Bucket=bucket)


def test_a_lost_race_for_a_large_file_leaves_no_orphaned_parts(
    moto_address: str, moto_client: Any, bucket: str, large: Path
) -> None:
    store = open_store(f"s3://{bucket}/base", s3_options(f"http://{moto_address}"))
    store.create("a.mp4", b"first")

    with pytest.raises(AlreadyThere):
        store.create_file("a.mp4", large)

    assert "Uploads" not in moto_client.list_multipart_uploads(Bucket=bucket)


def test_a_store_that_ignores_the_condition_is_found_out(moto_address: str, bucket: str) -> None:
    def forget(seen: Seen) -> None:
        # As rclone's S3 server and old MinIO do: the header is taken, and the object overwritten.
        seen.headers.pop("if-none-match", None)

    found_out = pytest.raises(StorageProblem, match="does not create exclusively: 5 of 5 writers")
    with S3Proxy(moto_address, forget) as proxy, found_out:
        through(proxy, bucket).check_exclusive()


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ((403, "AccessDenied"), "the store denies it"),
        ((403, "InvalidAccessKeyId"), "does not know the access key"),
        ((403, "SignatureDoesNotMatch"), "secret does not fit"),
        ((400, "ExpiredToken"), "credentials have expired"),
        ((403, "RequestTimeTooSkewed"), "clock of this machine"),
        ((400, "SomethingNew"), "answered SomethingNew"),
    ],
)
def test_a_refusal_says_what_was_being_done_and_why_but_no_secret(
    answer: tuple[int, str], words: str, moto_address: str, bucket: str
) -> None:
    with S3Proxy(moto_address, first(99, "put", answer)) as proxy:
        store = through(proxy, bucket)
        with pytest.raises(StorageProblem) as caught:
            store.create("evidence/k/intent.json", b"1")

    assert f"Could not create s3://{bucket}/base/evidence/k/intent.json" in str(caught.value)
    assert words in str(caught.value)
    for text in (str(caught.value), repr(caught.value), repr(store), str(vars(caught.value))):
        assert SECRET not in text
        assert KEY not in text


def test_a_missing_bucket_is_not_taken_for_a_missing_object(moto_address: str) -> None:
    store = open_store("s3://no-such-bucket/base", s3_options(f"http://{moto_address}"))

    for ask in (lambda: store.read("a"), lambda: store.list(), lambda: store.create("a", b"1")):
        with pytest.raises(StorageProblem, match="the bucket does not exist") as caught:
            ask()
        assert not isinstance(caught.value, NotThere)


def test_a_store_that_is_not_there_is_given_up_in_seconds() -> None:
    store = open_store("s3://bucket/base", s3_options("http://127.0.0.1:9"))

    with pytest.raises(StorageProblem, match="cannot be reached"):
        store.read("a")


def test_a_listing_goes_on_past_one_page(moto_address: str, moto_client: Any, bucket: str) -> None:
    from moto.s3.models import s3_backends

    for number in range(1005):
        s3_backends["123456789012"]["aws"].put_object(bucket, f"base/k/{number:04}", b"")
    # A folder mark, as graphical clients leave it.
    moto_client.put_object(Bucket=bucket, Key="base/k/", Body=b"")

    found = open_store(f"s3://{bucket}/base", s3_options(f"http://{moto_address}")).list("k")

    assert found == [f"k/{number:04}" for number in range(1005)]


def test_a_signed_link_works_without_credentials_and_the_plain_url_is_given_otherwise(
    moto_address: str, bucket: str
) -> None:
    options = s3_options(f"http://{moto_address}")
    open_store(f"s3://{bucket}/base", options).create("videos/a.mp4", b"clip")

    signed = open_store(f"s3://{bucket}/base", options, sign_seconds=600).url_of("videos/a.mp4")

    with urllib.request.urlopen(signed) as answer:
        assert answer.read() == b"clip"
        assert answer.headers["Content-Type"] == "video/mp4"
    assert "X-Amz-Expires=600" in signed or "Expires=" in signed
    assert open_store(f"s3://{bucket}/base", options).url_of("videos/a.mp4") == (
        f"s3://{bucket}/base/videos/a.mp4"
    )


def test_two_stores_with_different_credentials_do_not_mix(moto_address: str, bucket: str) -> None:
    with S3Proxy(moto_address) as proxy:
        endpoint = f"http://127.0.0.1:{proxy.port}"
        for key in ("AKIAFIRST", "AKIASECOND"):
            store = open_store(f"s3://{bucket}", s3_options(endpoint) | {"key": key})
            store.create(f"{key}-{secrets.token_hex(4)}", b"1")

        assert [
            key in proxy.seen[i].headers["authorization"] for i, key in enumerate(("AKIAFIRST", "AKIASECOND"))
        ]
        assert "AKIASECOND" not in proxy.seen[0].headers["authorization"]
