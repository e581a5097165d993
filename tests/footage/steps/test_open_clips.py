"""Open clips are marked, and harvest goes by the marks."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from bench import Bench, last_attempt, leave_unknown
from countedstore import CountedStore
from harvests import book, harvest, listed, unreachable
from records import bought

from footage.errors import FootageError, StillRunning, SubmissionUnknown
from footage.evidence.lease import Lease, Worker
from footage.evidence.records import OpenMarker, Outcome
from footage.evidence.state import Permission
from footage.evidence.stored_clips import keys_in
from footage.steps.adopt import adopt_task
from footage.steps.open_clips import look, repair_markers, unmark
from footage.steps.verify import verify_clip
from footage.storage import Store

NOW = datetime.now(UTC)


def test_a_clip_is_marked_before_its_intent_and_until_it_is_sealed_and_then_has_no_lease(
    bench: Bench,
) -> None:
    context = bench.context(wrap=CountedStore)
    clip = bench.clip(context)

    bench.make(clip)

    written: list[tuple[str, str]] = context.store.written()  # type: ignore[attr-defined]
    folder = f"evidence/{clip.key}"
    order = [
        ("create", f"open/{clip.key}"),
        ("create", f"{folder}/attempt-1/intent.json"),
        ("create", f"{folder}/attempt-1/receipt.json"),
        ("create", f"{folder}/result.json"),
        ("delete", f"open/{clip.key}"),
        ("delete", f"leases/{clip.key}/1.json"),
    ]
    assert [one for one in written if one in order] == order
    assert context.store.list("open/") == context.store.list("leases/") == []


def test_a_stored_clip_is_returned_without_a_look_at_marks_and_leases(bench: Bench) -> None:
    bench.make()
    context = bench.context(wrap=CountedStore)

    response = bench.clip(context).response

    assert response is not None
    assert not any(path.startswith(("open", "leases")) for _, path in context.store.asked)  # type: ignore[attr-defined]


@pytest.mark.parametrize("fault", ["create-refused-InvalidParameter", "failed-DataInspectionFailed"])
def test_a_clip_of_which_nothing_is_left_to_finish_loses_its_mark(bench: Bench, fault: str) -> None:
    bench.fault(fault)
    clip = bench.clip()

    with pytest.raises(FootageError, match=fault.rpartition("-")[2]):
        bench.make(clip)

    store = clip.context.store
    assert clip.evidence.state().opened == 1
    assert store.list("open/") == []
    # Who wants it next need not wait.
    assert store.list("leases/") == []


def test_a_clip_that_is_not_finished_keeps_its_mark(bench: Bench) -> None:
    clip = book(bench, generation_s=5000.0)

    assert clip.context.store.list("open/") == [f"open/{clip.key}"]
    assert abs(clip.evidence.open_marker().opened_at - datetime.now(UTC)) < timedelta(minutes=10)


def test_a_lost_answer_expires_by_the_provider_s_clock(bench: Bench) -> None:
    clip = bench.clip()
    leave_unknown(clip, written_at=NOW, clock_offset_s=-3 * 3600.0)

    (found,) = look(clip.context.store).unfinished

    assert found.expires_at == NOW + timedelta(hours=21)


def test_a_purchase_that_comes_in_by_a_person_s_word_is_marked(bench: Bench) -> None:
    bench.fault("create-accept-reset")
    clip = bench.clip(bench.context(deadline_s=0.05, reconcile_grace_s=60.0))
    with pytest.raises(SubmissionUnknown):
        bench.make(clip)
    clip.context.store.delete(f"open/{clip.key}")

    adopt_task(bench.context(), clip.key, bench.tasks()[0]["task_id"])

    assert clip.context.store.exists(f"open/{clip.key}")


def test_a_failed_clip_that_the_provider_still_makes_is_marked_again(bench: Bench) -> None:
    clip = book(bench, generation_s=5000.0)
    receipt = last_attempt(clip).receipt
    said = Outcome(key=clip.key, attempt=1, status="failed", decided_at=datetime.now(UTC))
    clip.evidence.write_outcome(said)
    clip.evidence.unmark_open()

    with pytest.raises(StillRunning):
        bench.make(bench.clip(bench.context(deadline_s=0.05), Permission(retry_failed=True)))

    assert last_attempt(clip).receipt == receipt
    assert clip.context.store.exists(f"open/{clip.key}")


@pytest.mark.parametrize("damage", ["a fifo", "a link to itself", "a link to nothing", "a full folder"])
def test_a_mark_or_note_that_is_no_file_holds_up_nothing(store: Store, tmp_path: Path, damage: str) -> None:
    clip = bought(store, "t1", "failed")
    clip.mark_open()
    for place in (tmp_path / "store/open" / ("00" * 32), tmp_path / "store/store.json"):
        place.unlink(missing_ok=True)
        match damage:
            case "a fifo":
                os.mkfifo(place)
            case "a full folder":
                place.mkdir()
                (place / "file").touch()
            case _:
                place.symlink_to("nothing" if damage == "a link to nothing" else place.name)

    with unreachable(store) as context:
        report = harvest(context, list_tasks=listed())
        night = repair_markers(context, keys_in(store))

    assert not store.exists(f"open/{clip.key}")
    assert any("store.json" in warning for warning in report.warnings)
    assert night.warnings


@pytest.mark.parametrize("old", [False, True])
def test_a_mark_without_an_attempt_is_left_alone_for_a_day(store: Store, old: bool) -> None:
    key = "ab" * 32
    opened_at = datetime.now(UTC) - timedelta(hours=25 if old else 23)
    store.create(f"open/{key}", OpenMarker(key=key, opened_at=opened_at).to_bytes())

    with unreachable(store) as context:
        report = harvest(context, list_tasks=listed())

    assert (report.failed, report.waiting, report.warnings) == ({}, {}, [])
    assert store.exists(f"open/{key}") is not old


@pytest.mark.parametrize("status", ["succeeded", "failed", "canceled", "lost"])
def test_harvest_takes_a_mark_away_that_a_crash_left_behind(store: Store, status: str) -> None:
    clip = bought(store, "t1", status, sealed=status == "succeeded")
    clip.mark_open()

    with unreachable(store) as context:
        report = harvest(context, list_tasks=listed())

    assert (report.failed, report.delivered, report.warnings) == ({}, [], [])
    assert not store.exists(f"open/{clip.key}")


def test_harvest_leaves_the_mark_to_a_worker_that_still_has_the_clip(store: Store) -> None:
    clip = bought(store, "t1", "succeeded", sealed=True)
    clip.mark_open()
    owner = Worker(store, 60)
    lease = Lease(store, clip.key, owner)
    assert lease.take(lease.look())

    with unreachable(store) as context:
        harvest(context, list_tasks=listed())

    owner.stop()
    assert store.exists(f"open/{clip.key}")
    lease.guard()


def test_a_mark_whose_clip_is_unfinished_after_all_stays(store: Store) -> None:
    clip = bought(store, "t1")
    clip.mark_open()

    with unreachable(store) as context:
        done = unmark(context, clip.key)

    assert done == "unfinished"
    assert store.exists(f"open/{clip.key}")
    assert Lease(store, clip.key, Worker(store, 60)).look().vacant


def make_older(store: Store) -> None:
    """As the last release left it: no marks, no note, and leases beside the evidence."""
    for path in [*store.list("open/"), *store.list("leases/"), "store.json", "harvest.json"]:
        store.delete(path)
    for key in keys_in(store):
        store.create(f"evidence/{key}/lease-1.json", b'{"owner": "old", "number": 1, "taken": "0"}')
        store.create(f"evidence/{key}/lease-1.released", b"old")


def test_a_store_of_an_earlier_release_is_walked_once(bench: Bench) -> None:
    done, open_clip = bench.make(bench.clip(take=1)), book(bench, generation_s=5000.0, take=2)
    store = open_clip.context.store
    make_older(store)
    first = bench.context(deadline_s=0.05, wrap=CountedStore)
    waiting = harvest(first, list_tasks=listed())
    marked = store.list("open/")
    bench.emulator.advance(6_000)

    second = bench.context(wrap=CountedStore)
    finished = harvest(second, list_tasks=listed())

    assert list(waiting.waiting) == finished.delivered == [open_clip.key]
    assert marked == [f"open/{open_clip.key}"]
    assert ("list", "evidence/") in first.store.asked  # type: ignore[attr-defined]
    assert ("list", "evidence/") not in second.store.asked  # type: ignore[attr-defined]
    assert [verify_clip(store, key).problems for key in (done.key, open_clip.key)] == [[], []]
    assert len(bench.tasks()) == 2


def test_a_note_that_cannot_be_read_costs_a_walk_and_hides_nothing(store: Store) -> None:
    clip = bought(store, "t1")
    store.replace("store.json", b"[]")

    found = look(store)

    assert [one.key for one in found.unfinished] == [clip.key]
    assert "store.json" in found.warnings[0]


def test_marks_that_cannot_be_listed_cost_a_walk_and_hide_nothing(store: Store, tmp_path: Path) -> None:
    clip = bought(store, "t1")
    (tmp_path / "store/open").rmdir()
    (tmp_path / "store/open").touch()

    found = look(store)

    assert [one.key for one in found.unfinished] == [clip.key]
    assert "store/open" in found.warnings[0]
    with unreachable(store) as context:
        assert clip.key in harvest(context, list_tasks=listed()).failed
