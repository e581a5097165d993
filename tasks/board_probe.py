"""Probe for a board: one read-only question for each region in which something is left to buy."""

from __future__ import annotations

from footage.concurrency.executors import in_thread
from footage.context import Context
from footage.errors import Unreachable
from footage.evidence.paid import with_what_is_booked
from footage.storyboard import BoardPlan
from footage.storyboard.crew import ask_running_tasks
from footage.storyboard.to_buy import not_stored
from tasks.probe import probe


async def probe_board(context: Context, plan: BoardPlan) -> dict[str, int]:
    """Probe each region once in which a shot is left to make; a board that is all stored needs no provider.

    What comes back says how many tasks of a model the accounts may run now.
    """
    left = await in_thread(not_stored, context, plan)
    models = {shot.region: shot.request.model for shot in left}
    try:
        for region, model in models.items():
            await probe(context, region, model)
    except Unreachable as error:
        # The run works on no clip yet, but an earlier one may have bought some of these shots.
        keys = [shot.key for shot in plan.takes if shot.key is not None]
        raise await in_thread(with_what_is_booked, error, context.store, keys) from None
    return await ask_running_tasks(context, ((shot.request.model, shot.region) for shot in left))
