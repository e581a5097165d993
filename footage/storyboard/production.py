"""Make a board's shots: everything at once, except where a shot starts from another's last frame.

A shot that fails does not sink the others: those that start from it are skipped, the rest goes on.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from footage.concurrency.executors import in_heavy_thread, in_thread
from footage.steps.last_frame import last_frame_of
from footage.storyboard.crew import Crew, OnOutcome, outcome_of
from footage.storyboard.cut import ShotOutcome
from footage.storyboard.preflight import preflight, prove_store

if TYPE_CHECKING:
    from footage.context import Context
    from footage.order.prepared import Prepared
    from footage.request import VideoRequest
    from footage.storyboard.budget import Ledger
    from footage.storyboard.plan import BoardPlan, ShotPlan


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
        if shot.same_as is not None:
            # Two shots that ask for the same are one clip: paid once, used twice.
            outcome = replace(await outcomes[shot.same_as], shot_id=shot.id)
        else:
            outcome = await outcome_of(
                context, ledger, crew, shot.id, lambda: _asked(context, shot, outcomes)
            )
        outcomes[shot.id].set_result(outcome)
        if on_outcome is not None:
            await on_outcome(outcome)

    await asyncio.gather(*(one(shot) for shot in plan.shots))
    return {shot_id: future.result() for shot_id, future in outcomes.items()}


async def _asked(
    context: Context, shot: ShotPlan, outcomes: Mapping[str, asyncio.Future[ShotOutcome]]
) -> Prepared | VideoRequest | ShotOutcome:
    """What was prepared, or what to ask for, with the last frame of the shot before, where it starts from one."""
    if shot.prepared is not None:
        return shot.prepared
    before = await outcomes[shot.starts_from or ""]
    if before.response is None:
        reason = f"shot {shot.starts_from}, which it starts from, has no clip"
        return ShotOutcome(shot.id, "skipped", reason=reason)
    frame = await in_heavy_thread(last_frame_of, context.store, before.response.key)
    return shot.request_from(frame)
