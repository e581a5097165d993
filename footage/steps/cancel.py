"""Cancel a clip honestly: a queued task is cancelled at the provider and that is verified; a running one cannot be.

Only PENDING tasks can be cancelled (Model Studio: manage asynchronous tasks, read 2026-11). A running one is
recorded as `abandoned`: it is billed, its cost stays on the books, and harvest still collects it.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal

from footage.errors import Throttled, Unreachable
from footage.evidence.clip import ClipEvidence
from footage.evidence.records import CancelWish, Outcome, Receipt
from footage.steps.poll import outcome_of

if TYPE_CHECKING:
    from footage.provider import WanClient
    from footage.studio import Studio

logger = logging.getLogger(__name__)

Became = Literal["canceled", "abandoned", "finished", "failed", "nothing", "noted"]


@dataclass(frozen=True)
class Cancellation:
    """What became of a clip that somebody asked to cancel."""

    key: str
    became: Became
    message: str


def cancel(studio: Studio, key: str, by: str) -> Cancellation:
    """Cancel one clip as far as it can be; safe to call again, and beside a run that works on it.

    Raises:
        AccountProblem: The key is not accepted; the wish is kept, so harvest will try.
        StorageProblem: The wish could not be kept, so nothing was asked.
    """
    evidence = ClipEvidence(studio.store, key)
    state = evidence.state()
    last = state.last
    if state.result is not None:
        return Cancellation(key, "finished", "it is finished already; nothing was cancelled")
    if last is None:
        return Cancellation(key, "nothing", "nothing was bought for it")
    if last.outcome is not None:
        return _already(key, last.outcome)
    wish = CancelWish(key=key, attempt=last.number, asked_at=datetime.now(UTC), by=by)
    evidence.write_cancel(wish)
    if last.receipt is None:
        return Cancellation(
            key, "noted", "it is not known yet whether it was bought; harvest finds out and then cancels it"
        )
    return settle(studio, evidence, last.receipt)


def settle(studio: Studio, evidence: ClipEvidence, receipt: Receipt) -> Cancellation:
    """Ask the provider to cancel the task and write down what is true afterwards."""
    client = studio.client(receipt.endpoint, receipt.workspace)
    try:
        outcome = _ask(client, receipt)
    except (Unreachable, Throttled) as error:
        return Cancellation(
            receipt.key, "noted", f"the provider could not be asked ({error.message}); harvest asks again"
        )
    kept = evidence.write_outcome(outcome)
    logger.info("Clip %s: cancel asked, now %s.", receipt.key[:12], kept.status)
    return _already(receipt.key, kept)


def _ask(client: WanClient, receipt: Receipt) -> Outcome:
    accepted = client.cancel(receipt.task_id)
    # Believe the task, not the answer to the cancel.
    answer = client.fetch(receipt.task_id)
    if answer.status.value in ("SUCCEEDED", "FAILED", "CANCELED"):
        return outcome_of(answer, receipt)
    return Outcome(
        key=receipt.key,
        attempt=receipt.attempt,
        status="abandoned",
        decided_at=datetime.now(UTC),
        code=answer.status.value,
        message="the provider accepted the cancel, but the task goes on"
        if accepted
        else f"the task was {answer.status.value} and can no longer be cancelled; it will be billed",
    )


def _already(key: str, outcome: Outcome) -> Cancellation:
    if outcome.status == "canceled":
        return Cancellation(key, "canceled", "the provider cancelled the task; nothing is billed")
    if outcome.status == "abandoned":
        return Cancellation(
            key, "abandoned", f"{outcome.message}; harvest collects the clip when it is ready"
        )
    if outcome.status == "succeeded":
        return Cancellation(key, "finished", "the task had finished; harvest delivers the clip")
    return Cancellation(key, "failed", f"the task had ended as {outcome.status}; nothing is billed")


def cancel_run(studio: Studio, run_id: str) -> list[Cancellation]:
    """Cancel every clip that a run works on and that no other run wants."""
    mine = _clips_of(studio, run_id)
    return [cancel(studio, key, by=f"run {run_id}") for key in mine]


def _clips_of(studio: Studio, run_id: str) -> list[str]:
    prefix = f"runs/{run_id}/"
    return sorted(name[len(prefix) :] for name in studio.store.list(prefix))
