"""A person says which task an unknown submission became."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from footage.errors import InvalidRequest, Problem
from footage.evidence.clip import ClipEvidence
from footage.evidence.records import Receipt
from footage.steps.check import full_key
from footage.steps.submit import TASK_LIFE

if TYPE_CHECKING:
    from footage.studio import Studio


def adopt(studio: Studio, key: str, task_id: str) -> Receipt:
    """Book `task_id` for the clip's last attempt, whose outcome is not known.

    Raises:
        InvalidRequest: The attempt is not unknown, the task does not exist, shows another prompt, or belongs
            to another clip.
        AccountProblem, Unreachable, Throttled: The provider could not be asked.
    """
    key = full_key(studio, key)
    evidence = ClipEvidence(studio.store, key)
    last = evidence.state().last
    if last is None or not last.unknown:
        raise _no("key", key, "its last attempt is not unknown, so there is nothing to settle")
    intent = last.intent
    client = studio.client(intent.endpoint, studio.workspace)
    answer = client.fetch(task_id)
    if answer.status.value == "UNKNOWN":
        raise _no("task_id", task_id, f"{intent.endpoint} knows no such task (tasks live 24 h)")
    prompt = str(evidence.order()["request"]["prompt"])
    if answer.orig_prompt is not None and answer.orig_prompt.split() != prompt.split():
        raise _no("task_id", task_id, "this task was made from another prompt")
    if not evidence.claim(task_id, last.number):
        raise _no("task_id", task_id, "this task belongs to another clip of this store")
    offset = timedelta(seconds=studio.clock_offset_s or 0.0)
    # Without the list's creation time the intent's own is the safe side: the result expires rather earlier.
    submitted_at = min(
        intent.written_at + timedelta(seconds=intent.clock_offset_s or 0.0), datetime.now(UTC) + offset
    )
    return evidence.write_receipt(
        Receipt(
            key=key,
            attempt=last.number,
            task_id=task_id,
            request_id=answer.request_id,
            model=intent.model,
            region=intent.region,
            endpoint=intent.endpoint,
            workspace=studio.workspace,
            key_fingerprint=studio.api_key.fingerprint,
            submitted_at=submitted_at,
            expires_at=submitted_at + TASK_LIFE,
            adopted=True,
        )
    )


def _no(field: str, value: str, why: str) -> InvalidRequest:
    return InvalidRequest(problems=(Problem(field, value[:64], why),))
