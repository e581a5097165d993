"""A clip that ended while nobody waited for it is finished by a harvest of its own, and no other clip is."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from emulatedrun import environment, fast_emulator
from waiting import until

from flows.cli import run
from footage.evidence.clip_evidence import ClipEvidence
from footage.evidence.lease import NOBODY, Lease, Worker
from footage.push.receiver import Busy
from footage.push.wake_ups import has_note, take_note, wake
from footage.settings import load_settings
from footage.storage import Store, open_store
from tasks.finisher import MOST_WAITING, Finisher

pytestmark = pytest.mark.filterwarnings("default::DeprecationWarning", "ignore:unclosed:ResourceWarning")


@pytest.mark.slow
@pytest.mark.parametrize("left", [False, True], ids=["of this receiver", "left by one that was killed"])
def test_what_nobody_takes_is_harvested_and_what_somebody_took_is_not(
    left: bool, prefect_server: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with fast_emulator(generation_s=2000.0) as emulator:
        for name, value in environment(emulator, tmp_path).items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("WAN_VIDEO_DEADLINE_S", "0.1")
        wanted = ["--prompt", "a boat", "--model", "wan2.2-t2v-plus", "--size", "832*480"]
        assert run(["generate", *wanted]) == 5
        monkeypatch.setenv("WAN_VIDEO_DEADLINE_S", "60")
        store = open_store(load_settings().store_url)
        (key,) = (path.partition("/")[2] for path in store.list("open"))
        if left:
            wake(store, key)

        finisher = Finisher(Worker(store, 60.0), [], grace_s=0.1)
        # Nobody left a note for it, or somebody took it away.
        finisher.add("f" * 64)
        if not left:
            wake(store, key)
            finisher.add(key)
        until(lambda: store.exists(f"evidence/{key}/result.json"), "the clip is finished", 60)
        finisher.stop()

    assert store.list("wakeups") == []
    assert [path for path in store.list("videos") if path.endswith(".mp4")] == [f"videos/{key}.mp4"]


KEY, OTHER = "a" * 64, "b" * 64


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    # For a process that must not be started.
    monkeypatch.setenv("OUTPUT_DIR", str(tmp_path))
    return open_store(load_settings().store_url)


@pytest.fixture
def finisher(store: Store) -> Iterator[Finisher]:
    made = Finisher(Worker(store, 60.0), [], grace_s=0.05)
    yield made
    made.stop()


def _ended(store: Store, finisher: Finisher, key: str) -> None:
    wake(store, key)
    finisher.add(key)


def test_no_process_is_started_for_a_clip_that_polling_finished(
    store: Store, finisher: Finisher, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)

    _ended(store, finisher, KEY)
    until(lambda: not has_note(store, KEY), "its note is gone", 20)
    finisher.stop()

    assert "a harvest finishes" not in caplog.text


class DeliveredMeanwhile:
    """A store in which a run unmarks a clip and gives its lease back while that lease is about to be looked for."""

    def __init__(self, store: Store, lease: Lease) -> None:
        self._store = store
        self._lease = lease

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def list(self, under: str = "") -> list[str]:
        if under == f"leases/{KEY}":
            ClipEvidence(self._store, KEY).unmark_open()
            self._lease.discard()
        return self._store.list(under)


def test_no_process_is_started_for_a_clip_whose_run_delivers_it_at_that_moment(
    store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    run_of = Worker(store, 60.0)
    ClipEvidence(store, KEY).mark_open()
    lease = Lease(store, KEY, run_of)
    assert lease.take(NOBODY)
    watched: Any = DeliveredMeanwhile(store, lease)
    finisher = Finisher(Worker(watched, 60.0), [], grace_s=0.05)

    _ended(store, finisher, KEY)
    until(lambda: not has_note(store, KEY), "its note is gone", 20)
    finisher.stop()
    run_of.stop()

    assert "a harvest finishes" not in caplog.text


def test_a_clip_that_a_living_run_delivers_is_left_to_it(
    store: Store, finisher: Finisher, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    run_of = Worker(store, 60.0)
    ClipEvidence(store, KEY).mark_open()
    assert Lease(store, KEY, run_of).take(NOBODY)

    _ended(store, finisher, KEY)
    # Both were looked at: one after the other.
    _ended(store, finisher, OTHER)
    until(lambda: not has_note(store, OTHER), "the clips were looked at", 20)
    assert has_note(store, KEY)
    ClipEvidence(store, KEY).unmark_open()
    until(lambda: not has_note(store, KEY), "its note is gone", 20)
    finisher.stop()
    run_of.stop()

    assert "a harvest finishes" not in caplog.text


def test_a_clip_whose_run_dies_after_it_took_the_note_is_harvested(
    store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    run_of = Worker(store, 60.0)
    ClipEvidence(store, KEY).mark_open()
    assert Lease(store, KEY, run_of).take(NOBODY)
    finisher = Finisher(Worker(store, 60.0), ["--no-such-option"], grace_s=0.05, again_after_s=())

    _ended(store, finisher, KEY)
    assert take_note(store, KEY)
    # Both were looked at: one after the other.
    _ended(store, finisher, OTHER)
    until(lambda: not has_note(store, OTHER), "the clips were looked at", 20)
    assert "a harvest finishes" not in caplog.text
    # As if its process were over: nobody beats for that lease any more.
    run_of.stop()
    until(lambda: f"Clip {KEY[:12]} is left" in caplog.text, "a harvest was tried", 120)
    finisher.stop()

    assert caplog.text.count("a harvest finishes") == 1


class Looks:
    """A store that notes when it is asked whether a clip is open."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.at_s: list[float] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def exists(self, path: str) -> bool:
        if path == f"open/{KEY}":
            self.at_s.append(time.monotonic())
        return self._store.exists(path)


