"""Bring the finished clip home: from the task's result URL to verified files in the store."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from footage.errors import ClipLost, NotFinished, Unreachable
from footage.evidence.records import Outcome, Receipt
from footage.redact import redact

if TYPE_CHECKING:
    from footage.clip import Clip

logger = logging.getLogger(__name__)


def deliver(clip: Clip) -> None:
    """Fetch, verify, conform and publish; called again after any interruption it goes on.

    Raises:
        ClipLost: The result is gone at the provider (it lives 24 h), and was not fetched in time.
        BadDelivery: What arrived, several times, is not a playable video; nothing was stored.
        Unreachable: The result could not be fetched now; the clip stays booked.
        StorageProblem: The store did not take it; the clip stays booked.
    """
    from footage.delivery import deliver as fetch_and_publish

    last = clip.evidence.state().last
    if last is None or last.receipt is None:
        raise NotFinished(f"Clip {clip.key[:12]} has no task to deliver from.", key=clip.key)
    receipt = last.receipt
    billed = last.ended.billed_seconds if last.ended else None
    delivered = fetch_and_publish(
        clip.order.expected,
        lambda: _result_url(clip, receipt),
        clip.studio.store,
        clip.key,
        conform=clip.order.request.conform,
        limits=clip.studio.download_limits(),
        billed_s=None if billed is None else float(billed),
    )
    clip.evidence.write_delivered(delivered.to_json())
    for warning in delivered.warnings:
        logger.warning("%s", warning)


def _result_url(clip: Clip, receipt: Receipt) -> str:
    """A fresh result URL, asked from the task; asking is free."""
    answer = clip.studio.client(receipt.endpoint, receipt.workspace).fetch(receipt.task_id)
    line = {"at": datetime.now(UTC).isoformat(), "for": "delivery", "answer": redact(answer.answer)}
    clip.evidence.log_poll(receipt.attempt, line)
    if answer.status.value == "SUCCEEDED" and answer.video_url:
        return answer.video_url
    if not _expired(clip, receipt):
        # Said before its time it is a passing fault or another account's key; either way the clip stays booked.
        raise Unreachable(f"Task {receipt.task_id} is {answer.status} and gives no result now.")
    clip.evidence.write_outcome(
        Outcome(
            key=clip.key,
            attempt=receipt.attempt,
            status="lost",
            decided_at=datetime.now(UTC),
            code=answer.status.value,
            message="the result was not fetched within the provider's 24 h",
            billed=True,
        )
    )
    raise ClipLost(
        f"Task {receipt.task_id} is {answer.status} now: its result can no longer be fetched. It was billed.",
        next_step=f"wan-video generate --key {clip.key} --buy-again",
        key=clip.key,
    )


def _expired(clip: Clip, receipt: Receipt) -> bool:
    offset = timedelta(seconds=clip.studio.clock_offset_s or 0.0)
    return datetime.now(UTC) + offset > receipt.expires_at
