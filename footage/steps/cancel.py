"""Cancel a clip honestly: a queued task is cancelled at the provider and that is verified; a running one cannot be.

Only PENDING tasks can be cancelled (Model Studio: manage asynchronous tasks, read 2026-11). A running one is
recorded as `abandoned`: it is billed, its cost stays on the books, and harvest still collects it.
"""

from __future__ import annotations

import contextlib
import logging
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Literal, TypeVar

from footage.concurrency.executors import STORE_CALLS_AT_ONCE, call_each
from footage.errors import FootageError, StorageProblem, Throttled, Unreachable
from footage.evidence.clip_evidence import ClipEvidence, is_key
from footage.evidence.records import CancelWish, Outcome, Receipt
from footage.evidence.stored_clips import names_of
from footage.pacing.queries import MOST_PAUSE_S
from footage.push.wake_ups import wake_to_cancel
from footage.steps.booking import outcome_of
from footage.steps.open_clips import open_keys
from footage.steps.provider_queries import client_of

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from footage.context import Context
    from footage.provider import WanClient
    from footage.storage import Store

T = TypeVar("T")

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


def cancel_clip(context: Context, key: str, by: str, *, patience_s: float = PATIENCE_S) -> Cancellation:
    """Cancel one clip as far as it can be; safe to call again, and beside a run that works on it.

    A question that the provider refuses for now is asked again for `patience_s`.

    Raises:
        AccountProblem: The key is not accepted; the wish is kept, so harvest will try.
        StorageProblem: The wish could not be kept, so nothing was asked.
    """
    left = _wish(context, key, by)
    if isinstance(left, Cancellation):
        return left
    return settle(context, ClipEvidence(context.store, key), left, until_s=time.monotonic() + patience_s)


def _wish(context: Context, key: str, by: str) -> Cancellation | Receipt:
    """Leave the wish; what became of the clip, or the task that is left to cancel."""
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
    return last.receipt


def settle(
    context: Context,
    evidence: ClipEvidence,
    receipt: Receipt,
    *,
    until_s: float = 0.0,
    sent: bool = False,
) -> Cancellation:
    """Ask the provider to cancel the task and write down what is true afterwards.

    Until `until_s` (monotonic) a question that it refuses for now is asked again. `sent`: its cancel was sent before.

    Raises:
        AccountProblem: The key is not accepted.
    """
    client = client_of(context, receipt)
    try:
        found = _ask(client, receipt, until_s, sent=sent)
    except (Unreachable, Throttled) as error:
        return Cancellation(
            receipt.key, "noted", f"the provider could not be asked ({error.message}); it is asked again"
        )
    if not isinstance(found, Outcome):
        return Cancellation(receipt.key, "noted", _not_cancelled(found, client, receipt))
    kept = evidence.write_outcome(found)
    logger.info("Clip %s: cancel asked, now %s.", receipt.key[:12], kept.status)
    return _became(receipt.key, kept)


def _not_cancelled(status: str, client: WanClient, receipt: Receipt) -> str:
    if status != "UNKNOWN":
        return f"the provider did not cancel the task, which is {status}; it is asked again"
    asked_with = client.api_key.fingerprint
    if asked_with == receipt.key_fingerprint:
        return f"the provider does not know task {receipt.task_id} now; it is asked again"
    return (
        f"key {asked_with}… does not see task {receipt.task_id}, which was bought with key {receipt.key_fingerprint}…: "
        "it is not cancelled until a run or a harvest with a key of that account is there"
    )


def _ask(client: WanClient, receipt: Receipt, until_s: float, *, sent: bool) -> Outcome | str:
    """What became of the task, or its last status where it neither ended nor runs, and is not cancelled."""
    status = ""
    for pause_s in (*PAUSES_S, None):
        if not sent:
            _patiently(partial(client.cancel, receipt.task_id), until_s)
        sent = False
        # Believe the task, not the answer to the cancel.
        answer = _patiently(partial(client.fetch, receipt.task_id), until_s)
        status = answer.status.value
        if status in ("SUCCEEDED", "FAILED", "CANCELED"):
            return outcome_of(answer, receipt)
        if status == "RUNNING":
            return Outcome(
                key=receipt.key,
                attempt=receipt.attempt,
                status="abandoned",
                decided_at=datetime.now(UTC),
                code=status,
                message="the task was RUNNING and can no longer be cancelled; it will be billed",
            )
        if pause_s is not None:
            time.sleep(pause_s)
    return status