def test_a_clip_that_a_living_run_drives_is_looked_at_less_and_less_often(store: Store) -> None:
    looks: Any = Looks(store)
    run_of = Worker(store, 60.0)
    ClipEvidence(store, KEY).mark_open()
    assert Lease(store, KEY, run_of).take(NOBODY)
    finisher = Finisher(Worker(looks, 60.0), [], grace_s=0.05)

    finisher.add(KEY)
    until(lambda: len(looks.at_s) >= 5, "it is looked at some times", 20)
    finisher.stop()
    run_of.stop()

    pauses_s = [later - earlier for earlier, later in pairwise(looks.at_s[:5])]
    assert all(pause_s >= least_s for pause_s, least_s in zip(pauses_s, (0.05, 0.1, 0.2, 0.4), strict=True))


@pytest.fixture
def hanging(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Every process that has to do with the first clip hangs while this file is there."""
    file = tmp_path / "hanging"
    file.touch()
    code = f"import os, sys, time\nwhile {KEY!r} in sys.orig_argv and os.path.exists({str(file)!r}): time.sleep(0.05)\n"
    (tmp_path / "sitecustomize.py").write_text(code)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    yield file
    file.unlink(missing_ok=True)


def test_a_harvest_that_hangs_holds_up_no_other_clip(
    store: Store, hanging: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    open_ones = (KEY, "d" * 64)
    for key in open_ones:
        ClipEvidence(store, key).mark_open()
    finisher = Finisher(Worker(store, 60.0), ["--no-such-option"], grace_s=0.05)

    for key in open_ones:
        _ended(store, finisher, key)
        until(lambda: f"waits for {key[:12]}" in caplog.text, "its harvest begins", 20)  # noqa: B023 - called at once
    _ended(store, finisher, OTHER)
    until(lambda: not has_note(store, OTHER), "a clip that is finished is skipped", 20)
    until(lambda: f"The harvest of {'d' * 12} ended with 2" in caplog.text, "another harvest ends", 120)
    assert f"The harvest of {KEY[:12]}" not in caplog.text
    hanging.unlink()
    finisher.stop()

    assert f"The harvest of {KEY[:12]} ended with 2" in caplog.text


def test_a_harvest_that_takes_too_long_is_killed_and_tried_again(
    store: Store, hanging: Path, caplog: pytest.LogCaptureFixture
) -> None:
    ClipEvidence(store, KEY).mark_open()
    finisher = Finisher(Worker(store, 60.0), [], grace_s=0.05, again_after_s=(0.05,), limit_s=1.0)

    _ended(store, finisher, KEY)
    until(lambda: not has_note(store, KEY), "it is given up", 60)
    finisher.stop()

    assert caplog.text.count("took longer than 1 s, and was killed") == 2
    assert caplog.text.count("left to the harvest by schedule") == 1


def test_what_another_receiver_left_is_found_although_no_event_comes_here(store: Store) -> None:
    finisher = Finisher(Worker(store, 60.0), [], grace_s=0.05, look_every_s=0.1)
    # Its first look is over.
    _ended(store, finisher, OTHER)
    until(lambda: not has_note(store, OTHER), "its note is gone", 20)

    wake(store, KEY)
    until(lambda: not has_note(store, KEY), "its note is gone, too", 20)
    finisher.stop()


def test_a_clip_whose_harvest_fails_keeps_its_note_and_is_tried_again_some_times(
    store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    # There is nothing to finish it from.
    ClipEvidence(store, KEY).mark_open()
    finisher = Finisher(Worker(store, 60.0), ["--no-such-option"], grace_s=0.05, again_after_s=(3600.0,))

    _ended(store, finisher, KEY)
    until(lambda: "ended with 2" in caplog.text, "a harvest was tried", 120)
    finisher.stop()
    assert has_note(store, KEY)

    again = Finisher(Worker(store, 60.0), ["--no-such-option"], grace_s=0.05, again_after_s=(0.05,))
    until(lambda: not has_note(store, KEY), "it is given up", 240)
    again.stop()

    # Once by the first one, twice by the second, which then left it.
    assert caplog.text.count("ended with 2") == 3
    assert caplog.text.count("--no-such-option") == 3
    assert caplog.text.count("left to the harvest by schedule") == 1


def test_no_more_than_so_many_clips_wait_and_one_of_them_may_come_again(store: Store) -> None:
    finisher = Finisher(Worker(store, 60.0), [], grace_s=3600.0)
    for number in range(MOST_WAITING):
        finisher.add(f"{number:064x}")

    finisher.add(f"{0:064x}")
    with pytest.raises(Busy):
        finisher.add(KEY)
    finisher.stop()
