"""Finish what was bought and left: every open clip, nearest expiry first. Never buys anything."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import logging
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from footage.clip import StepRunner, follow
from footage.concurrency.boot_clock import boot_clock_s
from footage.concurrency.executors import in_thread
from footage.concurrency.priority_semaphore import PrioritySemaphore
from footage.errors import (
    AccountProblem,
    Canceled,
    FootageError,
    InvalidRequest,
    NotFinished,
    Problem,
    StorageProblem,
)
from footage.evidence.state import Permission, Step, why_stopped
from footage.evidence.stored_clips import keys_in
from footage.privacy.display import shown
from footage.steps.account_tasks import account_tasks, client_in_use, compare, tasks_found_for
from footage.steps.check import reopen
from footage.steps.harvest_memory import not_yet_told, remembered
from footage.steps.open_clips import OpenClips, Unfinished, left_to_finish, look, mark, unmark
from footage.steps.provider_queries import learn_clock
from footage.steps.unknown_purchase import TOO_OLD, unknown_purchase

if TYPE_CHECKING:
    from footage.context import Context
    from footage.credentials import ApiKey
    from footage.evidence.hashed_names import HashedNames
    from footage.provider import TaskRow

logger = logging.getLogger(__name__)

# Under this much time before the provider deletes a result, people are warned.
EXPIRY_WARNING = timedelta(hours=4)
# More at once only shorten the wait when downloads are the bottleneck, and they share one link.
DELIVERIES_AT_ONCE = 8
# As a batch has of a model: a clip that is worked on takes a quarter of a megabyte in a run of Prefect.
CLIPS_AT_ONCE = 64
# An account that others use has tens of thousands of tasks that this store does not claim.
MOST_STRANGERS = 500

ListTasks = Callable[["Context", "ApiKey", "HashedNames"], Awaitable[Iterable["TaskRow"]]]


async def _list_tasks(context: Context, api_key: ApiKey, over: HashedNames) -> list[TaskRow]:
    return await in_thread(account_tasks, context, api_key, over)


@dataclass
class Harvest:
    """What one harvest did, by clip key."""

    delivered: list[str] = field(default_factory=list[str])
    waiting: dict[str, str] = field(default_factory=dict[str, str])
    failed: dict[str, str] = field(default_factory=dict[str, str])
    canceled: list[str] = field(default_factory=list[str])
    expiring: list[Unfinished] = field(default_factory=list[Unfinished])
    # Their time ran out since the harvest before.
    expired: list[Unfinished] = field(default_factory=list[Unfinished])
    # Tasks that no clip of this store claims, at most MOST_STRANGERS of them, and how many there are.
    strangers: list[str] = field(default_factory=list[str])
    stranger_count: int = 0
    # Whether the tasks of any account could be listed: else nobody knows of strangers.
    account_listed: bool = False
    warnings: list[str] = field(default_factory=list[str])
    # What was open, for who looks again.
    found: OpenClips = field(default_factory=OpenClips)

    def to_json(self) -> dict[str, Any]:
        """The report as plain data, without `found`."""
        told = dataclasses.asdict(self)
        del told["found"]
        return told


async def harvest_store(
    context: Context,
    steps: dict[Step, StepRunner],
    *,
    keys: tuple[str, ...] = (),
    on_expiring: Callable[[Unfinished], None] | None = None,
    on_expired: Callable[[Unfinished], None] | None = None,
    list_tasks: ListTasks = _list_tasks,
    at_once: int = CLIPS_AT_ONCE,
) -> Harvest:
    """Finish every unfinished clip, or just `keys`; a clip that fails does not hold up the others.

    Where keys are named nothing else is looked at, and the account's tasks are not compared with the store.

    Raises:
        InvalidRequest: A key belongs to no clip of the store.
        StorageProblem: The store cannot be listed.
    """
    report = Harvest(warnings=[*context.key_warnings])
    find = partial(_named_clips, keys) if keys else _open_clips
    found = report.found = await in_thread(find, context, report)
    gate = PrioritySemaphore(DELIVERIES_AT_ONCE)
    until_s = boot_clock_s() + context.settings.deadline_s

    # Those that the account's tasks bring to light come while the others are waited for, which may be long.
    at_once_later = max(1, at_once // 4)
    at_once_first = max(1, at_once - at_once_later)

    async def finish(clips: list[Unfinished], at_once: int) -> None:
        # All are asked for at once, so that none that is made waits for one that is not. Of more than may be worked on
        # at once, all are asked for once before any is waited for.
        if len(clips) > at_once:
            clips = await _each(sorted(clips, key=_expiry_s), finish_one(boot_clock_s()), at_once)
        await _each(clips, finish_one(until_s), at_once)

    def finish_one(until_s: float) -> Callable[[Unfinished], Awaitable[bool]]:
        return lambda clip: _finish(context, clip, steps, gate, until_s, report)

    async def tell(clips: list[Unfinished]) -> None:
        if clips:
            await _learn_clock(context)
        _tell_expiring(context, clips, report, on_expiring)
        # Of all that is open: what is left out would be told again by the next harvest.
        tell_all = partial(_tell_expired, context, found.unfinished, report, on_expired, others=bool(keys))
        await in_thread(tell_all)

    async def compare_and_finish() -> list[TaskRow]:
        unclaimed: list[TaskRow] = []
        try:
            unclaimed, more = await _compare(context, list_tasks, found, report)
            if more:
                await tell(more)
                await finish(more, at_once_later)
        except Exception as error:
            # A mistake of ours here must not cost what is marked its 24 hours.
            told = (
                f"The tasks of the account could not be compared with the store ({type(error).__name__}: {error}). "
                "What is marked was finished all the same; report this with the log."
            )
            logger.exception("%s", told)
            report.warnings.append(told)
        return unclaimed

    clips = [*found.unfinished]
    await tell(clips)
    if keys:
        await finish(clips, at_once)
        return report
    unknown = [clip.key for clip in clips if clip.task_id is None and not _left_to_a_person(context, clip)]
    # The list of a busy account takes minutes, and what is marked has no need of it.
    _, unclaimed = await asyncio.gather(finish(clips, at_once_first), compare_and_finish())
    if unclaimed and unknown:
        # What was unknown may have turned out to be one of them.
        found_now = await in_thread(tasks_found_for, context.store, unknown)
        unclaimed = [row for row in unclaimed if row.task_id not in found_now]
    report.stranger_count = len(unclaimed)
    report.strangers = [f"{row.task_id} {row.model} {row.status}" for row in unclaimed[:MOST_STRANGERS]]
    return report


async def _each(
    clips: list[Unfinished], finish_one: Callable[[Unfinished], Awaitable[bool]], at_once: int
) -> list[Unfinished]:
    """Finish each of them, so many at once; those that are not made yet."""
    not_yet: set[str] = set()
    # Shared, so that each takes the next that nobody has; a task for each clip would stay in memory until all are done.
    rest = iter(clips)

    async def finish_some() -> None:
        for clip in rest:
            if not await finish_one(clip):
                not_yet.add(clip.key)

    await asyncio.gather(*(finish_some() for _ in range(min(at_once, len(clips)))))
    return [clip for clip in clips if clip.key in not_yet]


def _expiry_s(clip: Unfinished) -> float:
    return clip.expires_at.timestamp() if clip.expires_at else 0.0


def _open_clips(context: Context, report: Harvest) -> OpenClips:
    """What is open, after markers that say something else were set right."""
    found = look(context.store)
    report.warnings += found.warnings
    try:
        mark(context.store, found)
    except StorageProblem as error:
        report.warnings.append(error.message)
    for key in found.over:
        # One that cannot be looked at does not keep the others waiting.
        try:
            if unmark(context, key) == "unfinished":
                found.unfinished.append(Unfinished(key, None, "unfinished", None))
        except StorageProblem as error:
            report.warnings.append(error.message)
    return found


async def _compare(
    context: Context, list_tasks: ListTasks, found: OpenClips, report: Harvest
) -> tuple[list[TaskRow], list[Unfinished]]:
    """Add what the accounts' tasks tell to what was found: tasks that nobody in this store claims, and clips."""
    try:
        keys = await in_thread(lambda: context.buying_keys)
    except AccountProblem as error:
        report.warnings.append(f"The tasks of the account could not be listed: {error.message}")
        return [], []
    try:
        over = await in_thread(lambda: remembered(context.store).over())
    except StorageProblem as error:
        report.warnings.append(error.message)
        return [], []
    lists = await asyncio.gather(*(_listed(context, key, list_tasks, over, report) for key in keys))
    rows = {row.task_id: row for rows in lists for row in rows or ()}
    if all(rows is None for rows in lists):
        return [], []
    compared = await compare(context, rows.values(), found)
    report.account_listed = True
    report.warnings += compared.warnings
    found.unfinished += compared.unfinished
    return compared.unclaimed, compared.unfinished


