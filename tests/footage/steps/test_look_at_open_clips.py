"""A harvest looks once at each open clip, and at nothing that is finished."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest
from bench import Bench, last_attempt, leave_unknown
from countedstore import CountedStore
from harvests import book, harvest, listed, unreachable
from plainsteps import PLAIN_STEPS
from records import bought

from footage.context import Context
from footage.credentials import ApiKey
from footage.evidence.hashed_names import HashedNames
from footage.provider import TaskRow
from footage.steps.booking import receipt_of
from footage.steps.harvest import harvest_store
from footage.steps.open_clips import look
from footage.steps.store_status import store_status
from footage.storage import Store


def test_a_harvest_and_the_status_after_it_look_once_at_each_open_clip(store: Store) -> None:
    clips = [bought(store, f"t{number}") for number in range(20)]
    for clip in clips:
        clip.mark_open()
    counted: Any = CountedStore(store)

    with unreachable(counted) as context:
        report = harvest(context, list_tasks=listed())
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
    harvest(bench.context(), list_tasks=listed())
    done, unknown = book(bench, generation_s=5000.0, take=1), bench.clip(take=2)
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

    async def refuse(_: Context, _key: ApiKey, _over: HashedNames) -> list[TaskRow]:
        raise AssertionError("the account's tasks were asked for")

    with unreachable(counted) as context:
        report = asyncio.run(harvest_store(context, PLAIN_STEPS, keys=(named.key,), list_tasks=refuse))

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
        with unreachable(store) as context:
            context.note_clock((datetime(2026, 12, 1, tzinfo=UTC) - datetime.now(UTC)).total_seconds())
            told.append([one.key for one in harvest(context, keys=keys, list_tasks=listed()).expired])

    assert [sorted(keys) for keys in told] == [sorted(clip.key for clip in clips[:2]), [clips[2].key], []]


@pytest.mark.slow
def test_harvest_costs_by_what_is_open_and_not_by_what_ever_was(bench: Bench) -> None:
    store: Store = bench.context().store
    finished: list[str] = []

    def looks() -> int:
        """How often a harvest looks before it drives the three clips that are open; 200 more are finished by then."""
        for number in range(len(finished), len(finished) + 200):
            bought(store, f"finished-{number}", "succeeded", sealed=True)
            finished.append(f"finished-{number}")
        harvest(bench.context(), list_tasks=listed(*finished))
        for take in range(3):
            book(bench, generation_s=5000.0, take=len(finished) + take)
        bench.emulator.advance(21 * 3600)
        context = bench.context(wrap=CountedStore)
        counted: Any = context.store
        before_driving: list[int] = []

        report = harvest(
            context,
            list_tasks=listed(*finished),
            on_expiring=lambda _: before_driving.append(len(counted.asked)),
        )

        assert len(report.delivered) == 3
        return before_driving[0]

    assert looks() == looks() <= 3 * 3 + 10
