"""What Prefect does when a step fails: again if the same question may simply be asked again, else nothing."""

from __future__ import annotations

from typing import Any

from footage.errors import FootageError


# A plain function on purpose: for anything else (partial, method, callable object) Prefect 3.8 logs an error
# and never retries.
def is_transient(_task: Any, _task_run: Any, state: Any) -> bool:
    """Whether the failure behind `state` may be gone the next time."""
    error = state.data
    return isinstance(error, FootageError) and error.retryable


RETRIES = 3
# Prefect's exponential_backoff has no cap; these are seconds.
RETRY_DELAYS_S: list[float] = [5, 20, 60]