async def _listed(
    context: Context, api_key: ApiKey, list_tasks: ListTasks, over: HashedNames, report: Harvest
) -> Iterable[TaskRow] | None:
    """The tasks of one account; None where they cannot be listed, which costs no other account its comparison."""
    try:
        return await list_tasks(context, api_key, over)
    except FootageError as error:
        report.warnings.append(
            f"The tasks of the account {api_key.account} could not be listed with the key from the {api_key.source}: "
            f"{error.message}"
        )
        return None


def _tell_expiring(
    context: Context,
    clips: list[Unfinished],
    report: Harvest,
    on_expiring: Callable[[Unfinished], None] | None,
) -> None:
    now = context.provider_now()
    for clip in clips:
        if clip.expires_within(timedelta(0), now) or not clip.expires_within(EXPIRY_WARNING, now):
            continue
        report.expiring.append(clip)
        logger.warning(
            "Clip %s (%s) expires at the provider at %s.",
            clip.key[:12],
            clip.status,
            clip.expires_at,
            # So that it gets into no other clip's log.
            extra={"clip": clip.key},
        )
        if on_expiring is not None:
            on_expiring(clip)


def _tell_expired(
    context: Context,
    clips: list[Unfinished],
    report: Harvest,
    on_expired: Callable[[Unfinished], None] | None,
    *,
    others: bool,
) -> None:
    """Say once of each clip that its time is over; it is harvested all the same, for what the provider still has.

    `others`: there may be more that are open.
    """
    now = context.provider_now()
    expired = {clip.key: clip for clip in clips if clip.expires_within(timedelta(0), now)}
    if not expired:
        return
    try:
        untold = not_yet_told(context.store, expired, others=others)
    except StorageProblem as error:
        report.warnings.append(error.message)
        untold = set(expired)
    # Where it could not be kept, the same harvest may come here twice.
    for key in sorted(untold - {clip.key for clip in report.expired}):
        clip = expired[key]
        report.expired.append(clip)
        logger.error(
            "Clip %s (%s) expired at the provider at %s.",
            key[:12],
            clip.status,
            clip.expires_at,
            extra={"clip": key},
        )
        if on_expired is not None:
            on_expired(clip)


