"""What of a board is still to be bought: not the clips that are stored, nor those that are bought and on their way."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, NamedTuple

from footage.concurrency.executors import STORE_CALLS_AT_ONCE
from footage.errors import BadRecord
from footage.evidence.clip_evidence import ClipEvidence
from footage.steps.check import prepare
from footage.steps.last_frame import kept_last_frame
from footage.storyboard.board_quote import BoardQuote, quote_of
from footage.storyboard.folder import folder_of
from footage.storyboard.take_list import chosen, read_takes
from footage.storyboard.take_register import TakeRegister

if TYPE_CHECKING:
    from footage.context import Context
    from footage.storyboard.plan import BoardPlan, ShotPlan


class BoughtClip(NamedTuple):
    """A clip that is paid, and whether it is stored already."""

    key: str
    stored: bool


def still_to_buy(
    context: Context, plan: BoardPlan, *, buy_again: bool = False, besides: Collection[str] = ()
) -> BoardQuote:
    """What the board's shots cost that are neither stored nor bought; nothing is sent or written.

    With `buy_again` a purchase that nobody knows of is counted as still to come. `besides`: what else is left out.

    Raises:
        StorageProblem: The evidence cannot be read.
    """
    chains = _chains(context, plan)
    paid = _paid(context, plan, chains, buy_again)
    due = [take for take in plan.takes if take.same_as is None]
    if chains is not None:
        due += chains.made_apart(paid)
    return quote_of({take.id: take.quote for take in due}, {*paid, *besides})


def not_stored(context: Context, plan: BoardPlan) -> tuple[ShotPlan, ...]:
    """The shots whose clip is not stored yet, be it bought or not.

    Raises:
        StorageProblem: The evidence cannot be read.
    """
    paid = paid_shots(context, plan, buy_again=False)
    return tuple(shot for shot in plan.takes if shot.id not in paid or not paid[shot.id].stored)


def paid_shots(context: Context, plan: BoardPlan, buy_again: bool) -> dict[str, BoughtClip]:
    """The clips of the board's takes that are paid, or may be, by the take's id.

    Raises:
        StorageProblem: The evidence cannot be read.
    """
    return _paid(context, plan, _chains(context, plan), buy_again)


def _chains(context: Context, plan: BoardPlan) -> _Chains | None:
    return _Chains(context, plan) if any(take.starts_from for take in plan.takes) else None


def _paid(
    context: Context, plan: BoardPlan, chains: _Chains | None, buy_again: bool
) -> dict[str, BoughtClip]:
    paid: dict[str, BoughtClip] = {}

    def look(take: ShotPlan) -> BoughtClip | None:
        key = take.key if take.key is not None or chains is None else chains.key_of(take, paid)
        return None if key is None else bought_clip(context, key, buy_again=buy_again)

    with ThreadPoolExecutor(STORE_CALLS_AT_ONCE) as pool:
        # Whether a shot that starts from another is paid can be told only after that one's key is known.
        for depth in range(1, max(take.depth for take in plan.takes) + 1):
            takes = [take for take in plan.takes if take.depth == depth]
            paid |= {take.id: clip for take, clip in zip(takes, pool.map(look, takes), strict=True) if clip}
    return paid


class _Chains:
    """Which clip a take is that starts from another shot's last frame, as far as that can be told."""

    def __init__(self, context: Context, plan: BoardPlan) -> None:
        folder = folder_of(context.store, plan.board)
        self._context = context
        self._plan = plan
        self._register = TakeRegister(context.store, folder)
        self._takes = read_takes(context.store, folder)

    def key_of(self, take: ShotPlan, paid: Mapping[str, BoughtClip]) -> str | None:
        """The key of the take; None where the frame that it starts from is not there or not known yet."""
        record = self._register.paid(take)
        if record is not None:
            return record.key
        before = self._source_key(self._plan.shot(take.starts_from or ""), paid)
        if before is None:
            return None
        if take.continues:
            return prepare(self._context, take.request_after(before)).key
        frame = kept_last_frame(self._context.store, before)
        if frame is None:
            return None
        return prepare(self._context, take.request_from(frame)).key

    def made_apart(self, paid: Mapping[str, BoughtClip]) -> list[ShotPlan]:
        """Takes that ask for the same as an earlier one and start from another take: each is a clip of its own."""
        apart: dict[tuple[str, str], ShotPlan] = {}
        for take in self._plan.takes:
            if take.same_as is None or take.starts_from is None:
                continue
            start = self._start(take, paid)
            start_of_other = self._start(self._plan.take(take.same_as), paid)
            if start is not None and start_of_other is not None and start != start_of_other:
                apart.setdefault((take.same_as, start), take)
        return list(apart.values())

    def _start(self, take: ShotPlan, paid: Mapping[str, BoughtClip]) -> str | None:
        """The key of the clip that a take starts from; None where that is not known yet."""
        record = self._register.paid(take)
        if record is not None and record.starts_from is not None:
            return record.starts_from
        return self._source_key(self._plan.shot(take.starts_from or ""), paid)

    def _source_key(self, source: ShotPlan, paid: Mapping[str, BoughtClip]) -> str | None:
        planned = [take for take in self._plan.takes if take.shot.id == source.id]
        clips = [clip for take in planned if (clip := paid.get(take.id)) is not None and clip.stored]
        if len(clips) < len(planned):
            # One of them is still to come, and may be the one that is used then.
            return None
        known = self._takes.get(source.id)
        if known:
            used = chosen(known, source.shot_sha256)
            return used.key if used is not None else None
        return clips[0].key if len(clips) == 1 else None


def bought_clip(context: Context, key: str, *, buy_again: bool = False) -> BoughtClip | None:
    """The clip of this key if it is paid, or may be; with `buy_again` only what is known to be.

    One whose records do not fit counts as paid: nothing is bought for it, and it alone ends with what is wrong.

    Raises:
        StorageProblem: The evidence cannot be read.
    """
    evidence = ClipEvidence(context.store, key)
    try:
        if evidence.result() is not None:
            return BoughtClip(key, stored=True)
        state = evidence.state()
    except BadRecord:
        return BoughtClip(key, stored=False)
    doubtful = state.last is not None and state.last.unknown
    return BoughtClip(key, stored=False) if state.unfinished and not (doubtful and buy_again) else None
