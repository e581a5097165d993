"""What a harvest asks of the store, and when: by what is open, and for a clip that was finished since only once."""

from __future__ import annotations

import asyncio
import hashlib
import json
from base64 import urlsafe_b64encode
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from bench import MODEL, Bench, leave_unknown
from countedstore import CountedStore
from harvests import asked_by, book, harvest, last_task, listed, row
from meetingstore import MeetingStore
from plainsteps import PLAIN_STEPS
from records import bought

from footage.clip import Clip
from footage.context import Context
from footage.credentials import ApiKey
from footage.errors import InvalidRequest
from footage.evidence.hashed_names import HashedNames
from footage.evidence.state import Step
from footage.provider import TaskRow
from footage.steps.harvest import MOST_STRANGERS, harvest_store
from footage.steps.harvest_memory import remembered
from footage.storage import open_store

# -- what it costs ---------------------------------------------------------------------------------------------


def test_a_finished_clip_costs_two_requests_once_and_then_none_and_a_look_leaves_no_file(
    alone: Bench,
) -> None:
    wanted = alone.clip(take=1000)
    store = wanted.context.store
    finished: list[str] = []
    open_keys: set[str] = set()

    for more in (3, 9):
        for _ in range(more):
            finished.append(wanted.client().create(wanted.wire_body()).task_id)
            bought(store, finished[-1], "succeeded", sealed=True)
        alone.emulator.advance(600)
        if not open_keys:
            open_keys = {book(alone, take=take).key for take in (1, 2)}
            harvest(alone.context(deadline_s=0.05), list_tasks=listed())
            alone.emulator.turn(generation_s=0.0)
        first, second = (
            alone.context(run_id=run, deadline_s=0.05, wrap=CountedStore) for run in ("first", "second")
        )

        reports = [harvest(first), harvest(second)]

        assert [set(report.waiting) for report in reports] == [open_keys, open_keys]
        assert [(report.strangers, report.warnings) for report in reports] == [([], []), ([], [])]
        of_finished = [path for _, path in asked_by(first) if _is_about(path, finished)]
        assert len(of_finished) == 2 * more
        assert not [path for _, path in asked_by(second) if _is_about(path, finished)]
        # Each open clip is looked at, taken up, asked for and given back.
        assert len(asked_by(second)) <= 10 + 23 * len(open_keys), asked_by(second)
    assert store.list("runs/") == []


def test_a_list_of_another_account_leaves_what_is_known_of_the_first(tmp_path: Path, bench: Bench) -> None:
    store = open_store(str(tmp_path / "store"))
    accounts = (["a1", "a2", "a3"], ["b1", "b2"])
    for name in (*accounts[0], *accounts[1]):
        bought(store, name, "succeeded", sealed=True)

    costs: list[list[int]] = []
    for _ in range(2):
        for names in accounts:
            context = bench.context(wrap=lambda _: CountedStore(store))
            assert harvest(context, list_tasks=listed(*names)).strangers == []
            costs.append([sum(_is_about(path, [name]) for _, path in asked_by(context)) for name in names])

    assert costs == [[2, 2, 2], [2, 2], [0, 0, 0], [0, 0]]


def test_what_an_earlier_release_remembered_is_taken_over_and_what_no_list_can_have_is_forgotten(
    tmp_path: Path, bench: Bench
) -> None:
    store = open_store(str(tmp_path / "store"))
    bought(store, "new", "succeeded", sealed=True)
    old, older, last = (
        urlsafe_b64encode(hashlib.sha256(name.encode()).digest()[:8]).decode()
        for name in ("old", "older", "last")
    )
    today = datetime.now(UTC).date()
    days = {str(today - timedelta(days=2)): older, str(today - timedelta(days=1)): last}
    store.replace("harvest.json", json.dumps({"finished": old, "finished_on": days}).encode())

    # None of the two has a record that could be looked at.
    report = harvest(bench.context(wrap=lambda _: store), list_tasks=listed("old", "new", "last"))

    assert (report.strangers, report.warnings) == ([], [])
    over = remembered(store).over()
    assert [name for name in ("old", "new", "last", "older") if name in over] == ["old", "new", "last"]


def _is_about(path: str, task_ids: list[str]) -> bool:
    names = [*task_ids, *(hashlib.sha256(task_id.encode()).hexdigest() for task_id in task_ids)]
    return any(name in path for name in names)


def test_several_finished_clips_are_looked_at_at_once(tmp_path: Path, bench: Bench) -> None:
    store = open_store(str(tmp_path / "store"))
    names = [f"t{number}" for number in range(8)]
    for name in names:
        bought(store, name, "succeeded", sealed=True)

    meeting = MeetingStore(store, "read", "claims/", together=4)
    report = harvest(bench.context(wrap=lambda _: meeting), list_tasks=listed(*names))

    assert (report.warnings, report.strangers, report.delivered) == ([], [], [])
    over = remembered(store).over()
    assert all(name in over for name in names)


@pytest.mark.parametrize("length", [64, 12])
def test_a_key_is_answered_without_a_look_at_all_clips_there_ever_were(bench: Bench, length: int) -> None:
    harvest(bench.context())
    clip = book(bench, 5_000.0)
    clip.evidence.unmark_open()
    bench.emulator.advance(6_000)
    context = bench.context(wrap=CountedStore)

    report = harvest(context, keys=(clip.key[:length],), list_tasks=listed())

    assert report.delivered == [clip.key]
    assert ("list", "evidence/") not in asked_by(context)


