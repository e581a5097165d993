"""What it costs to settle creates whose answers were lost: pages of the list, questions about tasks, store requests."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

from bench import Bench, leave_unknown
from purchases import submit_and_leave

from footage.pacing.account_lists import PAGE_SIZE, AccountLists
from footage.provider import TaskRow


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
    context = bench.context(reconcile_grace_s=1.0)
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
