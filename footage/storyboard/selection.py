"""What a cut is made of: of each shot the take that is picked, else the newest one that is not rejected."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from footage.errors.actions import Retake, command
from footage.evidence.response import response_of
from footage.storyboard.cut import ShotOutcome
from footage.storyboard.take_list import Take, chosen
from footage.values.money import money

if TYPE_CHECKING:
    from footage.storage import Store
    from footage.storyboard.plan import BoardPlan, ShotPlan

logger = logging.getLogger(__name__)

Takes = Mapping[str, Sequence[Take]]


def selected(
    store: Store, folder: str, plan: BoardPlan, outcomes: Mapping[str, ShotOutcome], takes: Takes
) -> dict[str, ShotOutcome]:
    """What the cut has of each shot, by shot id.

    Args:
        store: Where the clips are.
        folder: The board's.
        plan: The board.
        outcomes: What became of the takes that this run made, by the take's id.
        takes: All takes that there are, by shot id.
    """
    return {shot.id: _of_shot(store, folder, plan, shot, outcomes, takes) for shot in plan.shots}


def _of_shot(
    store: Store,
    folder: str,
    plan: BoardPlan,
    shot: ShotPlan,
    outcomes: Mapping[str, ShotOutcome],
    takes: Takes,
) -> ShotOutcome:
    there = takes.get(shot.id, ())
    take = chosen(there, shot.shot_sha256)
    made = outcomes.get(shot.id) or ShotOutcome(shot.id, "unfinished", reason="it is not made yet")
    if take is None or take.result is None:
        if any(one.state == "reject" for one in there):
            newest = there[-1]
            return ShotOutcome(
                shot.id,
                "rejected",
                reason="all its takes are rejected",
                command=command(Retake(_board_of(folder), shot.id, str(newest.number))),
            )
        return made
    result = take.result
    bought = {o.response.key for o in outcomes.values() if o.response is not None and not o.response.cached}
    return ShotOutcome(
        shot.id,
        "delivered",
        response_of(store, result, cached=take.key not in bought),
        audio=result.probe is not None and result.probe.audio,
        take=take.number,
        picked=take.state == "pick",
        stale=_stale(plan, shot, take, takes),
    )


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


def _board_of(folder: str) -> str:
    return folder.rpartition("/")[2]
