"""Buy one clip: intent, one create, receipt; and find out what happened when the answer was lost.

| what happened                                  | bought? | what is done                         |
| ---------------------------------------------- | ------- | ------------------------------------ |
| connection never opened, 429                   | no      | the same attempt tries again later   |
| another 4xx                                    | no      | the attempt is closed as failed; one |
|                                                |         | about the account: another account   |
| an answer with a task id                       | yes     | claim and receipt                    |
| anything else, or killed after the intent      | unknown | reconcile with the task list         |
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from footage.concurrency.executors import in_thread, in_thread_to_the_end
from footage.errors import (
    AccountProblem,
    AlreadyThere,
    Canceled,
    InvalidRequest,
    Refused,
    StorageProblem,
    SubmissionUnknown,
    TakenOver,
    Throttled,
    Unreachable,
)
from footage.errors.actions import NextStep, Rerun
from footage.evidence.attempts import MOST_ATTEMPTS
from footage.evidence.records import Intent, Outcome, Receipt
from footage.evidence.state import Attempt
from footage.network.emulator_check import emulator_at
from footage.pacing.live_quota import LiveQuota, live_quota
from footage.pacing.queries import MOST_PAUSE_S
from footage.pacing.rate_limits import CreatePace
from footage.push.wake_ups import News
from footage.spending.caps import require_within
from footage.spending.stop_switch import SendingGate, require_buying
from footage.steps.booking import book, close_unbought, receipt_of
from footage.steps.contradiction import contradicted
from footage.steps.interruption import news_while
from footage.steps.model_survey import name_successor
from footage.steps.reconcile import reconcile
from footage.steps.reservation import give_back, quoted_price, reserve
from footage.values.money import Amount

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from footage.clip import Clip
    from footage.provider import WanClient

T = TypeVar("T")

# Who waits for a place hears of a wish to cancel by the note that comes with it, and looks itself before it buys.
_LISTENS_FOR_S = 3600.0


async def submit_clip(clip: Clip) -> Receipt | None:
    """Buy the clip, or settle a purchase whose answer was lost; at most one create of it is ever accepted.

    None when a lost one turned out not to be bought, an earlier one to be alive, or an account refused it and another
    one may sell it: what comes next is then decided anew. A turn is taken for each create that is sent, and for
    nothing else.

    Raises:
        Refused: The provider will not take this request; nothing was bought.
        AccountProblem: Key, permission, quota or balance, and no other account is left; nothing was bought.
        BadRecord: Its evidence does not fit; nothing was sent.
        Throttled, Unreachable: Not accepted for `submit_patience_s`, or no answer about a lost submission.
        Canceled: Somebody cancelled the clip before it was accepted.
        SubmissionUnknown: It may have been bought, and it cannot be told now.
        OverBudget: It costs more than it may, no money is left for it, or buying is stopped; nothing was sent.
        StorageProblem: The store does not take a record, or does not tell whether buying is stopped.
        TakenOver: Another worker drives this clip; nothing was sent here.
    """
    state = await clip.followed()
    last = state.last
    if last is None or not last.unknown:
        if state.opened >= MOST_ATTEMPTS:
            clip.evidence.reader.refuse(
                f"{clip.evidence.folder}/attempt-{state.opened}", "no attempt can have a higher number"
            )
        if await _patiently(clip, partial(contradicted, clip, state)):
            return None
        return await _buy(clip, state.opened + 1)
    # Whoever wrote the intent may still live where its lease is gone.
    silent_from_s = await in_thread(clip.lease.silent_from_s, last.intent)
    try:
        return await reconcile(clip, last, silent_from_s)
    except SubmissionUnknown:
        if not clip.permission.may_replace(last.number):
            raise
    await in_thread(_give_up_unknown, clip, last)
    return None


async def _buy(clip: Clip, number: int) -> Receipt | None:
    """Open attempt `number` and send its create until it is taken, refused, or patience ends."""
    quote = clip.order.quote
    require_within(clip.permission.max_cost, Amount(quote.amount, quote.currency), clip.key)
    await in_thread(require_buying, clip.context.store)
    clients = await in_thread(clip.clients)
    # Not within the seconds in which this worker may send.
    await in_thread(clients[0].load_sdk)
    while True:
        # Before anything is read or uploaded for it: of a board of hundreds most wait here.
        client = await _take_place(clip, clients)
        clip.api_key = client.api_key
        try:
            body = await _patiently(clip, clip.wire_body)
        except AccountProblem as refusal:
            if _sold_elsewhere(clip, client, clients, refusal):
                continue
            raise
        await _take_turn(clip, client)
        if await _cancel_wanted(clip):
            # In a queue of hundreds the turn comes minutes later.
            raise _canceled(clip)
        if not clip.context.in_flight.sold_elsewhere(client, clients, clip.order.model):
            break
        clip.say.info("account %s refused another clip meanwhile; buying elsewhere", client.api_key.account)
    if clip.before_buying is not None:
        clip.before_buying(clip)
    intent = await in_thread(_open_attempt, clip, number)
    give_up_at = time.monotonic() + clip.submit_patience_s
    pause_s = 1.0
    while True:
        try:
            # One thread sends and writes the answer down: cancelling this coroutine cannot come between.
            return await in_thread_to_the_end(_send, clip, client, body, intent)
        except (Throttled, Unreachable) as refusal:
            wait_s = min(pause_s, 60.0) * random.uniform(0.5, 1.5)
            if time.monotonic() + wait_s > give_up_at:
                await in_thread(close_unbought, clip, number, refusal, may_retry=True)
                raise
            clip.say.warning(
                "not accepted (%s); trying again in %.0f s, and for %.0f s more at the most",
                refusal.message,
                wait_s,
                give_up_at - time.monotonic(),
                extra={"pause_s": wait_s},
            )
        except (Refused, InvalidRequest) as refusal:
            await in_thread(close_unbought, clip, number, refusal, may_retry=False)
            raise await in_thread(name_successor, clip.context, client, clip.order, refusal) from None
        except AccountProblem as refusal:
            elsewhere = _sold_elsewhere(clip, client, clients, refusal)
            # With another account the same request is right now, and with this one once a person has mended it.
            await in_thread(close_unbought, clip, number, refusal, may_retry=True)
            if elsewhere and clip.permission.has_more_after(number):
                return None
            raise await in_thread(name_successor, clip.context, client, clip.order, refusal) from None
        except SubmissionUnknown as unknown:
            clip.say.warning("%s Looking for the task in the provider's list.", unknown.message)
            return await reconcile(clip, (await clip.state()).attempts[-1])
        pause_s *= 2
        await asyncio.sleep(wait_s)
        await _wait_again(clip, client, number)


def _sold_elsewhere(
    clip: Clip, client: WanClient, clients: Sequence[WanClient], refusal: AccountProblem
) -> bool:
    """Note that an account refused; whether there is another one that refused nothing."""
    in_flight, model = clip.context.in_flight, clip.order.model
    in_flight.note_refusal(client, model)
    elsewhere = in_flight.sold_elsewhere(client, clients, model)
    if elsewhere:
        account = client.api_key.account
        clip.say.warning(
            "this run buys no %s with the account %s any more: %s", model, account, refusal.message
        )
    return elsewhere


async def _patiently(clip: Clip, ask: Callable[[], T]) -> T:
    """What questions before the create give; those that tell nothing now are asked again, as the create is."""
    give_up_at = time.monotonic() + clip.submit_patience_s
    pause_s = 1.0
    while True:
        try:
            return await in_thread(ask)
        except (Throttled, Unreachable) as error:
            hint_s = error.retry_after_s or 0.0 if isinstance(error, Throttled) else 0.0
            wait_s = min(max(hint_s, pause_s), MOST_PAUSE_S)
            if time.monotonic() + wait_s > give_up_at:
                raise
            clip.say.info("%s Trying again in %.0f s.", error.message, wait_s)
        pause_s *= 2
        await asyncio.sleep(wait_s)
        if await _cancel_wanted(clip):
            raise _canceled(clip)


async def _take_place(clip: Clip, clients: Sequence[WanClient]) -> WanClient:
    """Wait until an account has room for one more clip of this run, or somebody wants this one cancelled."""
    # Of all accounts before the first clip has a place: each gets clips by how many it makes at once.
    await asyncio.gather(*(_learn_quota(clip, client) for client in clients))
    entering = asyncio.ensure_future(clip.context.in_flight.enter(clients, clip.order.model, clip))
    try:
        while not entering.done():
            news = await news_while(clip, entering, _LISTENS_FOR_S)
            if News.TO_CANCEL in news and await _cancel_wanted(clip, 0.0):
                raise _canceled(clip)
        return await entering
    finally:
        entering.cancel()


async def _take_turn(clip: Clip, client: WanClient) -> None:
    """Wait for a create of its own, at the pace that the account has now."""
    quota = await _learn_quota(clip, client)
    await clip.context.rate_limits.create_turn(
        clip.order.model, CreatePace(quota.creates_per_second, client.api_key.account)
    )


async def _learn_quota(clip: Clip, client: WanClient) -> LiveQuota:
    quota = await live_quota(client, clip.order.model)
    clip.context.in_flight.allow(client, clip.order.model, quota.running_tasks)
    return quota


async def _wait_again(clip: Clip, client: WanClient, number: int) -> None:
    """Take another turn for a create that was refused for now; the attempt is closed if it is not to be sent."""
    try:
        await _take_turn(clip, client)
    except Throttled as stopped:
        await in_thread(close_unbought, clip, number, stopped, may_retry=True)
        raise
    if await _cancel_wanted(clip):
        canceled = _canceled(clip)
        await in_thread(close_unbought, clip, number, canceled, may_retry=False)
        raise canceled


async def _cancel_wanted(clip: Clip, seen_within_s: float | None = None) -> bool:
    within_s = clip.context.noticed_within_s if seen_within_s is None else seen_within_s
    look = partial(clip.evidence.cancel_wanted, seen_within_s=within_s)
    return await in_thread(look)


def _canceled(clip: Clip) -> Canceled:
    return Canceled(
        f"Clip {clip.key[:12]} was cancelled before the provider accepted it; nothing was bought.",
        next_step=NextStep.of(Rerun(clip.key), " to have it after all"),
        key=clip.key,
        became="canceled",
    )


def _open_attempt(clip: Clip, number: int) -> Intent:
    """Write the intent; after this a crash anywhere means 'unknown'."""
    clip.context.require_exclusive_store()
    # Proven before the create is sent; this keeps who lost the clip while it waited from leaving an intent behind.
    clip.lease.require_newest(seen_within_s=clip.context.noticed_within_s)
    spending = reserve(clip, number)
    intent = Intent(
        key=clip.key,
        attempt=number,
        owner=clip.context.worker.id,
        lease=clip.lease.number,
        model=clip.order.model,
        region=clip.order.region,
        endpoint=clip.endpoint,
        emulated=emulator_at(clip.endpoint),
        workspace=clip.workspace,
        key_fingerprint=(clip.api_key or clip.context.api_key).fingerprint,
        account=clip.account,
        written_at=datetime.now(UTC),
        clock_offset_s=clip.context.clock_offset_s,
        spending=spending,
        price=quoted_price(clip.order.quote),
    )
    try:
        clip.evidence.write_intent(intent)
    except AlreadyThere:
        give_back(clip, spending)
        raise TakenOver(
            f"Another worker opened attempt {number} of clip {clip.key[:12]}.", key=clip.key
        ) from None
    return intent


def _send(clip: Clip, client: WanClient, body: dict[str, Any], intent: Intent) -> Receipt:
    """Send the create and write the answer down."""
    try:
        gate = SendingGate(clip.context.store, until_s=clip.lease.guard())
    except StorageProblem as problem:
        # Nothing was sent; where that cannot be written down either, the task list will tell.
        with contextlib.suppress(StorageProblem):
            close_unbought(clip, intent.attempt, problem, may_retry=True)
        raise
    try:
        created = client.create(body, may_send=gate.may_send)
        # From here on it is waited for: when it is asked for first counts from its answer.
        clip.waiting_since.setdefault(created.task_id, time.monotonic())
    except Unreachable:
        if gate.refusal is None:
            raise
        # Once a person lets buy again, the same request is right again.
        with contextlib.suppress(StorageProblem):
            close_unbought(clip, intent.attempt, gate.refusal, may_retry=True)
        raise gate.refusal from None
    receipt = receipt_of(intent, created.task_id, created.request_id, clip.context.provider_now())
    kept = book(clip, receipt)
    if kept is None:
        # It was adopted by the wrong clip while we waited for the answer; ours is settled like a lost one.
        raise SubmissionUnknown(f"Task {created.task_id} already belongs to another clip.", key=clip.key)
    return kept


def _give_up_unknown(clip: Clip, attempt: Attempt) -> None:
    clip.say.warning("attempt %d is given up as lost, on request; it may have been billed", attempt.number)
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
