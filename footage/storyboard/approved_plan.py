"""What a person said yes to: a run that waited for its approval buys that, or nothing."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from pydantic import Field

from footage.errors import AlreadyThere, InvalidRequest, Problem
from footage.evidence.reader import RecordReader
from footage.evidence.records import Record, Sha256
from footage.values.money import exact_money

if TYPE_CHECKING:
    from footage.storage import Store
    from footage.storyboard.plan import BoardPlan, ShotPlan


class ShownPlan(Record):
    """`runs/<run id>/plan.json`: the clips and prices that a run asked about."""

    # SHA-256 of each shot's request with its picture and price, by the shot's id.
    shots: dict[str, Sha256] = Field(max_length=100_000)


def require_shown(store: Store, run_id: str, plan: BoardPlan) -> None:
    """Keep what a run asks a person about; the run that goes on with the answer must have found the same.

    Raises:
        InvalidRequest: Board, pictures or prices changed since; nothing was bought.
        StorageProblem: The store cannot be read or written.
    """
    path = f"runs/{run_id}/plan.json"
    now = ShownPlan(shots={shot.id: _fingerprint(shot) for shot in plan.shots})
    try:
        store.create(path, now.to_bytes())
        return
    except AlreadyThere:
        shown = RecordReader(store).record(path, ShownPlan)
    changed = [
        shot_id
        for shot_id in {**shown.shots, **now.shots}
        if shown.shots.get(shot_id) != now.shots.get(shot_id)
    ]
    if changed:
        why = "its request, picture or price is not the one whose price was asked about; nothing was bought"
        raise InvalidRequest(
            problems=tuple(Problem(f"shots[{shot_id}]", "changed", why) for shot_id in changed),
            next_step="run the board again, to see and approve what it costs now",
        )


def _fingerprint(shot: ShotPlan) -> str:
    # A shot that starts from another has no picture yet; the other's own request decides that one.
    what = shot.key or f"{shot.starts_from} {shot.request.model_dump_json()}"
    price = exact_money(shot.quote.amount, shot.quote.currency)
    return hashlib.sha256(f"{what} {price}".encode()).hexdigest()
