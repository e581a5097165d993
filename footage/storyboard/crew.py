"""One clip of many: bought within the caps of a run, and how it ended, as a record and never as an error.

Boards and batches make their clips here. Money is promised before a clip is bought and settled with what was billed;
what is stored already costs nothing, and the promise of a clip that the evidence knows not to be billed is given back.
"""

from __future__ import annotations

import contextlib
import logging
import math
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from footage.catalogue import known_models, usual_seconds
from footage.concurrency.executors import in_thread
from footage.errors import FootageError, NotFinished, OverBudget, StorageProblem, Unreachable
from footage.evidence.run_log import RunLog, recorded
from footage.pacing.live_quota import live_quota
from footage.privacy.redact import redact
from footage.storyboard.cut import OutcomeState, ShotOutcome

if TYPE_CHECKING:
    from footage.clip import Clip
    from footage.context import Context
    from footage.evidence.state import ClipState
    from footage.order.clip_by_key import ClipByKey
    from footage.order.prepared import Prepared
    from footage.request import VideoRequest, VideoResponse
    from footage.settings import Settings
    from footage.storyboard.budget import Ledger

logger = logging.getLogger(__name__)

BeforeBuying = Callable[["Clip"], None]
# What is asked for is prepared, still to be prepared, or was ordered before.
CheckShot = Callable[["Prepared | VideoRequest | ClipByKey", str, BeforeBuying], Awaitable["Clip"]]
MakeClip = Callable[["Clip"], Awaitable["VideoResponse | None"]]
OnOutcome = Callable[[ShotOutcome], Awaitable[None]]


@dataclass(frozen=True)
class Crew:
    """Who does the work: `check` turns what was asked for into a clip, `make` drives it to its response.

    `here`: whether all that is bought for the run is bought by this process, and the rest by somebody else.
    """

    check: CheckShot
    make: MakeClip
    here: bool = False


async def outcome_of(
    context: Context,
    ledger: Ledger,
    crew: Crew,
    name: str,
    ask: Callable[[], Awaitable[Prepared | VideoRequest | ClipByKey | ShotOutcome]],
) -> ShotOutcome:
    """Make one clip, called `name` in the ledger and for people.

    Never raises for the clip: what went wrong with it is in its outcome, with the command that mends it. `ask` says
    what to make, or already how it ended, where it cannot be made.
    """
    what = f"{ledger.noun} {name}"
    with recorded(RunLog()):
        try:
            asked = await ask()
            return asked if isinstance(asked, ShotOutcome) else await _make(ledger, crew, name, asked)
        except FootageError as error:
            logger.error("%s: %s", what, error.written(context.command))
            return _stopped(context, name, error)
        except Exception as error:
            # A bug, or a library's: the other clips are paid for and must still get to their end.
            logger.exception("%s stopped unexpectedly", what)
            return ShotOutcome(
                name,
                "unfinished",
                reason=redact(f"{type(error).__name__}: {error}"),
                command=f"run the {ledger.whole} again; what was bought is found in the evidence and not bought twice",
            )


async def _make(
    ledger: Ledger, crew: Crew, name: str, asked: Prepared | VideoRequest | ClipByKey
) -> ShotOutcome:
    def reserve(clip: Clip) -> None:
        ledger.reserve(name, clip.order.quote)

    # What an earlier run left may turn out not to be bought, or fail, and is then bought by this one.
    clip = await crew.check(asked, name, reserve)
    if clip.response is not None:
        if clip.response.cost is not None:
            ledger.settle(name, clip.response.cost, ours=await _is_of_run_before(clip))
        return await _delivered(name, clip, clip.response)
    before = await clip.state()
    # Also what is stored and damaged: it is brought back, or not at all.
    paid = before.unfinished or before.result is not None
    if not paid:
        reserve(clip)
    try:
        response = await crew.make(clip)
    except Exception:
        # Where the store does not answer, the promise stands.
        with contextlib.suppress(StorageProblem):
            if not may_be_billed(await clip.state(), since=before.last.number if before.last else 0):
                ledger.release(name)
        raise
    if response is None:
        raise NotFinished(f"{ledger.noun} {name} is not finished.", key=clip.key)
    # Another process may have bought it anew for this run, without asking this ledger.
    last = (await clip.state()).last
    ours = last is not None and (before.last is None or last.number > before.last.number)
    if crew.here and last is not None and last.intent.owner != clip.context.worker.id:
        # Another run bought it while this one waited for it.
        ours = False
        ledger.release(name)
    ours = ours or (paid and await _is_of_run_before(clip))
    if response.cost is not None or ledger.has_promised(name):
        ledger.settle(name, response.cost, ours=ours)
    return await _delivered(name, clip, response)


async def _is_of_run_before(clip: Clip) -> bool:
    """Whether what is paid of a clip was bought by this run, in a process before it was started over."""
    run_id, last = clip.context.run_id, (await clip.state()).last
    if run_id is None or last is None or not clip.context.started_over:
        return False
    return await in_thread(clip.evidence.is_opened_in, run_id, last.number)


async def _delivered(name: str, clip: Clip, response: VideoResponse) -> ShotOutcome:
    result = await in_thread(clip.evidence.result)
    audio = result is not None and result.probe is not None and result.probe.audio
    return ShotOutcome(name, "delivered", response=response, audio=audio)


def _stopped(context: Context, name: str, error: FootageError) -> ShotOutcome:
    state: OutcomeState = "failed"
    if isinstance(error, OverBudget):
        state = "held"
    elif isinstance(error, NotFinished | StorageProblem):
        state = "unfinished"
    next_step = error.next_step
    return ShotOutcome(
        name,
        state,
        reason=error.message,
        command=next_step and next_step.written(context.command),
        unreachable=error.exit_code == Unreachable.exit_code,
    )


def may_be_billed(state: ClipState, since: int) -> bool:
    """Whether anything after attempt `since` is billed or may be; failed and cancelled attempts are not."""
    return any(
        attempt.number > since
        and (attempt.ended is None or attempt.ended.status not in ("failed", "canceled"))
        for attempt in state.attempts
    )


def patience_s(
    count_by_model: Mapping[str, int], settings: Settings, running_tasks: Mapping[str, int] | None = None
) -> float:
    """How long a clip among so many at once is waited for: it may have to wait behind all others of its model.

    `running_tasks` has how many of a model the accounts may run now, where that is known; else as many as documented.
    """
    known = running_tasks or {}
    turns_s = max(
        math.ceil(clips / known.get(model, known_models()[model].concurrent_tasks)) * usual_seconds(model)
        for model, clips in count_by_model.items()
    )
    return settings.deadline_s + 3 * turns_s


async def ask_running_tasks(context: Context, models: Iterable[tuple[str, str]]) -> dict[str, int]:
    """How many tasks of each of these models, each with its region, all accounts together may run now.

    An account that does not say counts as documented; a model of which none says is left out.
    """
    known: dict[str, int] = {}
    for model, region in set(models):
        told: list[int | None] = []
        with contextlib.suppress(FootageError):
            for key in context.buying_keys:
                client = await in_thread(context.client_in, region, key)
                told.append((await live_quota(client, model)).running_tasks)
        if any(told):
            known[model] = sum(running or known_models()[model].concurrent_tasks for running in told)
    return known
