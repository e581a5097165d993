"""Make a board's shots: everything at once, except where a shot starts from another's last frame.

A shot that fails does not sink the others: those that start from it are skipped, the rest goes on. Money is
promised before a shot is bought and settled with what was billed; what is stored already costs nothing, and
the promise of a shot that the evidence knows not to be billed is given back.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from footage.catalogue import card
from footage.concurrency.executors import in_heavy_thread, in_thread
from footage.errors import FootageError, NotFinished, OverBudget, StorageProblem, Unreachable
from footage.evidence.run_log import RunLog, recorded
from footage.privacy.redact import redact
from footage.steps.last_frame import last_frame_of
from footage.storyboard.cut import ShotOutcome, ShotState
from footage.storyboard.preflight import preflight, prove_store

if TYPE_CHECKING:
    from footage.clip import Clip
    from footage.context import Context
    from footage.evidence.state import ClipState
    from footage.order.prepared import Prepared
    from footage.request import VideoRequest, VideoResponse
    from footage.settings import Settings
    from footage.storyboard.budget import Ledger
    from footage.storyboard.plan import BoardPlan, ShotPlan

logger = logging.getLogger(__name__)

BeforeBuying = Callable[["Clip"], None]
CheckShot = Callable[["Prepared | VideoRequest", str, BeforeBuying], Awaitable["Clip"]]
MakeClip = Callable[["Clip"], Awaitable["VideoResponse | None"]]
OnOutcome = Callable[[ShotOutcome], Awaitable[None]]


@dataclass(frozen=True)
class Crew:
    """Who does the work: `check` turns what was prepared into a clip, `make` drives it to its response."""

    check: CheckShot
    make: MakeClip


async def produce(
    context: Context, plan: BoardPlan, ledger: Ledger, crew: Crew, on_outcome: OnOutcome | None = None
) -> dict[str, ShotOutcome]:
    """Make all shots of a board; the outcome of each, by id.

    Never raises for a shot: what went wrong with it is in its outcome, with the command that mends it.

    Raises:
        InvalidRequest: The cut could not be made of this board; nothing was bought.
        StorageProblem: The store does not take the board's own files; nothing was bought.
    """
    await in_heavy_thread(preflight, plan)
    await in_thread(prove_store, context.store, plan)
    outcomes: dict[str, asyncio.Future[ShotOutcome]] = {
        shot.id: asyncio.get_running_loop().create_future() for shot in plan.shots
    }

    async def one(shot: ShotPlan) -> None:
        outcome = await _Shot(context, shot, ledger, crew, outcomes).run()
        outcomes[shot.id].set_result(outcome)
        if on_outcome is not None:
            await on_outcome(outcome)

    await asyncio.gather(*(one(shot) for shot in plan.shots))
    return {shot_id: future.result() for shot_id, future in outcomes.items()}


def patience_s(plan: BoardPlan, settings: Settings) -> float:
    """How long a shot of a whole board is waited for: it may have to wait behind all others of its model."""
    count = Counter(shot.request.model for shot in plan.shots)
    turns_s = max(
        math.ceil(shots / card(model).concurrent_tasks) * card(model).typical_s
        for model, shots in count.items()
    )
    return settings.deadline_s + 3 * turns_s


def may_be_billed(state: ClipState, since: int) -> bool:
    """Whether anything after attempt `since` is billed or may be; failed and cancelled attempts are not."""
    return any(
        attempt.number > since
        and (attempt.ended is None or attempt.ended.status not in ("failed", "canceled"))
        for attempt in state.attempts
    )


class _Shot:
    """One shot on its way."""

    def __init__(
        self,
        context: Context,
        shot: ShotPlan,
        ledger: Ledger,
        crew: Crew,
        outcomes: Mapping[str, asyncio.Future[ShotOutcome]],
    ) -> None:
        self.context = context
        self.shot = shot
        self.ledger = ledger
        self.crew = crew
        self.outcomes = outcomes

    async def run(self) -> ShotOutcome:
        if self.shot.same_as is not None:
            # Two shots that ask for the same are one clip: paid once, used twice.
            return replace(await self.outcomes[self.shot.same_as], shot_id=self.shot.id)
        with recorded(RunLog()):
            try:
                asked = await self._asked()
                if asked is None:
                    return self._ended(
                        "skipped", f"shot {self.shot.starts_from}, which it starts from, has no clip"
                    )
                return await self._make(asked)
            except FootageError as error:
                logger.error("Shot %s: %s", self.shot.id, error.written(self.context.command))
                return self._stopped(error)
            except Exception as error:
                # A bug, or a library's: the other shots are paid for and must still get to their end.
                logger.exception("Shot %s stopped unexpectedly", self.shot.id)
                return self._ended(
                    "unfinished",
                    redact(f"{type(error).__name__}: {error}"),
                    "run the board again; what was bought is found in the evidence and not bought twice",
                )

    async def _asked(self) -> Prepared | VideoRequest | None:
        """What was prepared, or what to ask for, with the last frame of the shot before, where it starts from one."""
        if self.shot.starts_from is None:
            return self.shot.prepared
        before = await self.outcomes[self.shot.starts_from]
        if before.response is None:
            return None
        frame = await in_heavy_thread(last_frame_of, self.context.store, before.response.key)
        return self.shot.request_from(frame)

    async def _make(self, asked: Prepared | VideoRequest) -> ShotOutcome:
        def reserve(clip: Clip) -> None:
            self.ledger.reserve(self.shot.id, clip.order.quote)

        # What an earlier run left may turn out not to be bought, or fail, and is then bought by this one.
        clip = await self.crew.check(asked, self.shot.id, reserve)
        if clip.response is not None:
            if clip.response.cost is not None:
                self.ledger.settle(self.shot.id, clip.response.cost)
            return await self._delivered(clip, clip.response)
        before = await clip.state()
        if not before.unfinished:
            reserve(clip)
        try:
            response = await self.crew.make(clip)
        except Exception:
            # Where the store does not answer, the promise stands.
            with contextlib.suppress(StorageProblem):
                if not may_be_billed(await clip.state(), since=before.last.number if before.last else 0):
                    self.ledger.release(self.shot.id)
            raise
        if response is None:
            raise NotFinished(f"Shot {self.shot.id} is not finished.", key=clip.key)
        if response.cost is not None or not before.unfinished:
            # Also where another process bought it anew for this run, without asking this ledger.
            last = (await clip.state()).last
            ours = last is not None and (before.last is None or last.number > before.last.number)
            self.ledger.settle(self.shot.id, response.cost, ours=ours)
        return await self._delivered(clip, response)

    async def _delivered(self, clip: Clip, response: VideoResponse) -> ShotOutcome:
        result = await in_thread(clip.evidence.result)
        audio = result is not None and result.probe is not None and result.probe.audio
        return ShotOutcome(self.shot.id, "delivered", response=response, audio=audio)

    def _stopped(self, error: FootageError) -> ShotOutcome:
        state: ShotState = "failed"
        if isinstance(error, OverBudget):
            state = "held"
        elif isinstance(error, NotFinished | StorageProblem):
            state = "unfinished"
        next_step = error.next_step
        ended = self._ended(state, error.message, next_step and next_step.written(self.context.command))
        return replace(ended, unreachable=error.exit_code == Unreachable.exit_code)

    def _ended(self, state: ShotState, reason: str, command: str | None = None) -> ShotOutcome:
        return ShotOutcome(self.shot.id, state, reason=reason, command=command)