def _patiently(ask: Callable[[], T], until_s: float) -> T:
    """Ask again while it is refused for now, until then."""
    while True:
        try:
            return ask()
        except Throttled as error:
            # A gateway may ask for an hour, in which all that waits is made and billed.
            pause_s = min(max(error.retry_after_s or 0.0, PAUSES_S[-1]), MOST_PAUSE_S)
            if time.monotonic() + pause_s > until_s:
                raise
            time.sleep(pause_s)


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


def cancel_run(
    context: Context, run_id: str, *, asked_at: datetime | None = None, children: Collection[str] = ()
) -> list[Cancellation]:
    """Cancel every clip that a run works on, also when one of them cannot be; those that are open come first.

    A run of thousands is mostly finished, and what waits at the provider runs and is billed a moment later. A clip that
    is not marked as open may be about to be bought: its worker marks it after its last look for a wish, and before it
    sends. So the wish is left for each that is not finished, and is found before the create, or by who waits for it.
    `asked_at`: when it was asked, where that is a while ago; what another run asked for since then is left to that run,
    unless it is one of the `children` that this run started.

    Raises:
        StorageProblem: The run's clips cannot be listed; nothing was asked.
    """
    prefix = f"runs/{run_id}/"
    keys = [key for name in context.store.list(prefix) if is_key(key := name[len(prefix) :])]
    try:
        marked = open_keys(context.store)
    except StorageProblem as error:
        logger.warning("Which clips are open is not known, so they do not come first: %s", error.message)
        marked = {*keys} if asked_at else set[str]()
    kept: dict[str, Cancellation] = {}
    if asked_at is not None:
        if marked.isdisjoint(keys):
            # Most runs are over: where all their clips are finished, the runs of a month need not be listed.
            finished = call_each(partial(_is_finished, context), keys, STORE_CALLS_AT_ONCE)
            kept = {key: _finished(key) for key, done in zip(keys, finished, strict=True) if done}
            marked = {*keys} - kept.keys()
        own = {run_id, *children}
        wanted_again = _asked_for_since(context.store, own, asked_at) if marked else set[str]()
        again = "another run asked for it later"
        kept |= {key: Cancellation(key, "nothing", again) for key in keys if key in wanted_again}
    is_open = [key for key in keys if key in marked and key not in kept]
    others = [key for key in keys if key not in marked and key not in kept]
    by = f"run {run_id}"
    # All wishes and all cancels before it is asked what became of the first: this process may be killed meanwhile.
    left = [
        *call_each(partial(_wished, context, by), is_open, STORE_CALLS_AT_ONCE),
        *call_each(partial(_wished_unless_finished, context, by), others, STORE_CALLS_AT_ONCE),
    ]
    until_s = time.monotonic() + PATIENCE_S
    call_each(partial(_send_cancel, context, until_s), left, STORE_CALLS_AT_ONCE)
    return [*call_each(partial(_settled, context, until_s), left, STORE_CALLS_AT_ONCE), *kept.values()]


def _asked_for_since(store: Store, own: Collection[str], since: datetime) -> set[str]:
    """The clips that other runs began to work on since then; also those of which the store does not tell when."""
    return {
        path.rpartition("/")[2]
        for path, at in store.list_dated("runs/")
        if (at is None or at > since) and path.split("/")[1] not in own
    }


def _wished(context: Context, by: str, key: str) -> Cancellation | Receipt:
    try:
        return _wish(context, key, by)
    except FootageError as error:
        return _not_now(key, error)


def _wished_unless_finished(context: Context, by: str, key: str) -> Cancellation | Receipt:
    return _finished(key) if _is_finished(context, key) else _wished(context, by, key)


def _is_finished(context: Context, key: str) -> bool:
    # One listing is all that a finished clip costs.
    return "result.json" in names_of(context.store, key)


def _send_cancel(context: Context, until_s: float, left: Cancellation | Receipt) -> None:
    if isinstance(left, Receipt):
        # Whether it was taken is asked after all are sent.
        with contextlib.suppress(FootageError):
            _patiently(partial(client_of(context, left).cancel, left.task_id), until_s)


def _settled(context: Context, until_s: float, left: Cancellation | Receipt) -> Cancellation:
    if isinstance(left, Cancellation):
        return left
    try:
        evidence = ClipEvidence(context.store, left.key)
        return settle(context, evidence, left, until_s=until_s, sent=True)
    except FootageError as error:
        return _not_now(left.key, error)


def _not_now(key: str, error: FootageError) -> Cancellation:
    return Cancellation(key, "noted", f"it could not be cancelled now ({error.message})")


def _finished(key: str) -> Cancellation:
    return Cancellation(key, "finished", "it is finished already; nothing was cancelled")
