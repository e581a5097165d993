"""Finish what was bought and left: every receipt without a result, nearest expiry first. Never buys anything."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from footage.catalogue import MODEL_NAMES, REGION_NAMES
from footage.clip import StepRunner, follow
from footage.concurrency.executors import in_thread
from footage.errors import AccountProblem, Canceled, FootageError, InvalidRequest, NotFinished, Problem
from footage.evidence.clip_evidence import ClipEvidence, keys_in, unfinished
from footage.evidence.state import ClipState, Permission, Step, why_stopped
from footage.privacy.display import shown
from footage.steps.check import reopen
from footage.steps.claimed_tasks import claimed_in
from footage.steps.provider_queries import learn_clock, list_all

if TYPE_CHECKING:
    from footage.context import Context

logger = logging.getLogger(__name__)

# Under this much time before the provider deletes a result, people are warned.
EXPIRY_WARNING = timedelta(hours=4)
# More clips at once only shorten the wait when downloads are the bottleneck, and they share one link.
CLIPS_AT_ONCE = 8


@dataclass(frozen=True)
class Unfinished:
    """A clip that was bought, or may have been, and is not delivered."""

    key: str
    task_id: str | None
    status: str
    expires_at: datetime | None

    def expires_within(self, margin: timedelta, now: datetime) -> bool:
        return self.expires_at is not None and self.expires_at - now < margin


@dataclass
class Harvest:
    """What one harvest did, by clip key."""

    delivered: list[str] = field(default_factory=list[str])
    waiting: dict[str, str] = field(default_factory=dict[str, str])
    failed: dict[str, str] = field(default_factory=dict[str, str])
    canceled: list[str] = field(default_factory=list[str])
    expiring: list[Unfinished] = field(default_factory=list[Unfinished])
    strangers: list[str] = field(default_factory=list[str])
    warnings: list[str] = field(default_factory=list[str])


def find_unfinished(context: Context) -> list[Unfinished]:
    """Every unfinished clip of the store, nearest expiry first; unknown and unreadable ones at the front."""
    found: list[Unfinished] = []
    for key, names in keys_in(context.store).items():
        if not unfinished(names):
            continue
        try:
            state = ClipEvidence(context.store, key).state()
        except FootageError:
            # What is wrong with it is told when it is taken up; the others are not held up.
            found.append(Unfinished(key, None, "unreadable", None))
            continue
        if state.unfinished:
            found.append(_describe(key, state))
    never = datetime.min.replace(tzinfo=UTC)
    return sorted(found, key=lambda clip: clip.expires_at or never)


def _describe(key: str, state: ClipState) -> Unfinished:
    last = state.last or state.attempts[-1]
    if last.receipt is None:
        return Unfinished(key, None, "unknown", last.intent.written_at + timedelta(hours=24))
    status = last.outcome.status if last.outcome else "booked"
    return Unfinished(key, last.receipt.task_id, status, last.receipt.expires_at)


async def harvest_store(
    context: Context,
    steps: dict[Step, StepRunner],
    *,
    keys: tuple[str, ...] = (),
    on_expiring: Callable[[Unfinished], None] | None = None,
) -> Harvest:
    """Finish every unfinished clip, or just `keys`; a clip that fails does not hold up the others.

    Raises:
        InvalidRequest: A key belongs to no clip of the store.
        StorageProblem: The store cannot be listed.
    """
    report = Harvest()
    clips = await in_thread(find_unfinished, context)
    if keys:
        keys = tuple(key.strip().lower() for key in keys)
        report.warnings += await in_thread(_look_for_others, context, keys, clips)
        clips = [clip for clip in clips if clip.key.startswith(keys)]
    if clips:
        await in_thread(_learn_clock, context)
    now = context.provider_now()
    for clip in clips:
        if clip.expires_within(EXPIRY_WARNING, now):
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
    gate = asyncio.Semaphore(CLIPS_AT_ONCE)

    async def one(clip: Unfinished) -> None:
        async with gate:
            await _finish(context, clip, steps, report)

    await asyncio.gather(*(one(clip) for clip in clips))
    return report


def _look_for_others(context: Context, keys: tuple[str, ...], clips: list[Unfinished]) -> list[str]:
    """What to say about keys that belong to no unfinished clip."""
    others = [key for key in keys if not key or not any(clip.key.startswith(key) for clip in clips)]
    known = keys_in(context.store) if others else {}
    nowhere = [key for key in others if not key or not any(name.startswith(key) for name in known)]
    if nowhere:
        what, allowed = "No clip in this store begins like this.", f"a key below {context.store.url}/evidence"
        raise InvalidRequest(problems=tuple(Problem("keys", shown(key), what, allowed) for key in nowhere))
    return [f"Clip {key[:12]} has nothing to finish." for key in others]


async def _finish(
    context: Context, found: Unfinished, steps: dict[Step, StepRunner], report: Harvest
) -> None:
    try:
        clip = await in_thread(reopen, context, found.key, Permission(may_buy=False))
        if await follow(clip, steps) is None:
            last = (await clip.state()).last
            if last is not None and last.ended is not None:
                raise why_stopped(last, last.ended)
    except Canceled:
        report.canceled.append(found.key)
    except NotFinished as error:
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


def _learn_clock(context: Context) -> None:
    with contextlib.suppress(AccountProblem):
        learn_clock(context, context.client(_endpoint_in_use(context), context.workspace))


def find_unclaimed_tasks(context: Context) -> list[str]:
    """Tasks of the last 24 h, one `task_id model status` each, that the account runs and this store does not claim.

    Those that failed or were cancelled are left out: they are not billed, and there is nothing to collect.
    Keys work in one region, so only that one is asked.

    Raises:
        AccountProblem, Unreachable, Throttled: The list could not be read.
    """
    claimed = claimed_in(context.store)
    return [
        f"{row.task_id} {row.model} {row.status}"
        for row in list_all(context.client(_endpoint_in_use(context), context.workspace))
        if row.task_id not in claimed
        and row.model in MODEL_NAMES
        and row.status not in ("FAILED", "CANCELED")
    ]


def _endpoint_in_use(context: Context) -> str:
    """The key's own region where it is known; else the first region of the table, which needs no workspace."""
    return context.endpoint(context.region or REGION_NAMES[0])
