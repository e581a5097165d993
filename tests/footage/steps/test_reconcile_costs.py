"""What it costs to settle creates whose answers were lost: pages of the list, questions about tasks, store requests."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from bench import Bench, leave_unknown

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
