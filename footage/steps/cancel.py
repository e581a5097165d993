"""Cancel a clip honestly: a queued task is cancelled at the provider and that is verified; a running one cannot be.

Only PENDING tasks can be cancelled (Model Studio: manage asynchronous tasks, read 2026-11). A running one is
recorded as `abandoned`: it is billed, its cost stays on the books, and harvest still collects it.
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Literal

from footage.concurrency.executors import STORE_CALLS_AT_ONCE, call_each
from footage.errors import FootageError, StorageProblem, Throttled, Unreachable
from footage.evidence.clip_evidence import ClipEvidence, is_key
from footage.evidence.records import CancelWish, Outcome, Receipt
from footage.evidence.stored_clips import names_of
from footage.push.wake_ups import wake_to_cancel
from footage.steps.booking import outcome_of
from footage.steps.open_clips import open_keys
from footage.steps.provider_queries import client_of

if TYPE_CHECKING:
    from footage.context import Context
    from footage.provider import WanClient

logger = logging.getLogger(__name__)

# A task that waits is asked for again so often: the provider's gateway may refuse once, or lag behind.
PAUSES_S = (0.3, 1.0)
# What waits now may run, and cost, a moment later: so long a question that is refused for now is asked again.
PATIENCE_S = 120.0

Became = Literal["canceled", "abandoned", "finished", "failed", "lost", "nothing", "noted"]


@dataclass(frozen=True)
class Cancellation:
    """What became of a clip that somebody asked to cancel."""

    key: str
    became: Became
    message: str


def cancel_clip(context: Context, key: str, by: str) -> Cancellation:
    """Cancel one clip as far as it can be; safe to call again, and beside a run that works on it.

    Raises:
        AccountProblem: The key is not accepted; the wish is kept, so harvest will try.
        StorageProblem: The wish could not be kept, so nothing was asked.
    """
    evidence = ClipEvidence(context.store, key)
    state = evidence.state()
    last = state.last
    ended = last.ended if last else None
    if state.result is not None:
        return _finished(key)
    if last is not None and ended is not None and ended.status == "succeeded":
        return _became(key, ended)
    # Also where nothing is open: a run that is about to buy, or to buy again, finds it and stops.
    evidence.write_cancel(CancelWish(key=key, asked_at=datetime.now(UTC), by=by))
    try:
        wake_to_cancel(context.store, key)
    except StorageProblem as error:
        # Who waits for the clip finds the wish later.
        logger.warning(
            "Nobody could be told at once that clip %s is to be cancelled: %s", key[:12], error.message
        )
    if last is None:
        return Cancellation(key, "nothing", "nothing was bought for it")
    if last.unknown:
        return Cancellation(
            key, "noted", "it is not known yet whether it was bought; whoever finds out cancels it then"
        )
    if last.outcome is not None:
        return _became(key, ended or last.outcome)
    if last.receipt is None:
        return Cancellation(key, "nothing", "nothing was bought for it")
    return settle(context, evidence, last.receipt, patience_s=PATIENCE_S)


def settle(
    context: Context, evidence: ClipEvidence, receipt: Receipt, *, patience_s: float = 0.0
) -> Cancellation:
    """Ask the provider to cancel the task and write down what is true afterwards.

    For `patience_s` it is asked again where it refuses for now; who does not come back needs that.

    Raises:
        AccountProblem: The key is not accepted.
    """
    client = client_of(context, receipt)
    try:
        outcome = _ask_patiently(client, receipt, time.monotonic() + patience_s)
    except (Unreachable, Throttled) as error:
        return Cancellation(
            receipt.key, "noted", f"the provider could not be asked ({error.message}); it is asked again"
        )
    if outcome is None:
        return Cancellation(
            receipt.key,
            "noted",
            "the provider did not cancel the task, which does not run yet; it is asked again",
        )
    kept = evidence.write_outcome(outcome)
    logger.info("Clip %s: cancel asked, now %s.", receipt.key[:12], kept.status)
    return _became(receipt.key, kept)


def _ask_patiently(client: WanClient, receipt: Receipt, until_s: float) -> Outcome | None:
    while True:
        try:
            return _ask(client, receipt)
        except Throttled as error:
            pause_s = max(error.retry_after_s or 0.0, PAUSES_S[-1])
            if time.monotonic() + pause_s > until_s:
                raise
            time.sleep(pause_s)


def _ask(client: WanClient, receipt: Receipt) -> Outcome | None:
    """What became of the task; None while it neither ended nor runs, and the provider does not cancel it."""
    for pause_s in (*PAUSES_S, None):
        client.cancel(receipt.task_id)
        # Believe the task, not the answer to the cancel.
        answer = client.fetch(receipt.task_id)
        if answer.status.value in ("SUCCEEDED", "FAILED", "CANCELED"):
            return outcome_of(answer, receipt)
        if answer.status.value == "RUNNING":
            return Outcome(
                key=receipt.key,
                attempt=receipt.attempt,
                status="abandoned",
                decided_at=datetime.now(UTC),
                code=answer.status.value,
                message="the task was RUNNING and can no longer be cancelled; it will be billed",
            )
        if pause_s is not None:
            time.sleep(pause_s)
    return None


def _became(key: str, outcome: Outcome) -> Cancellation:
    match outcome.status:
        case "canceled":
            return Cancellation(key, "canceled", "the task was cancelled before it ran; nothing is billed")
        case "abandoned":
            return Cancellation(
                key, "abandoned", f"{outcome.message}; harvest collects the clip when it is ready"
            )
        case "succeeded":
            return Cancellation(key, "finished", "the task had finished; harvest delivers the clip")
        case "lost":
            return Cancellation(
                key, "lost", "task or result are gone at the provider; it may have been billed"
            )
        case "failed":
            return Cancellation(key, "failed", "the attempt had failed; nothing is billed")


def cancel_run(context: Context, run_id: str) -> list[Cancellation]:
    """Cancel every clip that a run works on, also when one of them cannot be; those that are open come first.

    A run of thousands is mostly finished, and what waits at the provider runs and is billed a moment later. A clip that
    is not marked as open may be about to be bought: its worker marks it after its last look for a wish, and before it
    sends. So the wish is left for each that is not finished, and is found before the create, or by who waits for it.

    Raises:
        StorageProblem: The run's clips cannot be listed; nothing was asked.
    """
    prefix = f"runs/{run_id}/"
    keys = [key for name in context.store.list(prefix) if is_key(key := name[len(prefix) :])]
    try:
        marked = open_keys(context.store)
    except StorageProblem as error:
        logger.warning("Which clips are open is not known, so they do not come first: %s", error.message)
        marked = set[str]()
    is_open = [key for key in keys if key in marked]
    others = [key for key in keys if key not in marked]
    by = f"run {run_id}"
    return [
        *call_each(partial(_cancelled, context, by), is_open, STORE_CALLS_AT_ONCE),
        *call_each(partial(_cancelled_unless_finished, context, by), others, STORE_CALLS_AT_ONCE),
    ]


def _cancelled(context: Context, by: str, key: str) -> Cancellation:
    try:
        return cancel_clip(context, key, by)
    except FootageError as error:
        return Cancellation(key, "noted", f"it could not be cancelled now ({error.message})")


def _cancelled_unless_finished(context: Context, by: str, key: str) -> Cancellation:
    # One listing is all that a finished clip costs.
    return _finished(key) if "result.json" in names_of(context.store, key) else _cancelled(context, by, key)


def _finished(key: str) -> Cancellation:
    return Cancellation(key, "finished", "it is finished already; nothing was cancelled")
