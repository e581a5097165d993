"""What of a board is still to be bought: not the clips that are stored, nor those that are bought and on their way."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, NamedTuple

from footage.errors import NotThere
from footage.evidence.clip_evidence import ClipEvidence
from footage.steps.check import prepare
from footage.steps.last_frame import last_frame_path
from footage.storyboard.board_quote import BoardQuote, quote_of

if TYPE_CHECKING:
    from footage.context import Context
    from footage.storyboard.plan import BoardPlan, ShotPlan

# A store over the network takes tens of milliseconds to answer.
AT_ONCE = 16


class BoughtClip(NamedTuple):
    """A clip that is paid, and whether it is stored already."""

    key: str
    stored: bool


def still_to_buy(context: Context, plan: BoardPlan, *, buy_again: bool = False) -> BoardQuote:
    """What the board's shots cost that are neither stored nor bought; nothing is sent or written.

    With `buy_again` a purchase that nobody knows of is counted as still to come.

    Raises:
        StorageProblem: The evidence cannot be read.
    """
    paid = _paid_shots(context, plan, buy_again)
    return quote_of({shot.id: shot.quote for shot in plan.shots if shot.same_as is None}, paid)


def not_stored(context: Context, plan: BoardPlan) -> tuple[ShotPlan, ...]:
    """The shots whose clip is not stored yet, be it bought or not.

    Raises:
        StorageProblem: The evidence cannot be read.
    """
    paid = _paid_shots(context, plan, buy_again=False)
    return tuple(shot for shot in plan.shots if shot.id not in paid or not paid[shot.id].stored)


def _paid_shots(context: Context, plan: BoardPlan, buy_again: bool) -> dict[str, BoughtClip]:
    paid: dict[str, BoughtClip] = {}

    def look(shot: ShotPlan) -> BoughtClip | None:
        return _paid(context, shot, paid.get(shot.starts_from or ""), buy_again)

    with ThreadPoolExecutor(AT_ONCE) as pool:
        # Whether a shot that starts from another is paid can be told only after that one's key is known.
        for depth in range(1, max(shot.depth for shot in plan.shots) + 1):
            shots = [shot for shot in plan.shots if shot.depth == depth]
            paid |= {shot.id: clip for shot, clip in zip(shots, pool.map(look, shots), strict=True) if clip}
    return paid


def _paid(context: Context, shot: ShotPlan, before: BoughtClip | None, buy_again: bool) -> BoughtClip | None:
    """The shot's clip if it is paid; `before` is the clip that it starts from, as far as that is paid."""
    key = shot.key
    if key is None:
        if before is None or not before.stored:
            return None
        try:
            frame = context.store.read(last_frame_path(before.key))
        except NotThere:
            return None
        key = prepare(context, shot.request_from(frame)).key
    return bought_clip(context, key, buy_again=buy_again)


def bought_clip(context: Context, key: str, *, buy_again: bool = False) -> BoughtClip | None:
    """The clip of this key if it is paid, or may be; with `buy_again` only what is known to be.

    Raises:
        StorageProblem: The evidence cannot be read.
    """
    evidence = ClipEvidence(context.store, key)
    if evidence.result() is not None:
        return BoughtClip(key, stored=True)
    state = evidence.state()
    doubtful = state.last is not None and state.last.unknown
    return BoughtClip(key, stored=False) if state.unfinished and not (doubtful and buy_again) else None
