"""Bring the finished clip home: from the task's result URL to verified files in the store."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from footage.concurrency.executors import in_heavy_thread
from footage.errors import BadDelivery, BadRecord, ClipLost, NotFinished, Unanswered
from footage.errors.actions import NextStep, Rerun
from footage.evidence.delivered_records import DeliveredRecord
from footage.evidence.records import Outcome, PollLine, Receipt
from footage.evidence.stored_files import damage, videos_of
from footage.privacy.redact import redact
from footage.steps.labelled_copy import draw_if_asked
from footage.steps.ownership import require_ours
from footage.steps.provider_queries import client_of
from footage.steps.rendition import temporary_files
from footage.steps.task_life import surely_forgotten

if TYPE_CHECKING:
    from footage.clip import Clip
    from footage.evidence.state import ClipState


async def deliver_through_gate(clip: Clip) -> None:
    """As `deliver_clip`, in a thread, as soon as the clip is let through."""
    async with clip.delivery_gate():
        await in_heavy_thread(deliver_clip, clip)


def deliver_clip(clip: Clip) -> None:
    """Fetch, verify, conform and publish; called again after any interruption it goes on.

    When it returns without having delivered, a person gave this clip up and had it bought again.

    Raises:
        ClipLost: The result is gone at the provider (it lives 24 h), and was not fetched in time.
        BadDelivery: What arrived, several times, is not a playable video; nothing was stored.
        Unanswered: The result could not be fetched now; the clip stays booked.
        StorageProblem: The store did not take it; the clip stays booked.
    """
    state = clip.evidence.state(seen_within_s=math.inf)
    if state.delivered is not None or state.result is not None:
        restore(clip, state)
        draw_if_asked(clip)
        return
    last = state.last
    if last is None or last.receipt is None:
        raise NotFinished(f"Clip {clip.key[:12]} has no task to deliver from.", key=clip.key)
    receipt = last.receipt
    billed = last.ended.billed_seconds if last.ended else None
    try:
        record = _deliver(clip, receipt, None if billed is None else float(billed))
    except (BadDelivery, ClipLost) as error:
        if _give_up(clip, receipt, error):
            return
        raise _what_now(clip, receipt, error) from error
    delivered = clip.evidence.write_delivered(record)
    clip.say.info("delivered, %d bytes, sha256 %s", delivered.size_bytes, delivered.sha256)
    for warning in delivered.warnings:
        clip.say.warning("%s", warning)
    draw_if_asked(clip)


def _deliver(clip: Clip, receipt: Receipt, billed_s: float | None) -> DeliveredRecord:
    from footage.steps.result_delivery import fetch_and_publish

    published = clip.fetched or not clip.evidence.bought_here(receipt.attempt)
    clip.fetched = True
    with temporary_files(clip.key):
        return fetch_and_publish(
            clip.order.expected,
            lambda: _result_url(clip, receipt, given_up=clip.permission.may_replace(receipt.attempt)),
            clip.context.store,
            clip.key,
            conform=clip.order.request.conform,
            limits=clip.context.download_limits(),
            billed_s=billed_s,
            published=published,
            producer=clip.context.settings.label_producer,
            signing=clip.context.settings.signing,
            about={"model": receipt.model, "task_id": receipt.task_id},
        ).record()


def restore(clip: Clip, state: ClipState) -> None:
    """Bring back the videos of a delivered clip that are gone or damaged; what is whole is not touched.

    Raises:
        StorageProblem: They cannot be brought back: the provider no longer has them, or gives other bytes.
        Unreachable: The provider cannot be asked now.
    """
    from footage.steps.restore import fetch_and_compare

    videos = videos_of(clip.evidence, state.result, state.delivered)
    why = damage(clip.context.store, videos, hashed=True)
    if why is None:
        return
    number = state.result.attempt if state.result else None
    attempt = next((one for one in state.attempts if one.number == number), state.last)
    receipt = attempt.receipt if attempt else None
    try:
        if receipt is None:
            raise ClipLost("No receipt says which task it was.")
        fetch_and_compare(
            clip.order.expected,
            # Later each harvest may ask again, and would fill the log with the same answer.
            lambda: _result_url(clip, receipt, kept=not surely_forgotten(clip.context, receipt)),
            clip.context.store,
            videos,
            conform=clip.order.request.conform,
            limits=clip.context.download_limits(),
        )
    except (ClipLost, BadDelivery) as error:
        raise BadRecord(
            f"Clip {clip.key[:12]} was delivered, but {why}, and it cannot be brought back: {error.message}",
            next_step=f"restore it from a backup below {clip.context.store.url}/videos, or ask for another take",
            key=clip.key,
        ) from error
    clip.say.info("%s: it is back", why)


def _give_up(clip: Clip, receipt: Receipt, why: BadDelivery | ClipLost) -> bool:
    """Close the attempt as lost where its time is over or a person said so; True: and it may be bought again."""
    replace = clip.permission.may_replace(receipt.attempt)
    if replace:
        clip.given_up.add(receipt.task_id)
    if replace or _expired(clip, receipt):
        clip.evidence.write_outcome(
            Outcome(
                key=clip.key,
                attempt=receipt.attempt,
                status="lost",
                decided_at=datetime.now(UTC),
                code=type(why).__name__,
                message=why.message,
                billed=True,
            )
        )
    return replace


def _what_now(
    clip: Clip, receipt: Receipt, error: BadDelivery | ClipLost
) -> BadDelivery | ClipLost | Unanswered:
    again = Rerun(clip.key, buy_again=True), " to pay for a new one"
    if _expired(clip, receipt):
        return ClipLost(
            f"{error.message} Its 24 hours are over.", next_step=NextStep.of(*again), key=clip.key
        )
    next_step = NextStep.of(f"run it again until {receipt.expires_at:%F %H:%M} UTC, or: ", *again)
    if isinstance(error, BadDelivery):
        return BadDelivery(error.message, next_step=next_step, key=clip.key)
    # Its time is not over, so the provider may find it again.
    return Unanswered(error.message, next_step=next_step, key=clip.key)


def _result_url(clip: Clip, receipt: Receipt, *, given_up: bool = False, kept: bool = True) -> str:
    """A fresh result URL, asked from the task; asking is free.

    `given_up`: a person does without it where it cannot be asked for from here. `kept`: the answer goes into the
    evidence.
    """
    over = given_up or surely_forgotten(clip.context, receipt)
    if over and (unasked := clip.context.why_unasked(receipt)):
        raise ClipLost(f"Task {receipt.task_id} cannot be asked for: {unasked}. It was billed.")
    answer = client_of(clip.context, receipt).fetch(receipt.task_id)
    line = PollLine(at=datetime.now(UTC).isoformat(), purpose="delivery", answer=redact(answer.answer))
    if kept:
        clip.evidence.log_poll(receipt.attempt, line)
    if answer.status.value == "SUCCEEDED" and answer.video_url:
        require_ours(clip, receipt, answer)
        return answer.video_url
    if not _expired(clip, receipt):
        # Said before its time it is a passing fault or another account's key; either way the clip stays booked.
        raise Unanswered(f"Task {receipt.task_id} is {answer.status} and gives no result now.")
    raise ClipLost(
        f"Task {receipt.task_id} is {answer.status} now: its result can no longer be fetched. It was billed."
    )


def _expired(clip: Clip, receipt: Receipt) -> bool:
    return clip.context.provider_now() > receipt.expires_at
