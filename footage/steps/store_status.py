"""What an operator asks of a store: what waits, how old it is, what was spent, what was refused, what expires next."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from footage.errors import ClipFailed, NotFinished
from footage.evidence.clip_evidence import ClipEvidence
from footage.evidence.paid import paid
from footage.evidence.response import response_of
from footage.retirement.models_seen import read_models_seen
from footage.retirement.notice import ModelNotice, notices
from footage.spending.stop_switch import StopOrder, stopped
from footage.steps.booking import TASK_LIFE
from footage.steps.check import full_key
from footage.steps.open_clips import OpenClips, Unfinished, look
from footage.steps.verify import LastNight, last_night
from footage.values.money import amount_text

if TYPE_CHECKING:
    from footage.context import Context
    from footage.evidence.state import ClipState
    from footage.spending.caps import Cap
    from footage.spending.ledger_lines import Spent


@dataclass(frozen=True)
class StoreStatus:
    """One look at a store, at one time."""

    at: datetime
    store: str
    waiting: list[Unfinished]
    spent: Spent
    caps: tuple[Cap, ...]
    stopped: StopOrder | None
    night: LastNight | None
    # Models that stop, or whose limits shrink, as they were seen last.
    retiring: list[ModelNotice] = field(default_factory=list[ModelNotice])
    warnings: list[str] = field(default_factory=list[str])

    @property
    def unknown(self) -> int:
        """Clips that may have been bought, and nobody knows yet."""
        return sum(clip.status in ("unknown", "unreadable") for clip in self.waiting)

    @property
    def oldest_s(self) -> float | None:
        """For how long the oldest clip has waited, in seconds."""
        ages = [age for clip in self.waiting if (age := self.age_s(clip)) is not None]
        return max(ages, default=None)

    def age_s(self, clip: Unfinished) -> float | None:
        """For how long a clip has waited, in seconds; None where its records do not tell."""
        if clip.expires_at is None:
            return None
        return max((self.at - (clip.expires_at - TASK_LIFE)).total_seconds(), 0.0)

    @property
    def next_to_expire(self) -> Unfinished | None:
        """The clip whose result the provider deletes first."""
        dated = [clip for clip in self.waiting if clip.expires_at is not None]
        return min(dated, key=lambda clip: clip.expires_at or self.at, default=None)

    @property
    def unbilled(self) -> Mapping[str, int]:
        """Creates of today that were sent and cost nothing, by the reason."""
        return {
            why: number
            for why, number in self.spent.corrected.items()
            if why not in ("billed", "unsent") and number
        }

    @property
    def creates(self) -> int:
        """Creates of today that were sent, or are about to be."""
        return self.spent.creates - self.spent.corrected.get("unsent", 0)

    def to_json(self) -> dict[str, Any]:
        """Everything, with exact amounts."""
        following = self.next_to_expire
        return {
            "at": self.at.isoformat(timespec="seconds"),
            "store": self.store,
            "waiting": len(self.waiting),
            "unknown": self.unknown,
            "oldest_s": None if self.oldest_s is None else round(self.oldest_s),
            "next_to_expire": None
            if following is None or following.expires_at is None
            else {"key": following.key, "at": following.expires_at.isoformat(timespec="seconds")},
            "day": str(self.spent.day),
            "spent_today": _plain(self.spent.of_day),
            "spent_this_month": _plain(self.spent.of_month),
            "creates_today": self.creates,
            "unbilled_today": dict(self.unbilled),
            "caps": [cap.to_json(self.spent) for cap in self.caps],
            "buying_stopped": None if self.stopped is None else self.stopped.in_words(),
            "last_check": None if self.night is None else self.night.to_json(),
            "models_retiring": [notice.to_json() for notice in self.retiring],
            "warnings": self.warnings,
        }


def _plain(sums: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, str]]:
    return {
        model: {currency: amount_text(amount) for currency, amount in amounts.items()}
        for model, amounts in sorted(sums.items())
    }


def store_status(context: Context, before: OpenClips | None = None) -> StoreStatus:
    """Look at a store; costs what is open in it, and not what ever was. Writes nothing and asks no provider.

    `before` is what a harvest found open a while ago: only what has no task by that, and what came since, is looked at.

    Raises:
        BadRecord: The ledger does not fit.
        StorageProblem: The store cannot be read.
    """
    now = context.provider_now()
    seen = before.unfinished if before else []
    known = {clip.key: clip for clip in seen if clip.task_id is not None or clip.left_to_a_person(now)}
    found = look(context.store, known)
    return StoreStatus(
        at=now,
        store=context.store.url,
        waiting=found.unfinished,
        spent=context.spending.spent(now),
        caps=tuple(context.caps),
        stopped=stopped(context.store),
        night=last_night(context.store),
        retiring=notices(read_models_seen(context.store), now),
        warnings=found.warnings,
    )


@dataclass(frozen=True)
class ClipStatus:
    """Where one clip stands."""

    key: str
    state: str
    paid: str
    task_id: str | None = None
    expires_at: datetime | None = None
    video_url: str | None = None
    # Nothing more becomes of it without somebody's word; and the exit code that says how it ended, 5 while it goes on.
    ended: bool = False
    exit_code: int = NotFinished.exit_code

    def to_json(self) -> dict[str, Any]:
        """Everything."""
        expires_at = None if self.expires_at is None else self.expires_at.isoformat(timespec="seconds")
        return {
            "key": self.key,
            "state": self.state,
            "paid": self.paid,
            "task_id": self.task_id,
            "expires_at": expires_at,
            "video_url": self.video_url,
        }


def clip_status(context: Context, key: str) -> ClipStatus:
    """Where the clip stands whose key begins with `key`.

    Raises:
        InvalidRequest: No clip of this store has a key that begins like this, or several have.
        BadRecord: Its evidence does not fit.
        StorageProblem: Its evidence cannot be read.
    """
    key = full_key(context, key)
    evidence = ClipEvidence(context.store, key)
    state = evidence.state()
    receipt = state.last.receipt if state.last else None
    # Between a failed attempt and the next one the marker is there.
    ended = state.result is not None or (state.over and not evidence.is_marked_open())
    return ClipStatus(
        key=key,
        state=state_in_words(state),
        paid=paid(state),
        task_id=receipt.task_id if receipt else None,
        expires_at=receipt.expires_at if receipt and state.unfinished else None,
        video_url=response_of(context.store, state.result, cached=True).video_url if state.result else None,
        ended=ended,
        exit_code=_exit_code(state) if ended else NotFinished.exit_code,
    )


def _exit_code(state: ClipState) -> int:
    if state.result is not None:
        return 0
    canceled = state.last is None or state.last.ended is None or state.last.ended.status == "canceled"
    return NotFinished.exit_code if canceled else ClipFailed.exit_code


def state_in_words(state: ClipState) -> str:
    """Where a clip stands, for a person."""
    last = state.last
    if state.result is not None:
        return "finished"
    if state.delivered is not None:
        return "delivered, not sealed"
    if last is None:
        return "ordered, nothing bought"
    if last.unknown:
        return "unknown: perhaps bought"
    if last.word is None:
        return "waiting for the provider"
    return {"succeeded": "made, not delivered", "abandoned": "cancelled, runs on at the provider"}.get(
        last.word.status, last.word.status
    )
