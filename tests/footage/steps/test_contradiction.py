"""What the provider says of an earlier task of a clip, before money is spent again."""

from __future__ import annotations

import pytest
from bench import Bench, last_attempt

from footage.clip import Clip
from footage.errors import SubmissionUnknown
from footage.evidence.records import Intent, Outcome
from footage.evidence.state import Permission
from footage.steps.booking import receipt_of


def leave_failed(clip: Clip, task_id: str) -> None:
    """Records that say that a task failed and was not billed."""
    now = clip.context.provider_now()
    intent = Intent(
        key=clip.key,
        attempt=1,
        owner="dead",
        lease=1,
        model=clip.order.model,
        region=clip.order.region,
        endpoint=clip.endpoint,
        key_fingerprint=clip.context.api_key.fingerprint,
        written_at=now,
        clock_offset_s=0.0,
    )
    clip.evidence.write_intent(intent)
    clip.evidence.book(receipt_of(intent, task_id, None, now))
    failed = Outcome(key=clip.key, attempt=1, status="failed", billed=False, may_retry=True, decided_at=now)
    clip.evidence.write_outcome(failed)


def test_a_task_that_the_provider_should_remember_and_does_not_is_left_to_a_person(bench: Bench) -> None:
    leave_failed(bench.clip(), "not-of-this-account")

    with pytest.raises(SubmissionUnknown, match="the provider does not know the task") as unknown:
        bench.buy()

    assert unknown.value.task_ids == ("not-of-this-account",)
    assert bench.tasks() == []


def test_who_may_pay_again_is_not_asked_about_a_task_that_the_provider_does_not_know(bench: Bench) -> None:
    leave_failed(bench.clip(), "not-of-this-account")
    clip = bench.clip(permission=Permission(buy_again=True))

    receipt = bench.buy(clip)

    assert [task["task_id"] for task in bench.tasks()] == [receipt.task_id]
    assert last_attempt(clip).number == 2
