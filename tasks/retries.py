"""What Prefect does when a step fails: again if the same question may simply be asked again, else nothing."""

from __future__ import annotations

import logging
from typing import Any

from prefect.context import TaskRunContext

from footage.errors import FootageError

logger = logging.getLogger("footage.tasks")


# A plain function on purpose: for anything else (partial, method, callable object) Prefect 3.8 logs an error
# and never retries.
def is_transient(_task: Any, _task_run: Any, state: Any) -> bool:
    """Whether the failure behind `state` may be gone the next time."""
    error = state.data
    return isinstance(error, FootageError) and error.retryable


RETRIES = 3
# Prefect's exponential_backoff has no cap; these are seconds.
RETRY_DELAYS_S: list[float] = [5, 20, 60]


def tell_retry(error: FootageError) -> None:
    """Say what is waited for, how long, and how often it will be tried, before Prefect waits in silence."""
    context = TaskRunContext.get()
    tries = context.task_run.run_count if context else RETRIES + 1
    if error.retryable and tries <= RETRIES:
        pause_s = RETRY_DELAYS_S[min(tries, len(RETRY_DELAYS_S)) - 1]
        logger.warning(
            "%s Trying again in %.0f s (%d of %d).", error.message, pause_s, tries + 1, RETRIES + 1
        )