@pytest.mark.parametrize("key", ["ab" * 32, "abc123", "../other"])
def test_a_key_of_no_clip_is_refused_without_a_look_at_all_clips(bench: Bench, key: str) -> None:
    harvest(bench.context())
    context = bench.context(wrap=CountedStore)

    with pytest.raises(InvalidRequest, match="No clip in this store"):
        harvest(context, keys=(key,), list_tasks=listed())

    assert ("list", "evidence/") not in asked_by(context)


# -- what waits for a person -----------------------------------------------------------------------------------


def test_a_purchase_that_only_a_person_can_settle_is_told_each_time_and_not_taken_up(bench: Bench) -> None:
    harvest(bench.context())
    clip = bench.clip()
    leave_unknown(clip, written_at=clip.context.provider_now() - timedelta(hours=25))
    before = clip.context.store.list()

    for _ in range(2):
        context = bench.context(run_id="run", wrap=CountedStore)
        report = harvest(context, list_tasks=listed())

        assert "more than a day old" in report.waiting[clip.key]
        assert f"wan-video adopt {clip.key}" in report.waiting[clip.key]
        assert sum(clip.key in path for _, path in asked_by(context)) <= 3
    assert sorted({*clip.context.store.list()} - {*before}) == ["harvest.json"]


def test_an_old_purchase_whose_task_was_found_is_finished_all_the_same(bench: Bench) -> None:
    clip = bench.clip()
    receipt = bench.buy(clip)
    store, folder = clip.context.store, f"{clip.evidence.folder}/attempt-1"
    # As a worker leaves it that found the task and died before it had the receipt.
    store.delete(f"{folder}/receipt.json")
    intent = store.read(f"{folder}/intent.json").decode()
    year = f'"written_at": "{receipt.submitted_at.year}'
    assert year in intent
    store.replace(f"{folder}/intent.json", intent.replace(year, f'"written_at": "{2001}').encode())
    bench.emulator.advance(6_000)

    report = harvest(bench.context(), list_tasks=listed())

    assert report.delivered == [clip.key], report


# -- what is not ours ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "age",
    [pytest.param(timedelta(hours=25), id="left to a person"), pytest.param(timedelta(), id="taken up")],
)
def test_a_task_of_others_costs_one_request_also_where_a_clip_has_no_task(
    bench: Bench, age: timedelta
) -> None:
    clip = bench.clip()
    leave_unknown(clip, written_at=clip.context.provider_now() - age)
    foreign = [f"foreign-{number}" for number in range(MOST_STRANGERS + 100)]
    context = bench.context(wrap=CountedStore, deadline_s=0.05)

    report = harvest(context, list_tasks=listed(*foreign))

    assert sum("foreign-" in path for _, path in asked_by(context)) == len(foreign)
    assert (len(report.strangers), report.stranger_count) == (MOST_STRANGERS, len(foreign))


# -- what comes first ------------------------------------------------------------------------------------------


def test_what_is_marked_is_delivered_while_the_account_is_listed(bench: Bench) -> None:
    clip = book(bench, 5_000.0)
    bench.emulator.advance(6_000)
    delivered = asyncio.Event()

    async def deliver(clip: Clip) -> Any:
        done = await PLAIN_STEPS[Step.DELIVER](clip)
        delivered.set()
        return done

    async def list_slowly(_: Context, _key: ApiKey, _over: HashedNames) -> list[TaskRow]:
        async with asyncio.timeout(20):
            await delivered.wait()
        return [row("of-nobody")]

    steps = {**PLAIN_STEPS, Step.DELIVER: deliver}
    report = asyncio.run(harvest_store(bench.context(), steps, list_tasks=list_slowly))

    assert report.delivered == [clip.key]
    assert report.strangers == [f"of-nobody {MODEL} SUCCEEDED"]


def test_a_list_that_breaks_costs_no_delivery(bench: Bench) -> None:
    clip = book(bench, 5_000.0)
    bench.emulator.advance(6_000)

    async def list_wrongly(_: Context, _key: ApiKey, _over: HashedNames) -> list[TaskRow]:
        raise KeyError("a mistake")

    report = harvest(bench.context(), list_tasks=list_wrongly)

    assert report.delivered == [clip.key]
    assert "could not be compared with the store (KeyError" in report.warnings[0]
    assert "report this with the log" in report.warnings[0]
    assert not report.account_listed


def test_what_only_the_list_knows_is_called_expired_once_as_well(bench: Bench) -> None:
    harvest(bench.context())
    marked, unmarked = book(bench, take=1), book(bench, take=2)
    unmarked.evidence.unmark_open()
    task_id = last_task(unmarked)
    bench.emulator.advance(25 * 3600)
    bench.fault("query-503", times=None)
    told: list[list[str]] = []

    for _ in range(2):
        report = harvest(bench.context(), list_tasks=listed(task_id))
        told.append(sorted(clip.key for clip in report.expired))

    bench.emulator.clear_faults()
    assert told == [sorted([marked.key, unmarked.key]), []]
