"""Make the clips of a batch: for each model a bounded number at once, and a small record of how each ended."""

from __future__ import annotations

import asyncio
import dataclasses
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from footage.errors import OverBudget, StorageProblem
from footage.errors.actions import Rerun
from footage.pacing.in_flight import WINDOW
from footage.request import Cost
from footage.storyboard.crew import Crew, outcome_of
from footage.storyboard.cut import OutcomeState, ShotOutcome

if TYPE_CHECKING:
    from footage.batch.prepared_batch import Entry, PreparedBatch
    from footage.clip import Clip
    from footage.context import Context
    from footage.order.clip_by_key import ClipByKey
    from footage.order.prepared import Prepared
    from footage.storyboard.budget import Ledger

# For each model, where the accounts make few at once: more would only be kept in memory.
AT_ONCE = 64
# However many they make: each takes about 35 KB, and all of them share the threads of the process.
MOST_AT_ONCE = 1_000


@dataclass(frozen=True, slots=True)
class ClipReport:
    """How the clip of one line ended; `error` and `next` are for people: why there is none, and what mends that."""

    line: int
    id: str
    key: str
    state: OutcomeState
    video_url: str | None = None
    cost: Cost | None = None
    # Whether it was there already when the run began.
    cached: bool = False
    error: str | None = None
    next: str | None = None
    unreachable: bool = False
    # Id of an earlier line that asks for the same clip: made and paid once, though perhaps with another file of it.
    same_as: str | None = None


def most_at_once(
    batch: PreparedBatch, running_tasks: Mapping[str, int], *, elsewhere: bool = False
) -> dict[str, int]:
    """How many clips of each model are on their way at once, at the most.

    `running_tasks` has how many of a model the accounts may run now, where that is known. `elsewhere`: other processes
    make them, each within its own bounds.
    """

    def room(model: str) -> int:
        return MOST_AT_ONCE if elsewhere else max(AT_ONCE, WINDOW * running_tasks.get(model, 0))

    return {model: min(clips, MOST_AT_ONCE, room(model)) for model, clips in batch.clips_by_model.items()}


OnReport = Callable[[ClipReport], Awaitable[None]]


async def produce(
    context: Context,
    batch: PreparedBatch,
    at_once: Mapping[str, int],
    ledger: Ledger,
    crew: Crew,
    on_report: OnReport | None = None,
) -> tuple[ClipReport, ...]:
    """Make all clips of a batch, so many of each model at once; how each line ended, in their order.

    Never raises for a clip.
    """
    reports: dict[str, ClipReport] = {}
    others: dict[str | None, list[Entry]] = defaultdict(list)
    for entry in batch.entries:
        if entry.own_rendition:
            others[entry.same_as].append(entry)

    async def worker(entries: Iterator[Entry]) -> None:
        for entry in entries:
            report = await _one(context, batch, entry, ledger, crew)
            reports[entry.id] = report
            if on_report is not None:
                await on_report(report)
            for other in others[entry.id]:
                reports[other.id] = (
                    await _another_rendition(context, batch, other, ledger, crew)
                    if report.state == "delivered"
                    else _same(report, other)
                )

    by_model: dict[tuple[str, str], list[Entry]] = defaultdict(list)
    for entry in batch.clips:
        by_model[entry.region, entry.model].append(entry)
    # Workers of a model share its iterator, so that each takes the next clip that nobody has.
    shared = [(iter(entries), min(at_once[model], len(entries))) for (_, model), entries in by_model.items()]
    await asyncio.gather(*(worker(entries) for entries, count in shared for _ in range(count)))
    return tuple(_of_line(entry, reports) for entry in batch.entries)


async def _one(
    context: Context, batch: PreparedBatch, entry: Entry, ledger: Ledger, crew: Crew
) -> ClipReport:
    async def asked() -> Prepared | ClipByKey:
        return batch.asked(entry)

    return _report(entry, await outcome_of(context, ledger, crew, entry.id, asked))


async def _another_rendition(
    context: Context, batch: PreparedBatch, entry: Entry, ledger: Ledger, crew: Crew
) -> ClipReport:
    """What a line gets of a clip that an earlier line has just made: it is stored, so nothing is bought or settled."""

    async def recalled() -> ShotOutcome:
        clip = await crew.check(batch.asked(entry), entry.id, _buy_nothing)
        if clip.response is None:
            raise StorageProblem(
                f"Clip {entry.key[:12]} is not in the store any more as it was delivered.",
                next_step=Rerun(entry.key),
                key=entry.key,
            )
        return ShotOutcome(entry.id, "delivered", response=clip.response)

    return _same(_report(entry, await outcome_of(context, ledger, crew, entry.id, recalled)), entry)


def _buy_nothing(clip: Clip) -> None:
    raise OverBudget(
        f"Clip {clip.key[:12]} is not in the store any more; this line only wanted another file of it.",
        next_step=Rerun(clip.key),
        key=clip.key,
    )


def _report(entry: Entry, outcome: ShotOutcome) -> ClipReport:
    clip = outcome.response
    return ClipReport(
        entry.line,
        entry.id,
        entry.key,
        outcome.state,
        video_url=clip and clip.video_url,
        cost=clip and clip.cost,
        cached=clip is not None and clip.cached,
        error=outcome.reason,
        next=outcome.command,
        unreachable=outcome.unreachable,
    )


def _of_line(entry: Entry, reports: dict[str, ClipReport]) -> ClipReport:
    if entry.same_as is None or entry.id in reports:
        return reports[entry.id]
    return _same(reports[entry.same_as], entry)


def _same(report: ClipReport, entry: Entry) -> ClipReport:
    return dataclasses.replace(report, line=entry.line, id=entry.id, same_as=entry.same_as)
