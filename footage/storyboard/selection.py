"""What a cut is made of: of each shot the take that is picked, else the newest one that is not rejected."""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from footage.errors.actions import BOARD_FILE, Retake, command
from footage.evidence.response import response_of
from footage.storyboard.cut import ShotOutcome
from footage.storyboard.take_list import Take, all_rejected, chosen
from footage.values.money import money

if TYPE_CHECKING:
    from footage.storage import Store
    from footage.storyboard.plan import BoardPlan, ShotPlan

logger = logging.getLogger(__name__)

Takes = Mapping[str, Sequence[Take]]


def selected(
    store: Store, plan: BoardPlan, outcomes: Mapping[str, ShotOutcome], takes: Takes
) -> dict[str, ShotOutcome]:
    """What the cut has of each shot, by shot id.

    Args:
        store: Where the clips are.
        plan: The board.
        outcomes: What became of the takes that this run made, by the take's id.
        takes: All takes that there are, by shot id.
    """
    bought = {o.response.key for o in outcomes.values() if o.response is not None and not o.response.cached}
    made: dict[str, list[ShotOutcome]] = {}
    for take in plan.takes:
        if take.id in outcomes:
            made.setdefault(take.shot.id, []).append(outcomes[take.id])
    return {shot.id: _of_shot(store, plan, shot, made.get(shot.id, ()), takes, bought) for shot in plan.shots}


def _of_shot(
    store: Store,
    plan: BoardPlan,
    shot: ShotPlan,
    made: Sequence[ShotOutcome],
    takes: Takes,
    bought: Collection[str],
) -> ShotOutcome:
    take = chosen(takes.get(shot.id, ()), shot.shot_sha256)
    if take is None or take.result is None:
        return _missing(shot, made, takes.get(shot.id, ()))
    result = take.result
    return ShotOutcome(
        shot.id,
        "delivered",
        response_of(store, result, cached=take.key not in bought),
        audio=result.probe is not None and result.probe.audio,
        take=take.number,
        picked=take.state == "pick",
        stale=_stale(plan, shot, take, takes),
    )


def _missing(shot: ShotPlan, made: Sequence[ShotOutcome], takes: Sequence[Take]) -> ShotOutcome:
    """Why there is no clip of a shot: nobody wants those that there are, or what became of those that are asked."""
    if all_rejected(takes, shot.shot_sha256):
        action = Retake(BOARD_FILE, shot.id, str(takes[-1].number))
        reason = "all its takes are rejected"
        return ShotOutcome(shot.id, "rejected", reason=reason, command=command(action))
    # One that is rejected is delivered all the same, and nothing for a cut.
    rejected = {take.key for take in takes if take.state == "reject"}
    for outcome in made:
        if outcome.response is None or outcome.response.key not in rejected:
            return replace(outcome, shot_id=shot.id)
    ordered = any(take.is_of(shot.shot_sha256) and take.result is None for take in takes)
    reason = "a take of it is ordered, and not delivered yet" if ordered else "it is not made yet"
    return ShotOutcome(shot.id, "unfinished", reason=reason)


def _stale(plan: BoardPlan, shot: ShotPlan, take: Take, takes: Takes) -> str | None:
    """Why a take does not follow from the clip that is used of the shot before it, and what a new one costs."""
    if shot.starts_from is None or take.record.starts_from is None:
        return None
    before = takes.get(shot.starts_from, ())
    used = chosen(before, plan.shot(shot.starts_from).shot_sha256)
    if used is None or used.key == take.record.starts_from:
        return None
    began = next(
        (f"take {one.number}" for one in before if one.key == take.record.starts_from), "another take"
    )
    price = money(shot.quote.amount, shot.quote.currency)
    return (
        f"it starts from {began} of shot {shot.starts_from}, of which take {used.number} is used now; "
        f"it stays as it is, a retake costs {price}"
    )
