"""A person says which task an unknown submission became."""

from __future__ import annotations

import time
from collections.abc import Generator
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING

from footage.clip import LOOK_EVERY_S
from footage.concurrency.boot_clock import boot_clock_s
from footage.errors import InvalidRequest, Problem, TakenOver
from footage.evidence.clip_evidence import ClipEvidence
from footage.evidence.lease import DeadWatch, Lease
from footage.evidence.records import Receipt
from footage.evidence.stored_order import stored_order
from footage.steps.booking import TASK_LIFE, receipt_of
from footage.steps.check import full_key
from footage.steps.provider_queries import client_of
from footage.steps.same_prompt import beginning_of_prompt, same_prompt

if TYPE_CHECKING:
    from footage.context import Context


def adopt_task(context: Context, key: str, task_id: str) -> Receipt:
    """Book `task_id` for the clip's last attempt, whose outcome is not known.

    Raises:
        InvalidRequest: The attempt is not unknown, the task does not exist, shows another prompt, or belongs
            to another clip.
        TakenOver: A living worker makes this clip right now.
        AccountProblem, Unreachable, Throttled: The provider could not be asked.
    """
    key = full_key(context, key)
    with _held(context, key):
        return _adopt(context, ClipEvidence(context.store, key), task_id)


def _adopt(context: Context, evidence: ClipEvidence, task_id: str) -> Receipt:
    last = evidence.state().last
    if last is None or not last.unknown:
        raise _no("key", evidence.key, "its last attempt is not unknown, so there is nothing to settle")
    intent = last.intent
    client = client_of(context, intent)
    answer = client.fetch(task_id)
    if answer.status.value == "UNKNOWN":
        raise _no("task_id", task_id, f"{intent.endpoint} knows no such task (tasks live 24 h)")
    told, prompt = answer.orig_prompt, stored_order(evidence).told_prompt
    if told is not None and not (same_prompt(told, prompt) or beginning_of_prompt(told, prompt)):
        raise _no("task_id", task_id, "this task was made from another prompt")
    # Without the list's creation time the intent's own is the safe side: the result expires rather earlier.
    written_at = intent.written_at + timedelta(seconds=intent.clock_offset_s or 0.0)
    # A task that is still known is no older than it can be, whatever the intent says.
    now = context.provider_now()
    submitted_at = max(min(written_at, now), now - TASK_LIFE)
    receipt = receipt_of(intent, task_id, answer.request_id, submitted_at, adopted=True)
    kept = evidence.book(receipt.model_copy(update={"key_fingerprint": client.api_key.fingerprint}))
    if kept is None:
        raise _no("task_id", task_id, "this task belongs to another clip of this store")
    return kept


@contextmanager
def _held(context: Context, key: str) -> Generator[None]:
    """Nobody else drives the clip meanwhile: a create whose answer is on its way would book another task."""
    lease = Lease(context.store, key, context.worker)
    dead = DeadWatch(context.settings.lease_s)
    holding = lease.look()
    first_beat, began_s = holding.beat, boot_clock_s()
    while not (dead.vacant(holding, boot_clock_s()) and lease.take(holding)):
        if holding.beat != first_beat or boot_clock_s() - began_s > context.settings.deadline_s:
            raise TakenOver(
                f"Worker {holding.owner} makes clip {key[:12]} right now.",
                next_step="wait until it ends, or stop it first",
                key=key,
            )
        time.sleep(LOOK_EVERY_S)
        holding = lease.look()
    try:
        yield
    finally:
        lease.release()


def _no(field: str, value: str, why: str) -> InvalidRequest:
    return InvalidRequest(problems=(Problem(field, value[:64], why),))
