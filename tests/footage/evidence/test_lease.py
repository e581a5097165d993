from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from records import INTENT
from waiting import until

from footage.concurrency.boot_clock import boot_clock_s
from footage.errors import BadRecord, StorageProblem, TakenOver
from footage.evidence.lease import DeadWatch, Holding, Lease, Worker, prune_leases
from footage.evidence.records import Intent
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


@pytest.mark.parametrize("number", [100_000, 999_999_998])
def test_a_lease_of_any_number_is_followed_by_one_that_counts(
    store: Store, workers: Workers, number: int
) -> None:
    record = json.dumps({"owner": "gone", "number": number}).encode()
    store.create(f"leases/{KEY}/{number}.json", record)
    lease = workers.lease()

    assert lease.take(lease.look())

    assert lease.guard()
    assert Intent.model_validate({**INTENT.model_dump(), "lease": lease.number}).lease == number + 1


def test_a_lease_that_leaves_no_number_is_told(store: Store, workers: Workers) -> None:
    store.create(f"leases/{KEY}/999999999999999999.json", b'{"owner": "gone", "number": 999999999999999999}')
    lease = workers.lease()

    with pytest.raises(BadRecord, match=r"999999999999999999\.json does not fit"):
        lease.take(lease.look())


def far_away(store: Store, beat: int, lease_s: float = 60.0) -> None:
    """A worker of another machine, which can be judged by its beat alone."""
    record = {"id": "far", "beat": beat, "lease_s": lease_s, "machine": "elsewhere", "pid": 1, "started": "1"}
    store.replace("workers/far.json", json.dumps(record).encode())
    if not store.exists(f"leases/{KEY}/1.json"):
        store.create(f"leases/{KEY}/1.json", b'{"owner": "far", "number": 1}')


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


def lose_leases(store: Store) -> None:
    for path in store.list("leases/"):
        store.delete(path)


def test_an_owner_whose_lease_was_deleted_may_not_send(store: Store, workers: Workers) -> None:
    ours = workers.lease()
    ours.take(ours.look())
    lose_leases(store)

    with pytest.raises(TakenOver, match="its lease is gone"):
        ours.guard()


def test_of_two_owners_of_one_number_only_the_later_may_send(store: Store, workers: Workers) -> None:
    ours, theirs = workers.lease(), workers.lease()
    ours.take(ours.look())
    lose_leases(store)
    theirs.take(theirs.look())

    with pytest.raises(TakenOver, match=theirs.worker.id):
        ours.guard()
    assert ours.number == theirs.number == 1
    theirs.guard()


def test_giving_back_a_lease_that_was_deleted_frees_nobody_else_s(store: Store, workers: Workers) -> None:
    ours, theirs, third = workers.lease(), workers.lease(), workers.lease()
    ours.take(ours.look())
    lose_leases(store)
    theirs.take(theirs.look())

    ours.release()

    assert not third.look().vacant
    theirs.guard()


class _Failing:
    """A store that fails once at a lease, after it did what it was asked for or before."""

    def __init__(self, store: Store, method: str, ending: str, *, done: bool) -> None:
        self._store, self._failing, self._done = store, (method, ending), done

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._store, name)

        def call(path: str, *more: Any, **named: Any) -> Any:
            fails = (name, path.rpartition(".")[2]) == self._failing and path.startswith("leases/")
            told = found(path, *more, **named) if self._done or not fails else None
            if fails:
                self._failing = ("", "")
                raise StorageProblem("no answer")
            return told

        return call if name in ("create", "delete") else found


@pytest.mark.parametrize(
    ("method", "ending", "done"),
    [
        pytest.param("create", "json", True, id="taken, and nobody was told"),
        pytest.param("create", "released", False, id="not given back"),
        pytest.param("delete", "json", False, id="not taken away"),
    ],
)
def test_a_lease_that_nobody_holds_becomes_free_though_its_worker_lives(
    store: Store, workers: Workers, method: str, ending: str, done: bool
) -> None:
    lease = workers.lease(0.3, _Failing(store, method, ending, done=done))
    other = workers.lease()
    if done:
        with pytest.raises(StorageProblem):
            lease.take(lease.look())
    else:
        assert lease.take(lease.look())
        (lease.release if ending == "released" else lease.discard)()
    assert not other.look().vacant

    until(lambda: other.look().vacant, "the lease is free")

    assert other.take(other.look())


