"""Where a clip stands, and the one step that comes next: decided from the evidence alone.

    no attempt ──► SUBMIT ──► POLL ──► DELIVER ──► SEAL ──► done
                     ▲  │       │
                     │  └ intent without receipt: SUBMIT reconciles before anything else
                     └── failed and worth another attempt

No clock, no I/O: every loop in this project asks this function.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any

from footage.errors import ClipFailed, ClipLost, GenerationFailed
from footage.evidence.records import CancelWish, Intent, Outcome, Receipt


class Step(Enum):
    """The four steps between a checked order and a finished clip."""

    SUBMIT = "submit"
    POLL = "poll"
    DELIVER = "deliver"
    SEAL = "evidence"


@dataclass(frozen=True)
class Attempt:
    """One purchase, as far as it came."""

    number: int
    intent: Intent
    receipt: Receipt | None = None
    outcome: Outcome | None = None
    settlement: Outcome | None = None
    cancel: CancelWish | None = None

    @property
    def ended(self) -> Outcome | None:
        """How it really ended; an abandoned attempt has no end until it is settled."""
        if self.settlement is not None:
            return self.settlement
        if self.outcome is not None and self.outcome.status == "abandoned":
            return None
        return self.outcome

    @property
    def unknown(self) -> bool:
        """Whether a create may have been sent whose answer nobody has."""
        return self.receipt is None and self.outcome is None

    @property
    def open(self) -> bool:
        """Whether something bought, or perhaps bought, is still without an end."""
        return self.ended is None


@dataclass(frozen=True)
class ClipState:
    """Everything the evidence says about one clip."""

    key: str
    attempts: tuple[Attempt, ...] = ()
    delivered: dict[str, Any] | None = None
    result: dict[str, Any] | None = None

    @property
    def last(self) -> Attempt | None:
        return self.attempts[-1] if self.attempts else None

    @property
    def unfinished(self) -> bool:
        """Whether something was bought, or may have been, that is not delivered yet."""
        last = self.last
        if self.result is not None or last is None:
            return False
        return last.ended is None or last.ended.status == "succeeded"


@dataclass(frozen=True)
class Permission:
    """What a run may start anew: its own attempts, and what a person explicitly asked for."""

    # Attempts that existed when the run began; later ones are its own.
    attempts_before: int = 0
    max_attempts: int = 3
    # A person asks to try a failed clip again although nothing changed.
    retry_failed: bool = False
    # A person accepts that a lost or unknown purchase is paid a second time.
    buy_again: bool = False
    # Harvest finishes what was bought and never buys.
    may_buy: bool = True


def next_step(state: ClipState, permission: Permission) -> Step | None:
    """The step that comes next; None when there is nothing to do for this run.

    Raises:
        GenerationFailed: The last attempt failed and a new one needs a person's word.
        ClipLost: The last attempt may have been billed and its result is gone.
    """
    if state.result is not None:
        return None
    if state.delivered is not None:
        return Step.SEAL
    last = state.last
    if last is None:
        return Step.SUBMIT if permission.may_buy else None
    if last.unknown:
        return Step.SUBMIT
    ended = last.ended
    if ended is None:
        return Step.POLL
    if ended.status == "succeeded":
        return Step.DELIVER
    if not permission.may_buy:
        return None
    _require_permission(state.key, ended, permission)
    return Step.SUBMIT


def _require_permission(key: str, ended: Outcome, permission: Permission) -> None:
    """Refuse a new attempt after `ended` unless this run may start one."""
    own = ended.attempt - permission.attempts_before
    inherited = own <= 0
    if ended.status == "lost":
        if inherited and permission.buy_again:
            return
        raise ClipLost(
            f"Clip {key[:12]}: task or result no longer exist at the provider ({ended.message or 'UNKNOWN'}). "
            "It may have been billed.",
            next_step=f"wan-video generate --key {key} --buy-again",
            key=key,
        )
    if ended.status == "canceled" and inherited:
        return  # Nothing was billed, and somebody asks for the clip again.
    if ended.status == "failed" and inherited and (ended.may_retry or permission.retry_failed):
        return
    if ended.status == "failed" and ended.may_retry and own < permission.max_attempts:
        return
    raise _failure(key, ended)


def _failure(key: str, ended: Outcome) -> ClipFailed:
    code = f"{ended.code}: " if ended.code else ""
    return GenerationFailed(
        f"Clip {key[:12]}, attempt {ended.attempt}: {code}{(ended.message or 'the provider gave no reason').rstrip('.')}. "
        "Failed attempts are not billed.",
        next_step=f"change the request, or try the same again: wan-video generate --key {key} --retry-failed",
        key=key,
        code=ended.code,
        reason=ended.message,
        may_retry=ended.may_retry,
    )
