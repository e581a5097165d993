"""What it costs to settle creates whose answers were lost: pages of the list, questions about tasks, store requests."""

from __future__ import annotations

import asyncio
import gc
import threading
import tracemalloc
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from bench import Bench, last_attempt, leave_claimed, leave_unknown
from countedstore import CountedStore
from purchases import submit_and_leave
from records import bought

from footage.concurrency.executors import in_thread
from footage.errors import Unreachable
from footage.pacing.account_lists import PAGE_SIZE, AccountLists
from footage.provider import TaskRow
from footage.steps.booking import close_unbought
from footage.steps.open_clips import look, mark
from footage.steps.rivals import Rivals
from footage.storage import Store


class _PagesRead(AccountLists):
    """Lists that remember how many pages each look read, and whether it was a glance."""

    def __init__(self, bench: Bench) -> None:
        super().__init__()
        self._bench = bench
        self.looks: list[tuple[bool, int]] = []

    def tasks(self, *asked: Any, glance: bool = False, **named: Any) -> list[TaskRow]:
        before = self._bench.emulator.ledger()["lists"]
        rows = super().tasks(*asked, glance=glance, **named)
        self.looks.append((glance, self._bench.emulator.ledger()["lists"] - before))
        return rows


def test_where_the_provider_is_hours_ahead_only_the_verdict_reads_the_list_that_far_back(
    bench: Bench,
) -> None:
    pages = 3
    older = bench.clip()
    bench.fault("failed-DataInspectionFailed", times=(pages - 1) * PAGE_SIZE + 1)
    for _ in range((pages - 1) * PAGE_SIZE + 1):
        older.client().create(older.wire_body())
    # By our own clock any of them may have been made after the intent.
    bench.emulator.advance(3 * 3600)
    context = bench.context(reconcile_grace_s=3.0)
    context.account_lists = lists = _PagesRead(bench)
    clip = bench.clip(context)
    leave_unknown(clip, written_at=datetime.now(UTC), clock_offset_s=context.clock_offset_s)

    bench.buy(clip)

    # The first one of all learns in which order the list comes.
    _, *glances = [read for glance, read in lists.looks if glance]
    assert glances
    assert set(glances) == {1}
    assert next(read for glance, read in lists.looks if not glance) >= pages


def test_tasks_of_others_are_asked_for_once_they_ended_and_once_for_all_clips_that_look_among_them(
    bench: Bench,
) -> None:
    # Away from what other tests bought.
    bench.emulator.advance(600)
    context = bench.context(reconcile_grace_s=0.5, deadline_s=60.0)
    clips = [bench.clip(context, take=take) for take in range(1, 4)]
    for clip in clips:
        leave_unknown(clip)
    # They are made for some seconds, in which all clips look again and again.
    bench.emulator.turn(generation_s=1600.0)
    others = bench.clip(context, prompt=f"something else than {bench.prompt}")
    for _ in range(20):
        others.client().create(others.wire_body())
    before = bench.emulator.ledger()

    async def settle_all() -> None:
        await asyncio.gather(*(submit_and_leave(clip) for clip in clips))

    asyncio.run(settle_all())

    after = bench.emulator.ledger()
    assert after["lists"] - before["lists"] > 5, "they looked more than once"
    assert after["queries"] - before["queries"] == 20
    assert len(bench.tasks()) == 3


def test_rivals_cost_one_look_at_each_open_clip_for_all_lost_creates_together(bench: Bench) -> None:
    context = bench.context(wrap=CountedStore)
    store: Any = context.store
    booked = [bought(store, f"task-{number}") for number in range(50)]
    mark(store, look(store))
    takes = [bench.clip(context, take=take) for take in (1, 2)]
    other = bench.clip(context, prompt=f"something else than {bench.prompt}")
    for clip in (*takes, other):
        leave_unknown(clip)
    store.asked.clear()
    searches = [Rivals(clip, last_attempt(clip)) for clip in (*takes, other)]
    names = [(f"{takes[1].key[:12]}/1",), (f"{takes[0].key[:12]}/1",), ()]

    async def all_rivals() -> list[tuple[str, ...]]:
        return await asyncio.gather(*(rivals.unsettled() for rivals in searches))

    assert asyncio.run(all_rivals()) == names
    of_booked = [(name, path) for name, path in store.asked if any(one.key in path for one in booked)]
    assert sorted(of_booked) == sorted(("list", f"{one.folder}/") for one in booked)
    assert len(store.asked) < 80

    # While rivals are waited for only they are looked at.
    store.asked.clear()
    assert asyncio.run(all_rivals()) == names
    assert len(store.asked) < 20
    close_unbought(takes[1], 1, Unreachable("never sent"), may_retry=True)
    assert asyncio.run(searches[0].unsettled()) == ()


