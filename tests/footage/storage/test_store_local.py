from __future__ import annotations

import ctypes
import errno
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from storecontract import StoreContract

from footage.concurrency.process_identity import identity
from footage.errors import AlreadyThere, NotAFile, NotThere, StorageProblem
from footage.storage import Store, open_store


class TestLocalStore(StoreContract):
    @pytest.fixture
    def store(self, tmp_path: Path) -> Store:
        return open_store(str(tmp_path / "not" / "yet" / "there"))


def test_folders_of_runs_and_leases_go_with_their_last_file_and_come_back(tmp_path: Path) -> None:
    store = open_store(str(tmp_path))
    for name in ("runs/r/a", "runs/r/b", "leases/k/1.json", "evidence/k/a.json"):
        store.create(name, b"1")

    def come_and_go(worker: int) -> None:
        for number in range(50):
            store.create(f"leases/n/{worker}-{number}.json", b"1")
            store.delete(f"leases/n/{worker}-{number}.json")

    store.delete("runs/r/a")
    kept = (tmp_path / "runs/r").exists()
    for name in ("runs/r/b", "leases/k/1.json", "evidence/k/a.json"):
        store.delete(name)
    with ThreadPoolExecutor(4) as workers:
        list(workers.map(come_and_go, range(4)))

    assert kept
    assert sorted(path.name for path in (tmp_path / "runs").iterdir()) == []
    assert sorted(path.name for path in (tmp_path / "leases").iterdir()) == []
    assert (tmp_path / "evidence/k").is_dir()


class TestLocalStoreWithoutHardLinks(StoreContract):
    """exFAT, CIFS and many FUSE mounts answer EPERM to link(2)."""

    @pytest.fixture
    def store(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
        def no_links(*_: object, **__: object) -> None:
            raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))

        monkeypatch.setattr(os, "link", no_links)
        return open_store(str(tmp_path / "folder"))


class TestLocalStoreWithoutLinksAndExclusiveRenames(StoreContract):
    """A FUSE server of an old kind, or a system without renameat2."""

    @pytest.fixture
    def store(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
        _take_away_what_publishes(monkeypatch.setattr)
        return open_store(str(tmp_path / "folder"))


def _take_away_what_publishes(set_attribute: Callable[[object, str, object], None]) -> None:
    def no_links(*_: object, **__: object) -> None:
        raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))

    set_attribute(os, "link", no_links)
    set_attribute(ctypes, "CDLL", lambda *_, **__: object())


CREATE_FOR_EVER = """
import ctypes, errno, os, sys
def no_links(*_, **__):
    raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))
os.link = no_links
if sys.argv[2] == "claims":
    ctypes.CDLL = lambda *_, **__: object()
    # A slow disk, so that kills come between the claim and the rename.
    import time
    for name in ("rename", "replace"):
        def slowly(*names, act=getattr(os, name), **more):
            time.sleep(0.03)
            act(*names, **more)
        setattr(os, name, slowly)
from footage.storage import open_store
store = open_store(sys.argv[1])
for number in range(10**9):
    store.create(f"evidence/{sys.argv[3]}-{number}/intent.json", b"an intent")
    print(number, flush=True)
"""


