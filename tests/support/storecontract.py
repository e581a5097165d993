"""What every store must do; each backend's test class inherits it and gives a `store` fixture."""

from __future__ import annotations

import hashlib
import pickle
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from footage.errors import AlreadyThere, NotThere, StorageProblem
from footage.storage import Store

# More than two parts of 8 MiB, so that stores with multipart uploads use them.
LARGE_BYTES = 17 << 20

KEY, SECRET = "AKIATESTKEYID", "not-a-real-secret"


def s3_options(endpoint: str, **more: Any) -> dict[str, Any]:
    client = {"region_name": "us-east-1", **more.pop("client_kwargs", {})}
    return {"key": KEY, "secret": SECRET, "endpoint_url": endpoint, "client_kwargs": client, **more}


@pytest.fixture(scope="session")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("large") / "large.mp4"
    path.write_bytes(bytes(range(256)) * (LARGE_BYTES // 256))
    return path


def outcome(action: Callable[[], object]) -> str:
    try:
        action()
    except AlreadyThere:
        return "lost"
    return "won"


class StoreContract:
    def test_what_was_created_is_read_back(self, store: Store, tmp_path: Path) -> None:
        store.create("evidence/k/intent.json", b'{"a": 1}')

        assert store.read("evidence/k/intent.json") == b'{"a": 1}'
        assert store.exists("evidence/k/intent.json")
        assert store.size("evidence/k/intent.json") == 8
        assert store.sha256("evidence/k/intent.json") == hashlib.sha256(b'{"a": 1}').hexdigest()
        store.get_file("evidence/k/intent.json", tmp_path / "copy")
        assert (tmp_path / "copy").read_bytes() == b'{"a": 1}'

    def test_a_taken_name_is_refused_and_keeps_its_content(self, store: Store) -> None:
        store.create("a.json", b"first")

        with pytest.raises(AlreadyThere):
            store.create("a.json", b"other")

        assert store.read("a.json") == b"first"

    def test_creating_equal_content_again_is_no_conflict(self, store: Store, tmp_path: Path) -> None:
        (tmp_path / "same").write_bytes(b"same")
        store.create("a.json", b"same")

        store.create("a.json", b"same")
        store.create_file("a.json", tmp_path / "same")

        assert store.list() == ["a.json"]

    def test_of_many_writers_at_once_exactly_one_wins(self, store: Store) -> None:
        def write(number: int) -> str:
            return outcome(lambda: store.create("race/claim", b"writer %d" % number))

        with ThreadPoolExecutor(12) as threads:
            outcomes = list(threads.map(write, range(12)))

        assert sorted(outcomes) == ["lost"] * 11 + ["won"]
        assert store.read("race/claim") == b"writer %d" % outcomes.index("won")

    def test_the_exclusive_check_passes_and_leaves_nothing_behind(self, store: Store) -> None:
        store.check_exclusive()

        assert store.list() == []

    def test_replacing_works_on_missing_and_on_present_objects(self, store: Store, tmp_path: Path) -> None:
        (tmp_path / "new").write_bytes(b"three")

        store.replace("state.json", b"one")
        assert store.read("state.json") == b"one"
        store.replace("state.json", b"two")
        assert store.read("state.json") == b"two"
        store.replace_file("state.json", tmp_path / "new")
        assert store.read("state.json") == b"three"

    def test_appended_lines_stay_in_order(self, store: Store) -> None:
        for number in range(5):
            store.append("k/polls.jsonl", b"%d\n" % number)

        assert store.read("k/polls.jsonl") == b"0\n1\n2\n3\n4\n"

    def test_a_listing_is_recursive_and_never_stale(self, store: Store) -> None:
        store.create("evidence/k/attempt-1/intent.json", b"1")
        assert store.list("evidence/k") == ["evidence/k/attempt-1/intent.json"]

        store.create("evidence/k/result.json", b"2")
        store.create("evidence/kk/result.json", b"3")
        assert store.list("evidence/k") == ["evidence/k/attempt-1/intent.json", "evidence/k/result.json"]

        store.delete("evidence/k/result.json")
        assert store.list("evidence/k") == ["evidence/k/attempt-1/intent.json"]
        assert store.list("nothing/here") == []
        assert store.list() == ["evidence/k/attempt-1/intent.json", "evidence/kk/result.json"]

    def test_a_listing_of_what_begins_alike_has_nothing_else(self, store: Store) -> None:
        for path in ("evidence/ab1/a/b", "evidence/ab2/a", "evidence/ab", "evidence/b/ab1", "ab/ab"):
            store.create(path, b"1")

        assert store.list_beginning("evidence/", "ab") == [
            "evidence/ab",
            "evidence/ab1/a/b",
            "evidence/ab2/a",
        ]
        assert store.list_beginning("evidence", "ab1") == ["evidence/ab1/a/b"]
        assert store.list_beginning("evidence/", "c") == store.list_beginning("nothing/", "ab") == []

    def test_a_listing_tells_when_each_file_was_written_last(self, store: Store) -> None:
        store.create("runs/b/1", b"1")
        store.create("runs/a/1", b"1")
        store.replace("runs/a/2", b"1")
        store.create("run/a", b"1")

        told = dict(store.list_dated("runs/"))

        assert sorted(told) == ["runs/a/1", "runs/a/2", "runs/b/1"]
        now = datetime.now(UTC)
        assert all(at is not None and abs(now - at) < timedelta(minutes=2) for at in told.values())
        assert list(store.list_dated("nothing/")) == []
        assert sorted(store.walk("runs/")) == sorted(told)
        assert list(store.walk("nothing/")) == []

    def test_what_is_missing_is_said_to_be_missing(self, store: Store, tmp_path: Path) -> None:
        assert not store.exists("no/such")
        for ask in (store.read, store.size, store.sha256):
            with pytest.raises(NotThere, match="no/such"):
                ask("no/such")
        with pytest.raises(NotThere, match="no/such"):
            store.get_file("no/such", tmp_path / "copy")

    def test_a_folder_is_no_object(self, store: Store) -> None:
        store.create("videos/a.mp4", b"1")

        assert not store.exists("videos")

    def test_deleting_twice_is_fine(self, store: Store) -> None:
        store.create("a.json", b"1")

        store.delete("a.json")
        store.delete("a.json")

        assert not store.exists("a.json")

    def test_a_large_file_is_published_whole_and_create_only(
        self, store: Store, large: Path, tmp_path: Path
    ) -> None:
        other = tmp_path / "other"
        other.write_bytes(b"x" * LARGE_BYTES)

        store.create_file("videos/a.mp4", large)
        store.create_file("videos/a.mp4", large)
        with pytest.raises(AlreadyThere):
            store.create_file("videos/a.mp4", other)

        store.get_file("videos/a.mp4", tmp_path / "copy")
        assert store.size("videos/a.mp4") == LARGE_BYTES
        assert (tmp_path / "copy").read_bytes() == large.read_bytes()
        assert store.sha256("videos/a.mp4") == hashlib.sha256(large.read_bytes()).hexdigest()
        assert store.list() == ["videos/a.mp4"]

    @pytest.mark.parametrize(
        "path",
        ["", "/etc/passwd", "../x", "a/../b", "a//b", "a\\b", "a b", "a/", "é", "x" * 161, "a?b", "a\nb"],
    )
    def test_a_name_that_could_lead_elsewhere_is_refused(self, store: Store, path: str) -> None:
        with pytest.raises(StorageProblem, match="a path is"):
            store.create(path, b"1")
        with pytest.raises(StorageProblem, match="a path is"):
            store.read(path)

    def test_one_store_serves_many_threads(self, store: Store) -> None:
        def work(number: int) -> bytes:
            store.create(f"many/{number}", b"%d" % number)
            return store.read(f"many/{number}")

        with ThreadPoolExecutor(8) as threads:
            assert list(threads.map(work, range(32))) == [b"%d" % number for number in range(32)]

    def test_a_store_is_never_pickled(self, store: Store) -> None:
        with pytest.raises(TypeError, match="credentials"):
            pickle.dumps(store)
