"""What a run of many clips began with, a board's or a batch's, and a person perhaps said yes to.

It buys that, or nothing, however often it is started. What an earlier run had bought is no part of its caps, nor of a
yes: where it comes to nothing, this run does not buy it anew.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING

from pydantic import Field

from footage.errors import MOST_LISTED, AlreadyThere, InvalidRequest, NotThere, Problem
from footage.errors.actions import Harvest, NextStep
from footage.evidence.reader import RecordReader
from footage.evidence.records import Record, Sha256
from footage.privacy.display import shown
from footage.request import MEDIA_FIELDS
from footage.values.money import exact_money

if TYPE_CHECKING:
    from footage.storage import Store
    from footage.storyboard.board import Budget
    from footage.storyboard.plan import BoardPlan, ShotPlan


class PlanOfRun(Record):
    """`runs/<run id>/plan.json`: the clips and prices with which a run began, a board's or a batch's.

    `shots` has a SHA-256 of each shot's request with its picture and price, by the shot's id; of a batch one of all
    lines, by the name `requests`. The field is called as released versions wrote it.
    """

    shots: dict[str, Sha256] = Field(max_length=100_000)
    # Of a run with a cap or an approval: ids of the clips that were paid when it began.
    paid: tuple[str, ...] = Field(default=(), max_length=100_000)


# Ten thousand lines with the longest ids have 3 MB.
_MAX_BYTES = 8 << 20


def paid_at_begin(store: Store, run_id: str) -> frozenset[str]:
    """Of a run with a cap or an approval, ids of what was paid when it began; none where it has not begun.

    Raises:
        StorageProblem: The store cannot be read.
    """
    try:
        return frozenset(_begun(store, run_id).paid)
    except NotThere:
        return frozenset()


def is_bounded(budget: Budget) -> bool:
    """Whether a cap holds for a run, or a person's approval."""
    return (budget.max_seconds, budget.max_cost, budget.approve_above) != (None, None, None)


def require_unchanged(
    store: Store,
    run_id: str,
    fingerprints: Mapping[str, str],
    *,
    makes: bool,
    paid: Collection[str] = (),
    field: str = "shots[{}]",
    asked_since: Collection[str] = (),
) -> frozenset[str]:
    """Keep what a run makes; when it goes on after a crash or a person's answer, it must have found the same.

    Else the files could be others by then, and the run would buy within its caps once more, or what nobody approved. It
    returns what was paid when the run began, where that was kept.

    Args:
        store: The store of the clips.
        run_id: The run.
        fingerprints: SHA-256 of what it makes, by its name.
        makes: Whether something of it is not stored yet; a run that only returns what there is leaves nothing behind.
        paid: Ids of what is paid now and so no part of its caps, where it has some.
        field: What people are told changed; {} stands for that name.
        asked_since: What people may have asked for since the run began, beside what it began with.

    Raises:
        InvalidRequest: Requests, pictures or prices changed since the run began; nothing more was bought.
        StorageProblem: The store cannot be read or written.
    """
    now = PlanOfRun(shots=dict(fingerprints), paid=tuple(sorted(paid)))
    with contextlib.suppress(AlreadyThere):
        if makes:
            store.create(_path(run_id), now.to_bytes())
            return frozenset(now.paid)
    try:
        first = _begun(store, run_id)
    except NotThere:
        return frozenset(now.paid)
    new = {name for name in asked_since if name not in first.shots}
    changed = [
        name
        for name in {**first.shots, **now.shots}
        if name not in new and first.shots.get(name) != now.shots.get(name)
    ]
    if changed:
        what = "a request, its picture or its price"
        problems = tuple(Problem(field.format(name), "changed", what) for name in changed)
        head = "This run was started again, and what it makes has changed since it began; nothing more was bought:"
        lines = [f"\n  - {one.field}: {one.message}" for one in problems[:MOST_LISTED]]
        if len(problems) > MOST_LISTED:
            lines.append(f"\n  … and {len(problems) - MOST_LISTED:,} more")
        raise InvalidRequest(
            head + "".join(lines),
            problems=problems,
            next_step=NextStep.of(
                "start a new run for what there is now; what this one has bought is finished by ", Harvest()
            ),
        )
    return frozenset(first.paid)


def require_same_board(
    store: Store, run_id: str, plan: BoardPlan, *, makes: bool, paid: Collection[str] = ()
) -> frozenset[str]:
    """`require_unchanged` of a board, to which editors may have added retakes since. Raises as that.

    Where a cap or a person's approval holds for the run, it was about what there was then: a new run takes the others.
    """
    bounded = is_bounded(plan.board.budget)
    retakes = [] if bounded else [take.id for take in plan.takes if take.retake is not None]
    return require_unchanged(
        store,
        run_id,
        fingerprints(plan),
        makes=makes,
        paid=paid if bounded else (),
        asked_since=retakes,
    )


def _begun(store: Store, run_id: str) -> PlanOfRun:
    return RecordReader(store, max_bytes=_MAX_BYTES).record(_path(run_id), PlanOfRun)


def _path(run_id: str) -> str:
    return f"runs/{run_id}/plan.json"


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
    # A shot that starts from another has no picture yet; the other's own request decides that one. Those that it has
    # beside it are paths in the request, and by their bytes in the hash of the shot.
    unused = {name for name in MEDIA_FIELDS if not getattr(shot.request, name)}
    media = shot.shot_sha256 if len(unused) < len(MEDIA_FIELDS) else ""
    what = shot.key or f"{shot.starts_from} {shot.request.model_dump_json(exclude=unused)}{media}"
    price = exact_money(shot.quote.amount, shot.quote.currency)
    return hashlib.sha256(f"{what} {price}".encode()).hexdigest()
