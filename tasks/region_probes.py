"""Probes of a run of many clips: one read-only question for each region in which something is left to buy."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from footage.concurrency.executors import in_thread
from footage.context import Context
from footage.errors import AccountProblem, Unreachable
from footage.evidence.paid import with_what_is_booked
from footage.storyboard import BoardPlan
from footage.storyboard.crew import ask_running_tasks
from footage.storyboard.to_buy import not_stored
from tasks.probe import probe


async def probe_regions(
    context: Context, models: Mapping[str, str], keys: Iterable[str]
) -> dict[str, AccountProblem]:
    """Probe each region for one of its models; why regions refused the key.

    Raises:
        Unreachable: One does not answer now; it says what is booked of the clips with these keys.
        Throttled: As that.
        InvalidRequest: The address that the operator set is wrong.
    """
    refused: dict[str, AccountProblem] = {}
    try:
        for region, model in models.items():
            try:
                await probe(context, region, model)
            except AccountProblem as error:
                refused[region] = error
    except Unreachable as error:
        # The run works on no clip yet, but an earlier one may have bought some of these.
        raise await in_thread(with_what_is_booked, error, context.store, [*keys]) from None
    return refused


async def probe_board(context: Context, plan: BoardPlan) -> dict[str, int]:
    """Probe each region once in which a shot is left to make; a board that is all stored needs no provider.

    What comes back says how many tasks of a model the accounts may run now.

    Raises:
        AccountProblem: A region refused the key.
        Unreachable, Throttled, InvalidRequest: As `probe_regions`.
    """
    left = await in_thread(not_stored, context, plan)
    models = {shot.region: shot.request.model for shot in left}
    keys = (shot.key for shot in plan.takes if shot.key is not None)
    for error in (await probe_regions(context, models, keys)).values():
        raise error
    return await ask_running_tasks(context, ((shot.request.model, shot.region) for shot in left))