@pytest.mark.parametrize("how", ["renames", "claims"])
def test_a_kill_leaves_no_empty_intent_where_there_are_no_hard_links(
    how: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = open_store(str(tmp_path / "store"))

    for turn in range(6):
        command = [sys.executable, "-c", CREATE_FOR_EVER, store.url, how, str(turn)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
            assert child.stdout is not None
            made = [int(child.stdout.readline()) for _ in range(3 + 2 * turn)]
            time.sleep(0.02)
            child.kill()

    assert made
    assert {store.read(path) for path in store.list()} == {b"an intent"}
    # What the killed ones may have claimed is free for the next.
    if how == "claims":
        _take_away_what_publishes(monkeypatch.setattr)
    for folder in (tmp_path / "store" / "evidence").iterdir():
        store.create(f"evidence/{folder.name}/intent.json", b"an intent")


def _claim(folder: Path, owner: str, number: int = 1) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    claim = folder / f".intent.json.claim-{number}"
    claim.write_text(owner)
    return claim


def test_claims_of_dead_processes_of_this_machine_are_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _take_away_what_publishes(monkeypatch.setattr)
    store = open_store(str(tmp_path))
    # A number that no process has, and one that another process has by now.
    _claim(tmp_path / "k", json.dumps({**identity(), "pid": 2**22 + 1}))
    _claim(tmp_path / "k", json.dumps({**identity(), "started": "1"}), number=2)

    store.create("k/intent.json", b"mine")

    assert store.read("k/intent.json") == b"mine"
    assert [path.name for path in (tmp_path / "k").iterdir()] == ["intent.json"]


@pytest.mark.parametrize("owner", ["another-machine 7 1.0", "", "half"])
def test_a_claim_that_proves_nothing_publishes_nothing_and_is_named(
    owner: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _take_away_what_publishes(monkeypatch.setattr)
    monkeypatch.setattr("footage.storage.exclusive_create._PATIENCE_S", 0.05)
    claim = _claim(tmp_path / "k", owner)
    store = open_store(str(tmp_path))

    with pytest.raises(StorageProblem, match=r"intent\.json\.claim-1") as caught:
        store.create("k/intent.json", b"mine")

    assert not isinstance(caught.value, AlreadyThere)
    assert store.list() == []
    claim.unlink()
    store.create("k/intent.json", b"mine")


PUBLISH_FOR_EVER = """
import sys
from pathlib import Path
from footage.storage import open_store
store = open_store(sys.argv[1])
for number in range(10_000):
    print(number, flush=True)
    store.create_file(f"videos/{number}.mp4", Path(sys.argv[2]))
"""


def test_a_killed_publisher_never_leaves_half_a_file_under_a_name(tmp_path: Path) -> None:
    whole = tmp_path / "whole"
    whole.write_bytes(os.urandom(1 << 20) * 24)
    store = open_store(str(tmp_path / "store"))

    for pause_ms in range(0, 40, 4):
        child = subprocess.Popen(
            [sys.executable, "-c", PUBLISH_FOR_EVER, store.url, str(whole)], stdout=subprocess.PIPE
        )
        assert child.stdout is not None
        child.stdout.readline()
        time.sleep(pause_ms / 1000)
        child.kill()
        child.communicate()

    sizes = {store.size(path) for path in store.list()}
    assert sizes <= {whole.stat().st_size}
    # The next one is not held up by what the killed ones left.
    store.create_file("videos/after.mp4", whole)
    assert store.sha256("videos/after.mp4")


def test_leftovers_of_killed_publishers_are_swept_when_they_are_old(tmp_path: Path) -> None:
    (tmp_path / "videos").mkdir()
    old, fresh = (tmp_path / "videos" / f".a.mp4.{digit * 16}.part" for digit in "01")
    old.write_bytes(b"half")
    fresh.write_bytes(b"half")
    yesterday = time.time() - 86_400
    os.utime(old, (yesterday, yesterday))

    open_store(str(tmp_path)).create("videos/a.mp4", b"whole")

    assert not old.exists()
    assert fresh.exists()


def test_leftovers_that_cannot_be_removed_fail_no_write(tmp_path: Path) -> None:
    left = tmp_path / "videos" / f".a.mp4.{'0' * 16}.part"
    left.mkdir(parents=True)
    yesterday = time.time() - 86_400
    os.utime(left, (yesterday, yesterday))

    open_store(str(tmp_path)).create("videos/a.mp4", b"whole")

    assert left.exists()


def test_a_folder_is_searched_for_leftovers_once_and_not_at_each_write(tmp_path: Path) -> None:
    store, left = open_store(str(tmp_path)), tmp_path / "videos" / f".gone.mp4.{'0' * 16}.part"
    store.create("videos/a.mp4", b"whole")
    left.write_bytes(b"half")
    yesterday = time.time() - 86_400
    os.utime(left, (yesterday, yesterday))

    # The folders of many clips in between do not make it forget the one that all of them share.
    for number in range(100):
        store.create(f"evidence/{number}/request.json", b"{}")
        store.create(f"videos/{number}.mp4", b"whole")
    assert left.exists()

    open_store(str(tmp_path)).create("videos/b.mp4", b"whole")
    assert not left.exists()


WRITE_TOO_MUCH = """
import resource, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))
from footage.errors import StorageProblem
from footage.storage import open_store
try:
    open_store(sys.argv[1]).create("videos/a.mp4", b"x" * (2 << 20))
except StorageProblem as error:
    print(error)
"""


def test_a_disk_that_takes_no_more_leaves_no_name_and_no_remains(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", WRITE_TOO_MUCH, str(tmp_path)], capture_output=True, text=True, check=True
    )

    assert "Could not create" in done.stdout
    assert "videos/a.mp4: the file is larger than this process may write" in done.stdout
    assert list((tmp_path / "videos").iterdir()) == []
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] == resource.RLIM_INFINITY


def test_a_file_in_the_way_of_the_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "output").write_text("I am a file")

    with pytest.raises(StorageProblem, match="not a folder") as caught:
        open_store(str(tmp_path / "output")).create("videos/a.mp4", b"1")

    assert not isinstance(caught.value, AlreadyThere)


@pytest.mark.skipif(
    not Path("/proc/self").exists(), reason="only Linux has a folder that takes nothing from root"
)
def test_a_folder_that_takes_nothing_is_not_called_missing() -> None:
    with pytest.raises(StorageProblem, match="lets nothing be written there") as refusal:
        open_store("/proc/out").create("a", b"a")

    assert not isinstance(refusal.value, NotThere)


def test_published_files_have_the_mode_of_any_file(tmp_path: Path) -> None:
    ordinary = tmp_path / "ordinary"
    ordinary.touch()

    open_store(str(tmp_path)).create("videos/a.mp4", b"1")

    assert (tmp_path / "videos" / "a.mp4").stat().st_mode == ordinary.stat().st_mode


def test_the_link_to_a_local_file_opens_that_file(tmp_path: Path) -> None:
    store = open_store(str(tmp_path / "mit Umlaut ä"))
    store.create("videos/a.mp4", b"1")

    url = store.url_of("videos/a.mp4")

    assert url.startswith("file:///")
    assert Path(unquote(urlsplit(url).path)).read_bytes() == b"1"


def test_what_is_no_folder_is_not_an_empty_one(tmp_path: Path) -> None:
    store = open_store(str(tmp_path))
    (tmp_path / "evidence").write_text("a file")

    with pytest.raises(StorageProblem):
        store.list("evidence")


def test_a_fifo_in_place_of_a_file_is_told_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "record.json")

    with pytest.raises(StorageProblem, match="not a file"):
        open_store(str(tmp_path)).read("record.json")


