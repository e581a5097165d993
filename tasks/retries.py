"""What Prefect does when a step fails: again if the same question may simply be asked again, else nothing."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

from prefect import State, Task
from prefect.client.schemas.objects import TaskRun

from footage.errors import FootageError

logger = logging.getLogger("footage.tasks")

RETRIES = 3
# Prefect's exponential_backoff has no cap; these are seconds.
RETRY_DELAYS_S: list[float] = [5, 20, 60]


# A plain function on purpose: for anything else (partial, method, callable object) Prefect 3.8 logs an error
# and never retries. It is asked only while tries are left, and what follows a yes is a silent wait.
def tries_again(task: Task[..., Any], task_run: TaskRun, state: State[Any]) -> bool:
    """Whether a step is tried again after the failure behind `state`; if so, says what is waited for."""
    error = state.data
    if not isinstance(error, FootageError) or not error.retryable:
        return False
    tries = max(1, task_run.run_count)
    pause_s = _pause_s(task.retry_delay_seconds, tries)
    about = {"clip": error.key} if error.key else {}
    logger.warning(
        "%s Trying again in %.0f s (%d of %d).",
        error.message,
        pause_s,
        tries + 1,
        task.retries + 1,
        extra={"pause_s": pause_s, **about},
    )
    return True


def _pause_s(delays_s: float | Sequence[float] | None, tries: int) -> float:
    """What Prefect makes of a task's delays."""
    if isinstance(delays_s, Sequence):
        return delays_s[min(tries, len(delays_s)) - 1]
    return delays_s or 0.0
