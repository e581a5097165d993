"""Open clips are marked, harvest goes by the marks, and a mark that is missing hides nothing."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from bench import MODEL, Bench, last_attempt, leave_unknown
from countedstore import CountedStore
from plainsteps import PLAIN_STEPS
from records import bought

from footage.context import Context
from footage.credentials import ApiKey, parse_key
from footage.errors import FootageError, StillRunning, SubmissionUnknown
from footage.evidence.lease import Lease, Worker
from footage.evidence.records import OpenMarker, Outcome
from footage.evidence.state import Permission
from footage.evidence.stored_clips import keys_in
from footage.provider import TaskRow
from footage.provider.results import TaskStatus
from footage.settings import Settings
from footage.steps.adopt import adopt_task
from footage.steps.booking import receipt_of
from footage.steps.harvest import Harvest, harvest_store
from footage.steps.open_clips import look, mark, repair_markers, unmark
from footage.steps.store_status import store_status
from footage.steps.verify import verify_clip
from footage.storage import Store, open_store

NOW = datetime.now(UTC)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """A store of this release, in which nobody bought anything yet."""
    store = open_store(str(tmp_path / "store"))
    mark(store, look(store))
    return store


def context_of(store: Any) -> Context:
    """A worker that cannot reach the provider."""
    settings = Settings(http_base_url="http://127.0.0.1:9/api/v1", lease_s=1.0)
    return Context(settings, store, find_api_key=lambda: parse_key("sk-emulator", "test"))


def row(task_id: str) -> TaskRow:
    return TaskRow(task_id, None, MODEL, TaskStatus.SUCCEEDED, NOW)


def harvest(context: Context, rows: Iterable[TaskRow] = (), **more: Any) -> Harvest:
    """A harvest to which the provider lists `rows`."""

    async def listed(_: Context, _key: ApiKey) -> list[TaskRow]:
        return list(rows)

    return asyncio.run(harvest_store(context, PLAIN_STEPS, list_tasks=listed, **more))


def book(bench: Bench, **request: Any) -> Any:
    """A clip that is bought and left alone."""
    bench.emulator.turn(generation_s=5000.0)
    clip = bench.clip(bench.context(deadline_s=0.05), **request)
    with pytest.raises(StillRunning):
        bench.make(clip)
    return clip


# -- markers ---------------------------------------------------------------------------------------------------


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
    clip = book(bench)

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
    clip = book(bench)
    receipt = last_attempt(clip).receipt
    said = Outcome(key=clip.key, attempt=1, status="failed", decided_at=datetime.now(UTC))
    clip.evidence.write_outcome(said)
    clip.evidence.unmark_open()

    with pytest.raises(StillRunning):
        bench.make(bench.clip(bench.context(deadline_s=0.05), Permission(retry_failed=True)))

    assert last_attempt(clip).receipt == receipt
    assert clip.context.store.exists(f"open/{clip.key}")


# -- harvest goes by them --------------------------------------------------------------------------------------


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

    with context_of(store) as context:
        report = harvest(context)
        night = repair_markers(context, keys_in(store))

    assert not store.exists(f"open/{clip.key}")
    assert any("store.json" in warning for warning in report.warnings)
    assert night.warnings


@pytest.mark.parametrize("old", [False, True])
def test_a_mark_without_an_attempt_is_left_alone_for_a_day(store: Store, old: bool) -> None:
    key = "ab" * 32
    opened_at = datetime.now(UTC) - timedelta(hours=25 if old else 23)
    store.create(f"open/{key}", OpenMarker(key=key, opened_at=opened_at).to_bytes())

    with context_of(store) as context:
        report = harvest(context)

    assert (report.failed, report.waiting, report.warnings) == ({}, {}, [])
    assert store.exists(f"open/{key}") is not old


@pytest.mark.parametrize("status", ["succeeded", "failed", "canceled", "lost"])
def test_harvest_takes_a_mark_away_that_a_crash_left_behind(store: Store, status: str) -> None:
    clip = bought(store, "t1", status, sealed=status == "succeeded")
    clip.mark_open()

    with context_of(store) as context:
        report = harvest(context)

    assert (report.failed, report.delivered, report.warnings) == ({}, [], [])
    assert not store.exists(f"open/{clip.key}")


def test_harvest_leaves_the_mark_to_a_worker_that_still_has_the_clip(store: Store) -> None:
    clip = bought(store, "t1", "succeeded", sealed=True)
    clip.mark_open()
    owner = Worker(store, 60)
    lease = Lease(store, clip.key, owner)
    assert lease.take(lease.look())

    with context_of(store) as context:
        harvest(context)

    owner.stop()
    assert store.exists(f"open/{clip.key}")
    lease.guard()


def test_a_mark_whose_clip_is_unfinished_after_all_stays(store: Store) -> None:
    clip = bought(store, "t1")
    clip.mark_open()

    with context_of(store) as context:
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
    done, open_clip = bench.make(bench.clip(take=1)), book(bench, take=2)
    store = open_clip.context.store
    make_older(store)
    first = bench.context(deadline_s=0.05, wrap=CountedStore)
    waiting = harvest(first)
    marked = store.list("open/")
    bench.emulator.advance(6_000)

    second = bench.context(wrap=CountedStore)
    finished = harvest(second)

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
    with context_of(store) as context:
        assert clip.key in harvest(context).failed


# -- a missing mark hides nothing ------------------------------------------------------------------------------


def test_a_bought_clip_without_a_mark_is_found_by_the_account_s_tasks_and_finished_at_once(
    bench: Bench,
) -> None:
    harvest(bench.context())
    clip = book(bench)
    clip.evidence.unmark_open()
    bench.emulator.advance(6_000)

    without = harvest(bench.context())
    report = asyncio.run(harvest_store(bench.context(), PLAIN_STEPS))

    assert without.delivered == []
    assert report.delivered == [clip.key]
    assert not any(task["task_id"] in line for line in report.strangers for task in bench.tasks())


def test_what_the_account_s_tasks_brought_to_light_is_marked_where_it_cannot_be_finished_yet(
    store: Store,
) -> None:
    clip = bought(store, "t1")

    with context_of(store) as context:
        harvest(context, [row("t1")])

    assert store.exists(f"open/{clip.key}")


def test_a_clip_that_a_person_names_is_finished_without_a_mark(bench: Bench) -> None:
    harvest(bench.context())
    clip = book(bench)
    clip.evidence.unmark_open()
    bench.emulator.advance(6_000)

    report = harvest(bench.context(), keys=(clip.key[:12],))

    assert report.delivered == [clip.key]


def test_a_paid_clip_whose_evidence_is_gone_is_told(store: Store) -> None:
    clip = bought(store, "t1")
    for path in store.list(clip.folder):
        store.delete(path)

    with context_of(store) as context:
        report = harvest(context, [row("t1")])

    assert clip.key in report.warnings[0]
    assert "t1 is SUCCEEDED" in report.warnings[0]
    assert report.strangers == []


def test_a_finished_clip_costs_no_request_in_the_next_harvest(store: Store) -> None:
    clip = bought(store, "t1", "succeeded", sealed=True)

    asked = []
    for _ in range(2):
        counted: Any = CountedStore(store)
        with context_of(counted) as context:
            harvest(context, [row("t1")])
        asked.append([path for _, path in counted.asked])

    assert [path for path in asked[0] if clip.key in path or "t1" in path]
    assert not [path for path in asked[1] if clip.key in path or "t1" in path]
    # Where nothing changed, nothing is written.
    assert asked[1].count("harvest.json") == 1


@pytest.mark.parametrize("memory", [b"", b"[]", b'{"finished": [1]}'])
def test_a_lost_memory_of_finished_tasks_costs_requests_and_nothing_else(store: Store, memory: bytes) -> None:
    bought(store, "t1", "succeeded", sealed=True)
    store.replace("harvest.json", memory)

    with context_of(store) as context:
        report = harvest(context, [row("t1"), row("t2")])

    assert (report.warnings, report.delivered) == ([], [])
    assert report.strangers == [f"t2 {MODEL} SUCCEEDED"]


def test_a_lost_submission_that_harvest_settles_is_no_unclaimed_task(bench: Bench) -> None:
    bench.fault("create-accept-reset")
    clip = bench.clip(bench.context(deadline_s=0.05, reconcile_grace_s=60.0))
    with pytest.raises(SubmissionUnknown):
        bench.make(clip)

    report = asyncio.run(harvest_store(bench.context(), PLAIN_STEPS))

    assert report.delivered == [clip.key]
    assert not any(task["task_id"] in line for line in report.strangers for task in bench.tasks())


def test_a_night_sets_marks_right_and_prunes_the_leases_of_what_is_not_open(store: Store) -> None:
    missing, stale, failed = bought(store, "t1"), bought(store, "t2", "lost"), bought(store, "t3", "failed")
    stale.mark_open()
    for clip in (missing, failed):
        lease = Lease(store, clip.key, Worker(store, 60))
        lease.take(lease.look())
        lease.worker.stop()
        lease.release()
    held = Lease(store, "cd" * 32, Worker(store, 60))
    held.take(held.look())

    with context_of(store) as context:
        repaired = repair_markers(context, keys_in(store))

    assert store.list("open/") == [f"open/{missing.key}"]
    assert (repaired.restored, repaired.removed) == (1, 1)
    assert {path.split("/")[1] for path in store.list("leases/")} == {missing.key, held.key}
    held.guard()
    held.worker.stop()


# -- what it costs ---------------------------------------------------------------------------------------------


def test_a_harvest_and_the_status_after_it_look_once_at_each_open_clip(store: Store) -> None:
    clips = [bought(store, f"t{number}") for number in range(20)]
    for clip in clips:
        clip.mark_open()
    counted: Any = CountedStore(store)

    with context_of(counted) as context:
        report = harvest(context)
        taken_up = min(at for at, (_, path) in enumerate(counted.asked) if path.endswith("/request.json"))
        harvested = len(counted.asked)
        # Bought while it ran.
        new = bought(store, "new")
        new.mark_open()
        status = store_status(context, report.found)

    assert sorted(report.failed) == sorted(clip.key for clip in clips)
    assert {one.key for one in status.waiting} == {clip.key for clip in (*clips, new)}
    assert taken_up <= 3 * len(clips) + 10
    assert len(counted.asked) - harvested <= 3 + 10, counted.asked[harvested:]


def test_a_status_after_a_harvest_has_nothing_that_was_finished_and_what_was_found_out_meanwhile(
    bench: Bench,
) -> None:
    harvest(bench.context())
    done, unknown = book(bench, take=1), bench.clip(take=2)
    leave_unknown(unknown)
    context = bench.context()
    before = look(context.store)
    bench.emulator.advance(6_000)
    bench.make(bench.clip(take=1))
    unknown.evidence.book(receipt_of(last_attempt(unknown).intent, "found", None, context.provider_now()))

    status = store_status(context, before)

    assert {one.key for one in before.unfinished} == {done.key, unknown.key}
    assert [(one.key, one.task_id) for one in status.waiting] == [(unknown.key, "found")]


def test_a_harvest_of_named_clips_looks_at_no_other_and_compares_nothing(store: Store) -> None:
    clips = [bought(store, f"t{number}") for number in range(20)]
    for clip in clips:
        clip.mark_open()
    counted: Any = CountedStore(store)
    named, others = clips[0], [clip.key for clip in clips[1:]]

    async def listed(_: Context, _key: ApiKey) -> list[TaskRow]:
        raise AssertionError("the account's tasks were asked for")

    with context_of(counted) as context:
        report = asyncio.run(harvest_store(context, PLAIN_STEPS, keys=(named.key,), list_tasks=listed))

    assert [*report.failed] == [named.key]
    assert report.warnings == []
    assert not [path for _, path in counted.asked if any(key in path for key in others)]
    assert ("list", "open/") not in counted.asked


def test_a_harvest_of_a_named_clip_forgets_of_no_other_that_it_was_called_expired(store: Store) -> None:
    clips = [bought(store, f"t{number}") for number in range(3)]
    for clip in clips[:2]:
        clip.mark_open()
    told: list[list[str]] = []

    # By their records their time was over on 2026-11-02.
    for keys in ((), (clips[2].key,), ()):
        with context_of(store) as context:
            context.note_clock((datetime(2026, 12, 1, tzinfo=UTC) - datetime.now(UTC)).total_seconds())
            told.append([one.key for one in harvest(context, keys=keys).expired])

    assert [sorted(keys) for keys in told] == [sorted(clip.key for clip in clips[:2]), [clips[2].key], []]


@pytest.mark.slow
def test_harvest_costs_by_what_is_open_and_not_by_what_ever_was(bench: Bench) -> None:
    store: Store = bench.context().store
    rows: list[TaskRow] = []

    looked: list[int] = []
    for _ in range(2):
        for number in range(len(rows), len(rows) + 200):
            bought(store, f"finished-{number}", "succeeded", sealed=True)
            rows.append(row(f"finished-{number}"))
        harvest(bench.context(), rows)
        for take in range(3):
            book(bench, take=len(rows) + take)
        bench.emulator.advance(21 * 3600)
        context = bench.context(wrap=CountedStore)
        counted: Any = context.store
        before_driving: list[int] = []

        report = harvest(context, rows, on_expiring=lambda _: before_driving.append(len(counted.asked)))  # noqa: B023

        assert len(report.delivered) == 3
        looked.append(before_driving[0])

    assert looked[0] == looked[1] <= 3 * 3 + 10
