"""What is said before Prefect waits to try a step again."""

from __future__ import annotations

import logging
from typing import Any
from uuid import uuid4

import pytest
from prefect.client.schemas.objects import TaskRun
from prefect.states import Failed

from footage.errors import Refused, StorageProblem, Unanswered, Unreachable
from tasks.account_tasks import account_tasks
from tasks.deliver import deliver
from tasks.poll import poll
from tasks.probe import probe
from tasks.retries import tries_again

NO_ANSWER = Unreachable("No answer from https://x/api/v1: connection refused.")
NO_TASK = Unanswered("No answer about task t-1.", key="ab" * 32)


def run_of(tries: int) -> TaskRun:
    """A task run that was tried so often."""
    return TaskRun(task_key="k", dynamic_key="0", flow_run_id=uuid4(), run_count=tries)


@pytest.mark.parametrize(
    ("task", "error", "tries", "pause_s", "told"),
    [
        pytest.param(probe, NO_ANSWER, 1, 5, "Trying again in 5 s (2 of 4)", id="the first time"),
        pytest.param(poll, NO_TASK, 2, 20, "Trying again in 20 s (3 of 4)", id="of a clip, the second time"),
        pytest.param(
            deliver, StorageProblem("The disk is full."), 3, 60, "in 60 s (4 of 4)", id="the last time"
        ),
        pytest.param(account_tasks, NO_ANSWER, 1, 5, "in 5 s (2 of 2)", id="a task with delays of its own"),
    ],
)
def test_a_step_says_what_it_waits_for_how_long_and_how_often(
    task: Any, error: Any, tries: int, pause_s: float, told: str, caplog: pytest.LogCaptureFixture
) -> None:
    assert task.retry_condition_fn(task, run_of(tries), Failed(data=error))

    (record,) = caplog.records
    assert record.getMessage().startswith(error.message)
    assert told in record.getMessage()
    # A terminal counts down from it.
    assert (vars(record)["pause_s"], vars(record).get("clip")) == (pause_s, error.key)


@pytest.mark.parametrize("error", [Refused("The prompt is not allowed."), ValueError("a mistake of ours")])
def test_what_the_next_try_cannot_mend_is_not_tried_again_and_says_nothing(
    error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        assert not tries_again(probe, run_of(1), Failed(data=error))

    assert caplog.records == []