def _named_clips(keys: tuple[str, ...], context: Context, report: Harvest) -> OpenClips:
    """What is left to finish of the clips that are named; says which of the keys have nothing."""
    nowhere: list[str] = []
    left: dict[str, Unfinished] = {}
    for beginning in dict.fromkeys(key.strip().lower() for key in keys):
        named = keys_in(context.store, beginning) if beginning else {}
        of_this = {
            key: clip
            for key, names in named.items()
            if (clip := left_to_finish(context.store, key, names)) is not None
        }
        left |= of_this
        if not named:
            nowhere.append(beginning)
        elif not of_this:
            report.warnings.append(f"Clip {beginning[:12]} has nothing to finish.")
    if nowhere:
        what, allowed = "No clip in this store begins like this.", f"a key below {context.store.url}/evidence"
        raise InvalidRequest(problems=tuple(Problem("keys", shown(key), what, allowed) for key in nowhere))
    found = OpenClips(unfinished=[*left.values()])
    # Which of them have a marker is not known; a second one is refused.
    mark(context.store, found)
    return found


def _left_to_a_person(context: Context, clip: Unfinished) -> bool:
    """Whether a harvest leaves a clip alone, because it cannot find out what was bought."""
    return context.clock_offset_s is not None and clip.left_to_a_person(context.provider_now())


async def _finish(
    context: Context,
    found: Unfinished,
    steps: dict[Step, StepRunner],
    gate: PrioritySemaphore,
    until_s: float,
    report: Harvest,
) -> bool:
    """Bring one clip to its end, or say in the report why it has none; False: it may have one a little later."""
    report.waiting.pop(found.key, None)
    if found.attempt is not None and _left_to_a_person(context, found):
        # Taken up again and again it would only fill its log.
        report.waiting[found.key] = str(unknown_purchase(found.key, found.attempt, TOO_OLD))
        return True
    # Of those that could be delivered the one comes first that the provider deletes first.
    rank = _expiry_s(found)
    try:
        clip = await in_thread(
            partial(reopen, delivery_gate=lambda: gate.opened(rank), until_s=until_s),
            context,
            found.key,
            Permission(may_buy=False),
        )
        if await follow(clip, steps) is None:
            last = (await clip.state()).last
            if last is None or last.ended is None:
                report.warnings.append(f"Clip {found.key[:12]} has nothing to finish.")
                return True
            raise why_stopped(last, last.ended)
    except Canceled:
        report.canceled.append(found.key)
    except NotFinished as error:
        report.waiting[found.key] = str(error)
        return False
    except AccountProblem as error:
        # What was bought stays booked until there is a key that may ask for it.
        logger.error("Clip %s: %s", found.key[:12], error)
        report.waiting[found.key] = str(error)
    except FootageError as error:
        logger.error("Clip %s: %s", found.key[:12], error)
        report.failed[found.key] = str(error)
    except Exception as error:
        # A mistake of ours about one clip must not cost the others their 24 hours.
        logger.exception("Clip %s", found.key[:12])
        report.failed[found.key] = f"{type(error).__name__}: {error}"
    else:
        report.delivered.append(found.key)
    return True


async def _learn_clock(context: Context) -> None:
    with contextlib.suppress(AccountProblem):
        # That a clip expired is told once, and not taken back.
        await learn_clock(context, await in_thread(client_in_use, context), needed=True)
