"""Writes down what an attempt became: a task that is ours, or nothing that was bought."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from footage.errors import Canceled, StorageProblem
from footage.errors.actions import AdoptTask, NextStep
from footage.evidence.records import Claim, Intent, Outcome, Receipt
from footage.privacy.redact import redact

if TYPE_CHECKING:
    from footage.clip import Clip
    from footage.provider import TaskAnswer

# Task records and results live 24 h (Model Studio: manage asynchronous tasks, read 2026-11).
TASK_LIFE = timedelta(hours=24)
# How long a store that fails right after a purchase is tried again before only the error knows the task.
BOOKING_PAUSES_S = (1.0, 2.0, 4.0, 8.0)


def receipt_of(
    intent: Intent, task_id: str, request_id: str | None, submitted_at: datetime, *, adopted: bool = False
) -> Receipt:
    """What is known of a task that an attempt became; `submitted_at` is by the provider's clock."""
    return Receipt(
        key=intent.key,
        attempt=intent.attempt,
        task_id=task_id,
        request_id=request_id,
        model=intent.model,
        region=intent.region,
        endpoint=intent.endpoint,
        workspace=intent.workspace,
        key_fingerprint=intent.key_fingerprint,
        account=intent.account,
        submitted_at=submitted_at,
        expires_at=submitted_at + TASK_LIFE,
        adopted=adopted,
    )


def book(clip: Clip, receipt: Receipt) -> Receipt | None:
    """Write down that a task is this attempt's; None when another attempt owns it.

    Raises:
        StorageProblem: The store failed for a quarter of a minute; the message has the task id.
    """
    pauses = iter(BOOKING_PAUSES_S)
    while True:
        try:
            kept = clip.evidence.book(receipt)
            break
        except StorageProblem as error:
            # What stands in the place of the record will still be there in eight seconds.
            pause_s = next(pauses, None) if error.retryable else None
            if pause_s is None:
                raise StorageProblem(
                    f"Task {receipt.task_id} was bought for clip {clip.key}, and the store failed to keep its "
                    f"receipt: {error.message}",
                    next_step=NextStep.of(
                        "mend the store, then run the same command again, or: ",
                        AdoptTask(clip.key, receipt.task_id),
                    ),
                    key=clip.key,
                    task_id=receipt.task_id,
                ) from error
            clip.say.warning("task %s is bought and not written down yet: %s", receipt.task_id, error.message)
            time.sleep(pause_s)
    if kept is not None and kept.task_id == receipt.task_id:
        clip.context.claimed_tasks.note(Claim(task_id=kept.task_id, key=kept.key, attempt=kept.attempt))
    if kept is not None and kept.task_id != receipt.task_id:
        clip.say.error(
            "task %s was bought, too, for attempt %d of clip %s, which already is task %s.",
            receipt.task_id,
            receipt.attempt,
            clip.key,
            kept.task_id,
        )
    elif kept is not None:
        how = "found" if receipt.adopted else "accepted"
        clip.say.info("task %s %s (attempt %d, %s)", kept.task_id, how, kept.attempt, kept.region)
    return kept


def close_unbought(clip: Clip, number: int, why: Exception, *, may_retry: bool) -> None:
    """Write down that an attempt bought nothing, and why."""
    clip.evidence.write_outcome(
        Outcome(
            key=clip.key,
            attempt=number,
            status="canceled" if isinstance(why, Canceled) else "failed",
            decided_at=datetime.now(UTC),
            code=getattr(why, "code", None) or type(why).__name__,
            message=redact(getattr(why, "message", str(why))),
            may_retry=may_retry,
            billed=False,
        )
    )


def outcome_of(answer: TaskAnswer, receipt: Receipt) -> Outcome:
    """What a final answer other than UNKNOWN means."""
    from footage.provider.codes import classify

    status = answer.status.value
    usage = answer.usage
    common: dict[str, Any] = {
        "key": receipt.key,
        "attempt": receipt.attempt,
        "decided_at": datetime.now(UTC),
        "usage": usage.raw if usage else None,
    }
    if status == "SUCCEEDED":
        return Outcome(
            **common,
            status="succeeded",
            billed=True,
            billed_seconds=usage.billed_seconds if usage else None,
            actual_prompt=answer.actual_prompt,
        )
    if status == "CANCELED":
        return Outcome(**common, status="canceled", code="CANCELED", billed=False)
    error = classify(None, answer.code, answer.message)
    return Outcome(
        **common,
        status="failed",
        code=answer.code or "FAILED",
        # The provider repeats what it was sent, a user's signed links included.
        message=redact(answer.message) if answer.message else "the provider gave no reason",
        may_retry=bool(error.details.get("may_retry", False)),
        billed=False,
    )
