"""Make the takes of a board: everything at once, except where a shot starts from another's last frame.

A take that fails does not sink the others: shots that start from it are skipped, the rest goes on. What is paid stays
as it is: a take that started from a clip which is not used any more is found again, and not made anew.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from footage.concurrency.executors import in_heavy_thread, in_thread
from footage.errors.actions import NextStep, Pick
from footage.order.clip_by_key import ClipByKey
from footage.steps.check import prepare
from footage.steps.last_frame import last_frame_of
from footage.storyboard.crew import BeforeBuying, Crew, OnOutcome, outcome_of
from footage.storyboard.cut import ShotOutcome
from footage.storyboard.preflight import preflight, prove_store
from footage.storyboard.take_list import all_rejected, chosen, read_takes
from footage.storyboard.take_register import TakeRegister, order_retakes

if TYPE_CHECKING:
    from footage.clip import Clip
    from footage.context import Context
    from footage.order.prepared import Prepared
    from footage.request import VideoRequest
    from footage.storyboard.budget import Ledger
    from footage.storyboard.plan import BoardPlan, ShotPlan


async def produce(
    context: Context,
    plan: BoardPlan,
    ledger: Ledger,
    crew: Crew,
    on_outcome: OnOutcome | None = None,
    *,
    approve_shots: bool = False,
) -> dict[str, ShotOutcome]:
    """Make all takes of a plan; the outcome of each, by id.

    Never raises for a take: what went wrong with it is in its outcome, with the command that mends it. With
    `approve_shots` nothing is bought that starts from a shot of which no take is picked.

    Raises:
        InvalidRequest: The cut could not be made of this board, or somebody else asked for another take under the same
            number; nothing was bought.
        StorageProblem: The store does not take the board's own files; nothing was bought.
    """
    await in_heavy_thread(preflight, plan)
    folder = await in_thread(prove_store, context.store, plan)
    await in_thread(order_retakes, context.store, folder, plan)
    register = await in_thread(TakeRegister, context.store, folder)
    outcomes: dict[str, asyncio.Future[ShotOutcome]] = {
        take.id: asyncio.get_running_loop().create_future() for take in plan.takes
    }
    run = _TakesOfRun(context, plan, ledger, crew, register, outcomes, approve_shots)

    async def one(take: ShotPlan) -> None:
        outcome = await run.outcome(take)
        outcomes[take.id].set_result(outcome)
        if on_outcome is not None:
            await on_outcome(outcome)

    await asyncio.gather(*(one(take) for take in plan.takes))
    return {take_id: future.result() for take_id, future in outcomes.items()}


class _TakesOfRun:
    """The takes of one run, each as soon as what it starts from is there."""

    def __init__(
        self,
        context: Context,
        plan: BoardPlan,
        ledger: Ledger,
        crew: Crew,
        register: TakeRegister,
        outcomes: Mapping[str, asyncio.Future[ShotOutcome]],
        approve_shots: bool,
    ) -> None:
        self._context = context
        self._plan = plan
        self._ledger = ledger
        self._crew = crew
        self._register = register
        self._outcomes = outcomes
        self._approve_shots = approve_shots

    async def outcome(self, take: ShotPlan) -> ShotOutcome:
        """Make one take; never raises for it."""
        # The clip from whose last frame it starts, once that is known.
        starts_from: str | None = None

        async def ask() -> Prepared | VideoRequest | ClipByKey | ShotOutcome:
            nonlocal starts_from
            if take.starts_from is not None:
                start = await self._start(take)
                if isinstance(start, ShotOutcome):
                    return start
                starts_from = start
            if (same := await self._of_the_same_clip(take, starts_from)) is not None:
                return same
            if take.prepared is not None:
                return take.prepared
            if take.continues:
                return await self._as_paid(take, take.request_after(starts_from or ""))
            frame = await in_heavy_thread(last_frame_of, self._context.store, starts_from or "")
            return await self._as_paid(take, take.request_from(frame))

        async def check(
            asked: Prepared | VideoRequest | ClipByKey, name: str, before_buying: BeforeBuying
        ) -> Clip:
            clip = await self._crew.check(asked, name, before_buying)
            await in_thread(self._register.add, take, clip.key, starts_from)
            return clip

        return await outcome_of(self._context, self._ledger, replace(self._crew, check=check), take.id, ask)

    async def _as_paid(self, take: ShotPlan, asked: VideoRequest) -> Prepared | VideoRequest | ClipByKey:
        """What a chained take asks for; of one that is paid and comes out as another clip now, the key of the paid one.

        A last frame that was lost and is decoded anew by another version has other bytes.
        """
        record = await in_thread(self._register.paid, take)
        if record is None:
            return asked
        prepared = await in_heavy_thread(prepare, self._context, asked)
        return prepared if prepared.key == record.key else ClipByKey(record.key)

    async def _of_the_same_clip(self, take: ShotPlan, starts_from: str | None) -> ShotOutcome | None:
        """What became of an earlier take that asks for the same: one clip, paid once and used twice."""
        if take.same_as is None:
            return None
        outcome = await self._outcomes[take.same_as]
        # Not the same where somebody picked different takes of the two shots that they start from.
        if take.starts_from is not None and starts_from != await self._start(self._plan.take(take.same_as)):
            return None
        if outcome.response is not None:
            await in_thread(self._register.add, take, outcome.response.key, starts_from)
        return replace(outcome, shot_id=take.id)

    async def _start(self, take: ShotPlan) -> str | ShotOutcome:
        """The key of the clip whose last frame a take starts from, or how the take ends where there is none."""
        record = await in_thread(self._register.paid, take)
        if record is not None and record.starts_from is not None:
            return record.starts_from
        source = self._plan.shot(take.starts_from or "")
        for other in self._plan.takes:
            if other.shot.id == source.id:
                await self._outcomes[other.id]
        found = await in_thread(read_takes, self._context.store, self._register.folder, source.id)
        takes = found.get(source.id, ())
        used = chosen(takes, source.shot_sha256)
        if used is None:
            why = "has only rejected takes" if all_rejected(takes, source.shot_sha256) else "has no clip"
            return ShotOutcome(take.id, "skipped", reason=f"shot {source.id}, which it starts from, {why}")
        if self._approve_shots and used.state != "pick":
            board = self._register.folder.rpartition("/")[2]
            go_on = NextStep.of(Pick(board, source.id, str(used.number)), ", then run the board again")
            return ShotOutcome(
                take.id,
                "waiting",
                reason=f"no take of shot {source.id}, which it starts from, is picked yet",
                command=go_on.written(self._context.command),
            )
        return used.key