def test_a_clip_whose_order_cannot_be_read_is_no_rival_and_stops_none(bench: Bench) -> None:
    clip, damaged = bench.clip(take=1), bench.clip(take=2)
    for one in (clip, damaged):
        leave_unknown(one)
    request = f"{damaged.evidence.folder}/request.json"
    ordered = damaged.context.store.read(request)
    damaged.context.store.replace(request, b"{")
    rivals = Rivals(clip, last_attempt(clip))

    assert asyncio.run(rivals.unsettled()) == ()
    damaged.context.store.replace(request, ordered)
    assert asyncio.run(rivals.unsettled()) == (f"{damaged.key[:12]}/1",)


@pytest.mark.parametrize("left", ["nothing", "an intent and a claim", "a claim"])
def test_the_claims_of_many_others_are_not_read_one_by_one(unhurried: Bench, left: str) -> None:
    # All are at work, and by the clock of the dead worker any of them may be the task that is looked for.
    unhurried.emulator.turn(generation_s=80_000.0)
    context = unhurried.context(wrap=CountedStore, reconcile_grace_s=0.5)
    store: Any = context.store
    clip = unhurried.clip(context)
    others = [clip.client().create(clip.wire_body()).task_id for _ in range(150)]
    for task_id in others:
        bought(store, task_id)
    leave_unknown(clip, written_at=context.provider_now() - timedelta(hours=2), clock_offset_s=3 * 3600)
    if left != "nothing":
        leave_claimed(clip, clip.client().create(clip.wire_body()).task_id)
    if left == "a claim":
        store.delete(f"{clip.evidence.folder}/attempt-1/intent.json")
    store.asked.clear()

    receipt = asyncio.run(submit_and_leave(unhurried.clip(context)))

    assert receipt is not None
    assert receipt.task_id not in others
    assert len(unhurried.tasks()) == 151
    assert len([path for name, path in store.asked if name == "read" and path.startswith("claims/")]) < 10


class _Looks(AccountLists):
    """Lists that tell when so many looks were answered."""

    def __init__(self, looks: int) -> None:
        super().__init__()
        self._left = looks
        self.over = asyncio.Event()

    async def wait_for_tasks(self, *asked: Any, **named: Any) -> list[TaskRow]:
        rows = await super().wait_for_tasks(*asked, **named)
        self._left -= 1
        if self._left <= 0:
            self.over.set()
        return rows


def test_searches_keep_nothing_of_the_tasks_of_others(unhurried: Bench) -> None:
    searches, others = 10, 350
    # One that nobody claims, and that may be any of those that are looked for until it ends.
    unhurried.emulator.turn(generation_s=80_000.0)
    context = unhurried.context(reconcile_grace_s=0.2, deadline_s=600.0)
    clips = [unhurried.clip(context, take=take) for take in range(1, searches + 1)]
    body, client = clips[0].wire_body(), clips[0].client()
    for task_id in [client.create(body).task_id for _ in range(others + 1)][:others]:
        bought(context.store, task_id)
    for clip in clips:
        leave_unknown(clip, written_at=context.provider_now() - timedelta(hours=2), clock_offset_s=3 * 3600)

    async def kept_bytes() -> int:
        # Each has been answered more than once, and has seen whose tasks those are.
        context.account_lists = looks = _Looks(4 * searches)
        before = tracemalloc.get_traced_memory()[0]
        waiting = [asyncio.create_task(submit_and_leave(clip)) for clip in clips]
        await looks.over.wait()
        gc.collect()
        kept = tracemalloc.get_traced_memory()[0] - before
        for search in waiting:
            search.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        return kept

    tracemalloc.start()
    try:
        kept = asyncio.run(kept_bytes())
    finally:
        tracemalloc.stop()

    # A search takes 35 kB by itself; tasks that it keeps take another 100 B each, twice.
    assert kept / searches < 55_000


class _ClaimsThatHang:
    """A store that does not answer about claims until it is told to."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.answers = threading.Event()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def read(self, path: str, *args: Any, **named: Any) -> bytes:
        if path.startswith("claims/"):
            assert self.answers.wait(60)
        return self._store.read(path, *args, **named)


def test_searches_that_wait_for_a_claim_hold_up_no_other_call_of_the_store(unhurried: Bench) -> None:
    searches = 30
    unhurried.emulator.turn(generation_s=80_000.0)
    context = unhurried.context(wrap=_ClaimsThatHang, reconcile_grace_s=0.2, deadline_s=600.0)
    store: Any = context.store
    clips = [unhurried.clip(context, take=take) for take in range(1, searches + 1)]
    bought(store, clips[0].client().create(clips[0].wire_body()).task_id)
    for clip in clips:
        leave_unknown(clip, written_at=context.provider_now() - timedelta(hours=2), clock_offset_s=3 * 3600)

    async def held_up() -> None:
        context.account_lists = looks = _Looks(searches)
        waiting = [asyncio.create_task(submit_and_leave(clip)) for clip in clips]
        await looks.over.wait()
        # Each that was answered goes on to the claims.
        for _ in range(searches):
            await asyncio.sleep(0)
        try:
            async with asyncio.timeout(20):
                await in_thread(store.list, "open/")
        finally:
            store.answers.set()
            for search in waiting:
                search.cancel()
            await asyncio.gather(*waiting, return_exceptions=True)

    asyncio.run(held_up())
