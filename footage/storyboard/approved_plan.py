"""What a person said yes to: a run that waited for its approval buys that, or nothing."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING

from pydantic import Field

from footage.errors import AlreadyThere, InvalidRequest, Problem
from footage.evidence.reader import RecordReader
from footage.evidence.records import Record, Sha256
from footage.privacy.display import shown
from footage.request import MEDIA_FIELDS
from footage.values.money import exact_money

if TYPE_CHECKING:
    from footage.storage import Store
    from footage.storyboard.plan import BoardPlan, ShotPlan


class ShownPlan(Record):
    """`runs/<run id>/plan.json`: the clips and prices that a run asked about."""

    # SHA-256 of each shot's request with its picture and price, by the shot's id; of a batch one of all.
    shots: dict[str, Sha256] = Field(max_length=100_000)


def require_shown(
    store: Store, run_id: str, fingerprints: Mapping[str, str], field: str = "shots[{}]"
) -> None:
    """Keep what a run asks a person about; the run that goes on with the answer must have found the same.

    Args:
        store: The store of the clips.
        run_id: The run that asks.
        fingerprints: SHA-256 of what is asked about, by its name.
        field: What people are told changed; {} stands for that name.

    Raises:
        InvalidRequest: Requests, pictures or prices changed since; nothing was bought.
        StorageProblem: The store cannot be read or written.
    """
    path = f"runs/{run_id}/plan.json"
    now = ShownPlan(shots=dict(fingerprints))
    try:
        store.create(path, now.to_bytes())
        return
    except AlreadyThere:
        shown = RecordReader(store).record(path, ShownPlan)
    changed = [name for name in {**shown.shots, **now.shots} if shown.shots.get(name) != now.shots.get(name)]
    if changed:
        why = "its request, picture or price is not the one whose price was asked about; nothing was bought"
        raise InvalidRequest(
            problems=tuple(Problem(field.format(name), "changed", why) for name in changed),
            next_step="start it again, to see and approve what it costs now",
        )


def fingerprints(plan: BoardPlan) -> dict[str, str]:
    """What tells a shot with its picture and price from another one."""
    return {shot.id: _fingerprint(shot) for shot in plan.takes}


def quote_token(plan: BoardPlan) -> str:
    """What tells everything that a plan makes, with its pictures and prices, from another plan."""
    return hashlib.sha256(json.dumps(fingerprints(plan), sort_keys=True).encode()).hexdigest()


def require_quoted(plan: BoardPlan, quote: str) -> None:
    """Refuse a plan that is not the one that was quoted.

    Raises:
        InvalidRequest: A request, a picture or a price is another one now; nothing was bought.
    """
    if quote_token(plan) != quote:
        why = "the request, its picture or its price is another one now; nothing was bought"
        raise InvalidRequest(
            problems=(Problem("quote", shown(quote), why),), next_step="ask for the price again"
        )


def _fingerprint(shot: ShotPlan) -> str:
    # A shot that starts from another has no picture yet; the other's own request decides that one.
    unused = {name for name in MEDIA_FIELDS if not getattr(shot.request, name)}
    what = shot.key or f"{shot.starts_from} {shot.request.model_dump_json(exclude=unused)}"
    price = exact_money(shot.quote.amount, shot.quote.currency)
    return hashlib.sha256(f"{what} {price}".encode()).hexdigest()
