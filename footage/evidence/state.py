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

from footage.errors import Canceled, ClipLost, FootageError, GenerationFailed, Unreachable
from footage.errors.actions import NextStep, Rerun
from footage.evidence.delivered_records import DeliveredRecord, ResultRecord
from footage.evidence.records import Intent, Outcome, Receipt
from footage.values.money import Amount


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
    # False: the claim of the receipt's task is gone; it has to be made again before the task is followed.
    claimed: bool = True
    outcome: Outcome | None = None
    # Later words about it; the last one counts.
    settlements: tuple[Outcome, ...] = ()
    # Tasks that are ours if nobody else claimed them: the worker died before it wrote the receipt.
    found: tuple[Receipt, ...] = ()

    @property
    def ended(self) -> Outcome | None:
        """How it really ended; an abandoned attempt has no end until it is settled."""
        word = self.word
        return None if word is not None and word.status == "abandoned" else word

    @property
    def word(self) -> Outcome | None:
        """The last that was written down about its end."""
        return self.settlements[-1] if self.settlements else self.outcome

    @property
    def unknown(self) -> bool:
        """Whether a create may have been sent whose answer nobody has."""
        return self.receipt is None and self.outcome is None


@dataclass(frozen=True)
class ClipState:
    """Everything the evidence says about one clip."""

    key: str
    attempts: tuple[Attempt, ...] = ()
    delivered: DeliveredRecord | None = None
    result: ResultRecord | None = None
    # Wishes to cancel are counted; a run that is started later notes which of them it overrides.
    wishes: int = 0
    overridden: int = 0
    # Whether a worker has had this clip before, told by what only a worker leaves behind.
    driven: bool = False

    @property
    def cancel_wanted(self) -> bool:
        """Whether the last word about this clip was to cancel it."""
        return self.wishes > self.overridden

    @property
    def last(self) -> Attempt | None:
        """The attempt that counts: the last that is open or succeeded, else the last of all.

        They differ only where the provider contradicted the record of an earlier one.
        """
        counting = (
            one for one in reversed(self.attempts) if one.ended is None or one.ended.status == "succeeded"
        )
        return next(counting, self.attempts[-1] if self.attempts else None)

    @property
    def opened(self) -> int:
        """The number of the attempt that was opened last, 0 if none was."""
        return self.attempts[-1].number if self.attempts else 0

    @property
    def unfinished(self) -> bool:
        """Whether something was bought, or may have been, that is not delivered yet."""
        last = self.last
        if self.result is not None or last is None:
            return False
        return self.delivered is not None or last.ended is None or last.ended.status == "succeeded"

    @property
    def over(self) -> bool:
        """Whether something was bought, or might have been, and nothing of it is left to finish."""
        return self.result is not None or (self.last is not None and not self.unfinished)


@dataclass(frozen=True)
class Permission:
    """What a run may start anew: its own attempts, and what a person explicitly asked for."""

    # Attempts that existed when this run got the clip; later ones are its own.
    attempts_before: int = 0
    # Attempts that existed when a person gave this run its word; `buy_again` is about no others.
    attempts_known: int = 0
    max_attempts: int = 3
    # A person asks to try a failed clip again although nothing changed.
    retry_failed: bool = False
    # A person accepts that a lost or unknown purchase is paid a second time.
    buy_again: bool = False
    # The run to which a person said so, where that one started this one: a later child of it repeats nothing.
    given_to: str | None = None
    # The most that the clip may cost, where its caller said so.
    max_cost: Amount | None = None
    # Harvest finishes what was bought and never buys.
    may_buy: bool = True

    def may_replace(self, attempt: int) -> bool:
        """Whether a person accepts that this very attempt is paid for and bought again."""
        return self.may_buy and self.buy_again and attempt <= self.attempts_known

    def has_more_after(self, attempt: int) -> bool:
        """Whether this run may start another attempt after this one, which it started."""
        return attempt - self.attempts_before < self.max_attempts


def decide(state: ClipState, permission: Permission, *, damaged: bool = False) -> Step | None:
    """The step that comes next; None when there is nothing to do for this run.

    `damaged`: what is in the store is not what the evidence says that it delivered.

    Raises:
        Canceled: Somebody cancelled the clip, and nothing of it is left to finish.
        GenerationFailed: The last attempt failed and a new one needs a person's word.
        ClipLost: The last attempt may have been billed and its result is gone.
        Unreachable: As many creates as one run may send did not reach the provider.
    """
    if damaged and (state.result is not None or state.delivered is not None):
        return Step.DELIVER
    if state.result is not None:
        return None
    if state.delivered is not None:
        return Step.SEAL
    last = state.last
    if last is not None:
        if last.unknown:
            return Step.SUBMIT
        if last.ended is None:
            return Step.POLL
        if last.ended.status == "succeeded":
            return Step.DELIVER
    if not permission.may_buy:
        return None
    if state.cancel_wanted:
        raise _canceled(state.key)
    if last is not None and last.ended is not None:
        _require_permission(last, last.ended, permission)
    return Step.SUBMIT


def _require_permission(last: Attempt, ended: Outcome, permission: Permission) -> None:
    """Refuse a new attempt after `last` unless this run may start one."""
    own = last.number - permission.attempts_before
    inherited = own <= 0
    match ended.status:
        case "lost":
            if permission.may_replace(last.number):
                return
        case "canceled":
            if inherited:
                return  # Nothing was billed, and somebody asks for the clip again.
        case _:
            if inherited and (ended.may_retry or permission.retry_failed):
                return
            if ended.may_retry and permission.has_more_after(last.number):
                return
    raise why_stopped(last, ended)


def _canceled(key: str) -> Canceled:
    return Canceled(
        f"Clip {key[:12]} was cancelled.",
        next_step=NextStep.of(Rerun(key), " to have it after all"),
        key=key,
        became="canceled",
    )


def why_stopped(last: Attempt, ended: Outcome) -> FootageError:
    """What a person is told when a clip goes no further by itself."""
    key = ended.key
    if ended.status == "canceled":
        return _canceled(key)
    if ended.status == "lost":
        return ClipLost(
            f"Clip {key[:12]}: task or result no longer exist at the provider ({ended.message or 'UNKNOWN'}). "
            "It may have been billed.",
            next_step=Rerun(key, buy_again=True),
            key=key,
        )
    code = f"{ended.code}: " if ended.code else ""
    why = (ended.message or "the provider gave no reason").rstrip(".")
    reason = f"Clip {key[:12]}, attempt {last.number}: {code}{why}."
    if last.receipt is None and ended.may_retry:
        return Unreachable(
            f"{reason} Nothing was bought.", next_step=NextStep.of(Rerun(key), ", later"), key=key
        )
    return GenerationFailed(
        f"{reason} Failed attempts are not billed.",
        next_step=NextStep.of("change the request, or try the same again: ", Rerun(key, retry_failed=True)),
        key=key,
        code=ended.code,
        reason=ended.message,
        may_retry=ended.may_retry,
    )
