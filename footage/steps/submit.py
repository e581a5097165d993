"""Buy one clip: intent, one create, receipt; and find out what happened when the answer was lost.

| what happened                                  | bought? | what is done                         |
| ---------------------------------------------- | ------- | ------------------------------------ |
| connection never opened, 429                   | no      | the same attempt tries again later   |
| another 4xx                                    | no      | the attempt is closed as failed      |
| an answer with a task id                       | yes     | claim and receipt                    |
| anything else, or killed after the intent      | unknown | reconcile with the task list         |
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from footage.errors import (
    AccountProblem,
    AlreadyThere,
    Canceled,
    Refused,
    StorageProblem,
    SubmissionUnknown,
    TakenOver,
    Throttled,
    Unreachable,
)
from footage.evidence.records import Intent, Outcome, Receipt
from footage.evidence.state import Attempt
from footage.reconcile import Adopt, Ambiguous, LookAgain, Lost, NotBought, decide
from footage.threads import in_thread

if TYPE_CHECKING:
    from footage.clip import Clip
    from footage.provider import TaskAnswer, TaskRow, WanClient

logger = logging.getLogger(__name__)

# Task records and results live 24 h (Model Studio: manage asynchronous tasks, read 2026-11).
TASK_LIFE = timedelta(hours=24)
# Our intent may be this much younger by the provider's clock than its task: clocks are read to the second.
CLOCK_SLACK = timedelta(seconds=120)


async def submit(clip: Clip) -> Receipt | None:
    """Buy the clip, or find the purchase whose answer was lost; at most one create of it is ever accepted.

    None when nothing was bought and this run may not buy.

    Raises:
        Refused: The provider will not take this request; nothing was bought.
        AccountProblem: Key, permission, quota or balance; nothing was bought.
        Throttled, Unreachable: Not accepted for `submit_patience_s`; nothing was bought.
        SubmissionUnknown: It may have been bought, and only a person can tell.
        TakenOver: Another worker drives this clip; nothing was sent here.
    """
    state = await in_thread(clip.evidence.state)
    last = state.last
    if last is not None and last.unknown:
        if clip.permission.buy_again and last.number <= clip.permission.attempts_before:
            await in_thread(_give_up_unknown, clip, last)
        else:
            adopted = await reconcile(clip, last)
            if adopted is not None:
                return adopted
            if not clip.permission.may_buy:
                return None
    number = last.number + 1 if last else 1
    return await _buy(clip, number)


async def _buy(clip: Clip, number: int) -> Receipt:
    """Open attempt `number` and send its create until it is taken, refused, or patience ends."""
    client = await in_thread(clip.client)
    intent = await in_thread(_open_attempt, clip, number)
    give_up_at = time.monotonic() + clip.studio.settings.submit_patience_s
    pause_s = 1.0
    while True:
        try:
            # One thread sends and writes the answer down: cancelling this coroutine cannot come between.
            return await in_thread(_send, clip, client, intent)
        except (Throttled, Unreachable) as refusal:
            wait_s = min(pause_s, 60.0) * random.uniform(0.5, 1.5)
            if time.monotonic() + wait_s > give_up_at:
                await in_thread(_close_unbought, clip, number, refusal, may_retry=True)
                raise
            logger.warning("Not accepted (%s); trying again in %.0f s.", refusal.message, wait_s)
        except (Refused, AccountProblem) as refusal:
            await in_thread(_close_unbought, clip, number, refusal, may_retry=False)
            raise
        except SubmissionUnknown as unknown:
            logger.warning("%s Looking for the task in the provider's list.", unknown.message)
            state = await in_thread(clip.evidence.state)
            adopted = await reconcile(clip, state.attempts[-1])
            if adopted is not None:
                return adopted
            number += 1
            intent = await in_thread(_open_attempt, clip, number)
            continue
        pause_s *= 2
        await asyncio.sleep(wait_s)
        if await in_thread(clip.evidence.cancel_wanted, number):
            canceled = Canceled("Cancelled before the provider accepted it.", key=clip.key, became="canceled")
            await in_thread(_close_unbought, clip, number, canceled, may_retry=False)
            raise canceled


def _open_attempt(clip: Clip, number: int) -> Intent:
    """Write the intent; after this a crash anywhere means 'unknown'."""
    clip.studio.require_exclusive_store()
    clip.lease.guard()
    intent = Intent(
        key=clip.key,
        attempt=number,
        owner=clip.studio.worker.id,
        lease=clip.lease.number,
        model=clip.order.model,
        region=clip.order.region,
        endpoint=clip.endpoint,
        key_fingerprint=clip.studio.api_key.fingerprint,
        written_at=datetime.now(UTC),
        clock_offset_s=clip.studio.clock_offset_s,
    )
    try:
        clip.evidence.write_intent(intent)
    except AlreadyThere:
        raise TakenOver(
            f"Another worker opened attempt {number} of clip {clip.key[:12]}.", key=clip.key
        ) from None
    return intent


def _send(clip: Clip, client: WanClient, intent: Intent) -> Receipt:
    """Send the create and write the answer down."""
    body = clip.wire_body()
    clip.lease.guard()
    created = client.create(body)
    now = datetime.now(UTC)
    receipt = _receipt(clip, intent, created.task_id, created.request_id, _provider_time(clip, now))
    return _book(clip, receipt)


def _receipt(
    clip: Clip,
    intent: Intent,
    task_id: str,
    request_id: str | None,
    submitted_at: datetime,
    *,
    adopted: bool = False,
) -> Receipt:
    return Receipt(
        key=clip.key,
        attempt=intent.attempt,
        task_id=task_id,
        request_id=request_id,
        model=intent.model,
        region=intent.region,
        endpoint=intent.endpoint,
        workspace=clip.studio.workspace,
        key_fingerprint=intent.key_fingerprint,
        submitted_at=submitted_at,
        expires_at=submitted_at + TASK_LIFE,
        adopted=adopted,
    )


def _book(clip: Clip, receipt: Receipt) -> Receipt:
    """Claim the task, then write the receipt: what is claimed for this attempt can always be found again."""
    try:
        if not clip.evidence.claim(receipt.task_id, receipt.attempt):
            raise SubmissionUnknown(
                f"Task {receipt.task_id} already belongs to another clip.",
                key=clip.key,
                task_ids=(receipt.task_id,),
                next_step=f"wan-video adopt {clip.key} TASK_ID, with the right task",
            )
        kept = clip.evidence.write_receipt(receipt)
    except StorageProblem as error:
        raise StorageProblem(
            f"Task {receipt.task_id} was bought for clip {clip.key}, and the store failed to keep its "
            f"receipt: {error.message}",
            next_step=f"mend the store, then run the same command again, or: "
            f"wan-video adopt {clip.key} {receipt.task_id}",
            key=clip.key,
            task_id=receipt.task_id,
        ) from error
    how = "found in the provider's list" if receipt.adopted else "accepted"
    logger.info("Task %s %s (attempt %d, %s).", receipt.task_id, how, receipt.attempt, receipt.region)
    return kept


def _close_unbought(clip: Clip, number: int, why: Exception, *, may_retry: bool) -> None:
    clip.evidence.write_outcome(
        Outcome(
            key=clip.key,
            attempt=number,
            status="canceled" if isinstance(why, Canceled) else "failed",
            decided_at=datetime.now(UTC),
            code=getattr(why, "code", None) or type(why).__name__,
            message=getattr(why, "message", str(why)),
            may_retry=may_retry,
            billed=False,
        )
    )


def _give_up_unknown(clip: Clip, attempt: Attempt) -> None:
    logger.warning("Attempt %d is given up as lost, on request; it may have been billed.", attempt.number)
    clip.evidence.write_outcome(
        Outcome(
            key=clip.key,
            attempt=attempt.number,
            status="lost",
            decided_at=datetime.now(UTC),
            code="SubmissionUnknown",
            message="given up by a person, who asked to buy again",
            billed=None,
        )
    )


# -- reconciliation ------------------------------------------------------------------------------------------


async def reconcile(clip: Clip, attempt: Attempt) -> Receipt | None:
    """Settle an attempt whose create was perhaps sent: the adopted receipt, or None when nothing was bought.

    Raises:
        SubmissionUnknown: The list leaves more than one explanation, or could not be read until the deadline.
    """
    settings = clip.studio.settings
    intent = attempt.intent
    if intent.endpoint != clip.endpoint:
        raise _unknown(
            clip, attempt, f"the create went to {intent.endpoint}, and this run talks to {clip.endpoint}"
        )
    if intent.key_fingerprint != clip.studio.api_key.fingerprint:
        # A key of another account lists other tasks, and "not in the list" would prove nothing.
        raise _unknown(
            clip, attempt, f"it was sent with key {intent.key_fingerprint}…, and this is another key"
        )
    client = await in_thread(clip.client)
    await _await_clock(clip, client)
    not_before = _not_before(intent)
    if (
        not_before is not None
        and _provider_time(clip, datetime.now(UTC)) - not_before > TASK_LIFE - CLOCK_SLACK
    ):
        raise _unknown(clip, attempt, "it is more than a day old, and the provider lists one day")
    lost = Lost(
        prompt=clip.order.request.prompt,
        width=clip.order.expected.width if clip.order.kind == "t2v" else None,
        height=clip.order.expected.height if clip.order.kind == "t2v" else None,
        seconds=clip.order.expected.duration_s,
        not_before=not_before,
    )
    began = time.monotonic()
    listed_since: float | None = None
    answers: dict[str, TaskAnswer] = {}
    rows: tuple[TaskRow, ...] = ()
    while True:
        decision = LookAgain("the list could not be read")
        try:
            rows = await in_thread(_list_rows, client, intent.model)
            listed_since = listed_since if listed_since is not None else time.monotonic()
            claimed, mine = await in_thread(_claims, clip, attempt, rows)
            if mine is not None:
                decision = Adopt(mine.task_id)
            else:
                listed_for_s = time.monotonic() - listed_since
                decision = decide(lost, rows, claimed, answers, listed_for_s, settings.reconcile_grace_s)
                if isinstance(decision, Adopt):
                    # Only now, because looking through the whole store is slow.
                    rivals = await in_thread(_rivals, clip, attempt)
                    decision = decide(
                        replace(lost, rivals=rivals),
                        rows,
                        claimed,
                        answers,
                        listed_for_s,
                        settings.reconcile_grace_s,
                    )
            if isinstance(decision, LookAgain):
                for task_id in decision.task_ids:
                    answers[task_id] = await in_thread(client.fetch, task_id)
        except (Unreachable, Throttled) as error:
            logger.warning("Reconciling: %s", error.message)
        if isinstance(decision, Adopt):
            row = next(row for row in rows if row.task_id == decision.task_id)
            receipt = _receipt(clip, intent, row.task_id, row.request_id, row.created_at, adopted=True)
            return await in_thread(_book, clip, receipt)
        if isinstance(decision, NotBought):
            logger.info("Attempt %d was not bought: the provider's list has no such task.", attempt.number)
            not_bought = Unreachable("the create never reached the provider")
            await in_thread(_close_unbought, clip, attempt.number, not_bought, may_retry=True)
            return None
        if isinstance(decision, Ambiguous):
            raise _unknown(clip, attempt, decision.why, decision.task_ids)
        if time.monotonic() - began > settings.deadline_s:
            raise _unknown(clip, attempt, decision.why)
        await asyncio.sleep(min(settings.poll_min_s, max(0.2, settings.reconcile_grace_s / 4)))


def _unknown(clip: Clip, attempt: Attempt, why: str, task_ids: tuple[str, ...] = ()) -> SubmissionUnknown:
    listed = f" Candidates: {', '.join(task_ids)}." if task_ids else ""
    return SubmissionUnknown(
        f"Clip {clip.key[:12]}, attempt {attempt.number}: it is not known whether it was bought, "
        f"because {why}.{listed}",
        next_step=f"wan-video adopt {clip.key} TASK_ID if one of them is it, "
        f"or wan-video generate --key {clip.key} --buy-again to pay for a new one",
        key=clip.key,
        task_ids=task_ids,
    )


async def _await_clock(clip: Clip, client: WanClient) -> None:
    if clip.studio.clock_offset_s is None:
        try:
            clip.studio.clock_offset_s = (await in_thread(client.probe)).clock_offset_s
        except (Unreachable, Throttled) as error:
            logger.warning("The provider's clock is not known: %s", error.message)


def _not_before(intent: Intent) -> datetime | None:
    if intent.clock_offset_s is None:
        return None
    return intent.written_at + timedelta(seconds=intent.clock_offset_s) - CLOCK_SLACK


def _provider_time(clip: Clip, ours: datetime) -> datetime:
    return ours + timedelta(seconds=clip.studio.clock_offset_s or 0.0)


def _list_rows(client: WanClient, model: str) -> tuple[TaskRow, ...]:
    """All tasks of the model that the provider lists: the last 24 h."""
    rows: list[TaskRow] = []
    page = 1
    while True:
        answer = client.list_tasks(model=model, page=page, page_size=50)
        rows.extend(answer.rows)
        if page >= answer.total_pages or not answer.rows:
            return tuple(rows)
        page += 1


def _claims(clip: Clip, attempt: Attempt, rows: tuple[TaskRow, ...]) -> tuple[set[str], TaskRow | None]:
    """Which rows other attempts own, and the row that this very attempt already claimed before it died."""
    names = {name.removeprefix("claims/").removesuffix(".json") for name in clip.studio.store.list("claims/")}
    taken: set[str] = set()
    for row in rows:
        if row.task_id not in names:
            continue
        holder = clip.evidence.claimant(row.task_id)
        if holder is not None and (holder.key, holder.attempt) == (clip.key, attempt.number):
            return taken, row
        taken.add(row.task_id)
    return taken, None


def _rivals(clip: Clip, attempt: Attempt) -> tuple[str, ...]:
    """Other submissions of this store that are as unknown as ours, with the same model and prompt."""
    from footage.evidence.clip import ClipEvidence, keys_in, unfinished

    rivals: list[str] = []
    for key, names in keys_in(clip.studio.store).items():
        if key == clip.key or not unfinished(names):
            continue
        evidence = ClipEvidence(clip.studio.store, key)
        last = evidence.state().last
        if last is None or not last.unknown or last.intent.model != attempt.intent.model:
            continue
        other = evidence.order().get("request", {})
        if str(other.get("prompt", "")).split() == clip.order.request.prompt.split():
            rivals.append(f"{key[:12]}/{last.number}")
    return tuple(rivals)
