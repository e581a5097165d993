"""What a task answers becomes a record that can be read again, however much it says."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from bench import Bench, last_attempt, last_outcome, last_receipt, leave_unknown

from footage.provider.answers import read_created, read_task
from footage.provider.results import RawAnswer
from footage.steps.booking import outcome_of, receipt_of

LONG = "\x01" * 2_000_000
TASK = "0385dc79-5ff8-4d82-bcb6-0a1b2c3d4e5f"


def raw(document: dict[str, Any]) -> RawAnswer:
    now = datetime.now(UTC)
    return RawAnswer(200, {}, json.dumps(document).encode(), now, now)


def nested(deep: int) -> Any:
    return {"deeper": nested(deep - 1)} if deep else 1


@pytest.mark.parametrize(
    ("output", "usage", "status", "billed_seconds"),
    [
        ({"task_status": "SUCCEEDED", "actual_prompt": LONG}, {"duration": 5}, "succeeded", 5),
        ({"task_status": "SUCCEEDED"}, {"duration": 5, "more": nested(100)}, "succeeded", 5),
        ({"task_status": "SUCCEEDED"}, {"duration": 5, "more": LONG}, "succeeded", 5),
        ({"task_status": "FAILED", "code": LONG, "message": LONG}, None, "failed", None),
    ],
    ids=["long prompt", "deep usage", "long usage", "long reason"],
)
def test_however_much_a_task_says_at_its_end_that_can_be_read_again(
    bench: Bench, output: dict[str, Any], usage: Any, status: str, billed_seconds: int | None
) -> None:
    clip = bench.clip()
    receipt = bench.buy(clip)
    document = {"output": {"task_id": receipt.task_id, **output}, "usage": usage}

    clip.evidence.write_outcome(outcome_of(read_task(raw(document), receipt.task_id), receipt))

    outcome = last_outcome(bench.clip())
    assert (outcome.status, outcome.billed_seconds) == (status, billed_seconds)


def test_however_long_the_id_of_a_request_is_its_receipt_can_be_read_again(bench: Bench) -> None:
    clip = bench.clip()
    leave_unknown(clip)
    created = read_created(raw({"output": {"task_id": TASK}, "request_id": LONG}))

    intent = last_attempt(clip).intent
    clip.evidence.book(receipt_of(intent, created.task_id, created.request_id, created.answered_at))

    assert last_receipt(bench.clip()).task_id == TASK
