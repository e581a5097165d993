from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from footage.errors import StorageProblem, TakenOver
from footage.evidence.lease import DeadWatch, Holding, Lease, Worker
from footage.storage import Store, open_store

KEY = "k" * 64


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return open_store(str(tmp_path))


class Workers:
    def __init__(self, store: Store) -> None:
        self.store = store
        self.all: list[Worker] = []

    def lease(self, lease_s: float = 60.0, store: Any = None) -> Lease:
        """A lease of a new worker."""
        worker = Worker(store or self.store, lease_s)
        self.all.append(worker)
        return Lease(store or self.store, KEY, worker)


@pytest.fixture
def workers(store: Store) -> Iterator[Workers]:
    made = Workers(store)
    yield made
    for worker in made.all:
        worker.stop()


def far_away(store: Store, beat: int, lease_s: float = 60.0) -> None:
    """A worker of another machine, which can be judged by its beat alone."""
    record = {"id": "far", "beat": beat, "lease_s": lease_s, "machine": "elsewhere", "pid": 1, "started": "1"}
    store.replace("workers/far.json", json.dumps(record).encode())
    if not store.exists(f"evidence/{KEY}/lease-1.json"):
        store.create(f"evidence/{KEY}/lease-1.json", b'{"owner": "far", "number": 1}')


def test_of_two_workers_one_takes_the_clip(workers: Workers) -> None:
    ours, theirs = workers.lease(), workers.lease()
    nobody = ours.look()

    assert ours.take(nobody)
    assert not theirs.take(nobody)
    assert theirs.look().owner == ours.worker.id
    assert not theirs.look().vacant


def test_of_two_clips_of_one_worker_one_takes_the_clip(workers: Workers) -> None:
    one = workers.lease()
    other = Lease(one.store, KEY, one.worker)
    nobody = one.look()

    assert [one.take(nobody), other.take(nobody)] == [True, False]


def test_what_is_given_back_is_free_at_once(workers: Workers) -> None:
    ours, theirs = workers.lease(), workers.lease()
    ours.take(ours.look())

    ours.release()

    assert theirs.look().vacant
    assert theirs.take(theirs.look())


def test_an_owner_that_was_taken_over_may_not_send(workers: Workers) -> None:
    ours, theirs = workers.lease(), workers.lease()
    ours.take(ours.look())
    ours.guard()

    theirs.take(ours.look())

    with pytest.raises(TakenOver):
        ours.guard()
    theirs.guard()


def test_a_worker_that_ended_in_order_leaves_its_clips_free(workers: Workers) -> None:
    ours, theirs = workers.lease(), workers.lease()
    ours.take(ours.look())

    ours.worker.stop()

    assert theirs.look().vacant


def test_a_killed_process_of_this_machine_is_dead_at_once(store: Store, workers: Workers) -> None:
    code = (
        "import sys, time; from footage.storage import open_store; from footage.evidence.lease import *\n"
        "store = open_store(sys.argv[1]); lease = Lease(store, sys.argv[2], Worker(store, 60))\n"
        "print(lease.take(lease.look()), flush=True); time.sleep(60)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, store.url, KEY], stdout=subprocess.PIPE, text=True
    ) as owner:
        assert owner.stdout is not None
        assert owner.stdout.readline() == "True\n"
        alive = workers.lease().look()
        owner.kill()
    dead = workers.lease().look()

    assert (alive.vacant, dead.vacant) == (False, True)
    assert dead.host_says_dead


def test_a_worker_elsewhere_is_dead_when_its_beat_stands_still_for_the_lease(
    store: Store, workers: Workers
) -> None:
    lease, watch = workers.lease(), DeadWatch(60)
    far_away(store, beat=1)
    assert not watch.vacant(lease.look(), 1000)
    assert not watch.vacant(lease.look(), 1059)
    far_away(store, beat=2)

    assert not watch.vacant(lease.look(), 1061)
    assert not watch.vacant(lease.look(), 1120)
    assert watch.vacant(lease.look(), 1122)


def test_the_owner_s_own_longer_lease_counts(store: Store, workers: Workers) -> None:
    lease, watch = workers.lease(), DeadWatch(2)
    far_away(store, beat=1, lease_s=60)
    watch.vacant(lease.look(), 0)

    assert not watch.vacant(lease.look(), 59)
    assert watch.vacant(lease.look(), 61)


def test_a_take_over_starts_a_new_watch() -> None:
    watch = DeadWatch(60)
    watch.vacant(Holding(1, "a", released=False, beat=7, host_says_dead=False), 0)

    # Another owner, by chance at the same beat.
    assert not watch.vacant(Holding(2, "b", released=False, beat=7, host_says_dead=False), 61)


class SlowLists:
    """A store whose listings take their time."""

    def __init__(self, store: Store, seconds: float) -> None:
        self._store = store
        self._seconds = seconds

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def list(self, prefix: str = "") -> list[str]:
        found = self._store.list(prefix)
        time.sleep(self._seconds)
        return found


def test_a_look_that_took_too_long_gives_no_right_to_send_though_the_beat_goes_on(
    store: Store, workers: Workers
) -> None:
    # The worker beats every 0.2 s all the while; what it saw in the list is 0.5 s old.
    lease = workers.lease(lease_s=0.6, store=SlowLists(store, 0.5))
    lease.take(lease.look())

    with pytest.raises(StorageProblem, match="too slow"):
        lease.guard()


def test_the_right_to_send_ends_before_others_may_take_over(workers: Workers) -> None:
    lease = workers.lease(lease_s=60)
    lease.take(lease.look())

    until_s = lease.guard()

    assert until_s - lease.worker.last_beat_s == 30


def test_giving_back_never_hides_what_happened_before(workers: Workers, tmp_path: Path) -> None:
    lease = workers.lease()
    lease.take(lease.look())
    folder = tmp_path / "evidence" / KEY
    folder.rename(tmp_path / "moved")
    folder.write_text("a file where the folder should be")

    lease.release()

    folder.unlink()


@pytest.mark.parametrize("name", ["müller-büro", "工作站", "a b/../c", "\udcff", ""])
def test_any_host_name_makes_a_worker_that_beats(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("socket.gethostname", lambda: name)
    store = open_store(str(tmp_path))

    worker = Worker(store, lease_s=1.0)
    worker.beat()

    assert store.exists(worker.path)