def test_nothing_is_written_through_a_link(tmp_path: Path) -> None:
    store = open_store(str(tmp_path / "store"))
    store.create("evidence/run.log", b"")
    elsewhere = tmp_path / "profile"
    elsewhere.write_text("before\n")
    (tmp_path / "store/evidence/run.log").unlink()
    (tmp_path / "store/evidence/run.log").symlink_to(elsewhere)

    with pytest.raises(NotAFile):
        store.append("evidence/run.log", b"a line\n")
    store.replace("evidence/run.log", b"a line\n")

    assert elsewhere.read_text() == "before\n"
    assert store.read("evidence/run.log") == b"a line\n"


@pytest.mark.timeout(10)
def test_an_append_does_not_wait_for_the_reader_of_a_fifo(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "polls.jsonl")

    with pytest.raises(NotAFile):
        open_store(str(tmp_path)).append("polls.jsonl", b"a line\n")


def test_a_link_to_a_folder_is_listed_by_its_name(tmp_path: Path) -> None:
    store = open_store(str(tmp_path / "store"))
    store.create("evidence/a/record.json", b"{}")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere/intent.json").touch()
    (tmp_path / "store/evidence/a/attempt-1").symlink_to(tmp_path / "elsewhere")

    assert store.list("evidence") == ["evidence/a/attempt-1", "evidence/a/record.json"]
    assert store.list("evidence/a/attempt-1") == ["evidence/a/attempt-1/intent.json"]


@pytest.mark.parametrize("place", ["store", "store/evidence", "store/evidence/a"])
def test_what_is_behind_a_link_that_leads_nowhere_is_not_missing(tmp_path: Path, place: str) -> None:
    (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / place).symlink_to(tmp_path / "not mounted")
    store = open_store(str(tmp_path / "store"))

    for ask in (lambda: store.read("evidence/a"), lambda: store.list("evidence/a")):
        with pytest.raises(NotAFile):
            ask()
    if place != "store/evidence/a":
        with pytest.raises(NotAFile):
            store.folders("evidence")


@pytest.mark.parametrize("what", ["a folder", "a fifo", "a link to nothing", "a link to itself"])
def test_a_name_that_something_else_has_is_taken(tmp_path: Path, what: str) -> None:
    place = tmp_path / "intent.json"
    match what:
        case "a folder":
            place.mkdir()
        case "a fifo":
            os.mkfifo(place)
        case _:
            place.symlink_to("nothing" if what == "a link to nothing" else place.name)

    with pytest.raises(AlreadyThere):
        open_store(str(tmp_path)).create("intent.json", b"")