def test_a_lease_that_was_not_taken_takes_none_from_who_has_its_number(
    store: Store, workers: Workers
) -> None:
    lease = workers.lease(0.3, _Failing(store, "create", "json", done=False))
    other, third = workers.lease(), workers.lease()
    with pytest.raises(StorageProblem):
        lease.take(lease.look())
    assert other.take(other.look())

    # What is left of the first one is given back after a beat, and before the next.
    for _ in range(2):
        seen = store.read(lease.worker.path)
        until(lambda seen=seen: store.read(lease.worker.path) != seen, "a beat")

    assert not third.look().vacant
    other.release()
    assert third.look().vacant


def test_a_clip_that_is_over_keeps_no_lease_of_anybody(store: Store, workers: Workers) -> None:
    first, second = workers.lease(), workers.lease()
    first.take(first.look())
    first.release()
    second.take(second.look())

    second.discard()

    assert store.list("leases/") == []


def test_only_leases_that_nobody_holds_are_pruned_and_none_of_an_open_clip(
    store: Store, workers: Workers
) -> None:
    leases = {name: workers.lease() for name in ("free", "dead", "held", "open")}
    for letter, lease in zip("abcd", leases.values(), strict=True):
        lease.key, lease.folder = letter * 64, f"leases/{letter * 64}"
        lease.take(lease.look())
    leases["free"].release()
    leases["open"].release()
    leases["dead"].worker.stop()

    pruned = prune_leases(store, leases["held"].worker, keep={leases["open"].key})

    assert pruned == 2
    assert {path.split("/")[1][0] for path in store.list("leases/")} == {"c", "d"}
    leases["held"].guard()


def intent_of(owner: str, lease: int) -> Intent:
    return INTENT.model_copy(update={"owner": owner, "lease": lease})


def test_the_writer_of_an_intent_is_silent_once_its_lease_was_taken_over(workers: Workers) -> None:
    ours, theirs = workers.lease(), workers.lease()
    theirs.take(theirs.look())
    theirs.release()
    ours.take(ours.look())

    assert ours.silent_from_s(intent_of(theirs.worker.id, 1)) <= boot_clock_s()


def test_the_writer_of_an_intent_is_silent_once_its_process_is_over(workers: Workers) -> None:
    ours, theirs = workers.lease(), workers.lease()
    theirs.take(theirs.look())
    lose_leases(ours.store)
    ours.take(ours.look())
    alive_s = ours.silent_from_s(intent_of(theirs.worker.id, 1))
    theirs.worker.stop()

    assert alive_s > boot_clock_s() + 30
    assert ours.silent_from_s(intent_of(theirs.worker.id, 1)) <= boot_clock_s()


@pytest.mark.parametrize("owner", ["", "a/../b", "müller"])
def test_an_unnamed_writer_of_an_intent_is_waited_for(workers: Workers, owner: str) -> None:
    ours = workers.lease(lease_s=60)
    ours.take(ours.look())

    assert ours.silent_from_s(intent_of(owner, 7)) > boot_clock_s() + 30


def test_the_longer_lease_of_a_living_writer_is_waited_for(workers: Workers) -> None:
    ours, theirs = workers.lease(lease_s=1), workers.lease(lease_s=60)
    theirs.take(theirs.look())
    lose_leases(ours.store)
    ours.take(ours.look())

    assert ours.silent_from_s(intent_of(theirs.worker.id, 1)) > boot_clock_s() + 30


def test_giving_back_never_hides_what_happened_before(workers: Workers, tmp_path: Path) -> None:
    lease = workers.lease()
    lease.take(lease.look())
    folder = tmp_path / "leases" / KEY
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
