"""What a worker read or wrote of a clip is kept, as long as nothing says that somebody else was there."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from countedstore import CountedStore

from footage.errors import AlreadyThere, NotThere
from footage.evidence.growing_file import GrowingFile
from footage.evidence.kept_files import KeptFiles
from footage.storage import open_store

FOLDER = "evidence/key"


@pytest.fixture
def store(tmp_path: Path) -> CountedStore:
    return CountedStore(open_store(str(tmp_path)))


@pytest.fixture
def remote(request: pytest.FixtureRequest) -> CountedStore:
    return CountedStore(open_store(f"memory://{request.node.name}"))


@pytest.fixture
def files(store: CountedStore) -> KeptFiles:
    return KeptFiles(store, FOLDER, keep=True)  # type: ignore[arg-type]


def test_what_was_read_or_written_is_not_asked_for_again(store: CountedStore, files: KeptFiles) -> None:
    store.create(f"{FOLDER}/theirs.json", b"theirs")
    files.list()
    files.create(f"{FOLDER}/ours.json", b"ours")
    files.read(f"{FOLDER}/theirs.json")
    store.asked.clear()

    names = files.list(math.inf)
    read = [files.read(name) for name in names]

    assert read == [b"ours", b"theirs"]
    assert store.asked == []


def test_a_file_that_a_listing_no_longer_shows_is_not_believed(store: CountedStore, files: KeptFiles) -> None:
    files.create(f"{FOLDER}/a.json", b"a")
    store.delete(f"{FOLDER}/a.json")

    assert files.list() == []

    assert not files.created(f"{FOLDER}/a.json")
    with pytest.raises(NotThere):
        files.read(f"{FOLDER}/a.json")


def test_a_file_of_somebody_else_makes_the_last_listing_out_of_date(
    store: CountedStore, files: KeptFiles
) -> None:
    files.list()
    store.create(f"{FOLDER}/a.json", b"theirs")
    with pytest.raises(AlreadyThere):
        files.create(f"{FOLDER}/a.json", b"ours")

    assert files.list(math.inf) == [f"{FOLDER}/a.json"]
    assert files.read(f"{FOLDER}/a.json") == b"theirs"


def test_after_the_clip_is_given_back_everything_is_asked_for_anew(
    store: CountedStore, files: KeptFiles
) -> None:
    files.create(f"{FOLDER}/a.json", b"a")
    store.replace(f"{FOLDER}/a.json", b"changed")

    files.forget()

    assert files.list(math.inf) == [f"{FOLDER}/a.json"]
    assert files.read(f"{FOLDER}/a.json") == b"changed"


def test_lines_gather_where_a_file_cannot_grow(remote: CountedStore) -> None:
    log = GrowingFile(remote, "run.log", new=True)  # type: ignore[arg-type]
    for number in range(100):
        log.add(b"%d\n" % number)
    assert remote.asked == []

    log.flush()

    assert remote.asked == [("create", "run.log")]
    assert remote.read("run.log").count(b"\n") == 100


def test_what_another_worker_wrote_before_stays(remote: CountedStore) -> None:
    remote.create("run.log", b"theirs\n")
    log = GrowingFile(remote, "run.log", new=True)  # type: ignore[arg-type]
    log.add(b"ours\n")

    log.flush()

    assert remote.read("run.log") == b"theirs\nours\n"


def test_in_a_folder_each_line_is_there_at_once(store: CountedStore) -> None:
    log = GrowingFile(store, "run.log")  # type: ignore[arg-type]

    log.add(b"one\n")

    assert store.read("run.log") == b"one\n"
