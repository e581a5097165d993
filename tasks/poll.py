"""Poll: one task run per clip that waits, shows how far it is, and is retried on the same task id."""

from __future__ import annotations

import logging
import time
from uuid import UUID

from prefect import task
from prefect.artifacts import acreate_progress_artifact, aupdate_progress_artifact
from prefect.cache_policies import NO_CACHE

from footage.clip import Clip
from footage.evidence.records import Outcome
from footage.steps.poll import Progress
from footage.steps.poll import poll as poll_clip
from tasks.announce import announce
from tasks.retrying import RETRIES, RETRY_DELAYS_S, is_transient

logger = logging.getLogger("footage.tasks")

# An update costs the server about 11 ms; more often nobody looks.
SHOW_EVERY_S = 15.0


# A loop within one task run: a task run retried for every query costs the server five times as much.
@task(
    name="poll",
    task_run_name="poll-{clip.name}",
    retries=RETRIES,
    retry_delay_seconds=RETRY_DELAYS_S,
    retry_condition_fn=is_transient,
    cache_policy=NO_CACHE,
    persist_result=False,
)
async def poll(clip: Clip) -> Outcome:
    """Wait until the provider's task ends."""
    outcome = await poll_clip(clip, _ProgressBar(clip))
    if outcome.status in ("failed", "lost"):
        announce("failed", clip, code=outcome.code, reason=outcome.message)
    return outcome


class _ProgressBar:
    """Shows the wait in the log and as a progress artifact; the provider tells no percentage."""

    def __init__(self, clip: Clip) -> None:
        self._clip = clip
        self._artifact: UUID | None = None
        self._shown_at = float("-inf")

    async def __call__(self, progress: Progress) -> None:
        now = time.monotonic()
        if now - self._shown_at < SHOW_EVERY_S:
            return
        self._shown_at = now
        percent = round(100 * progress.fraction, 1)
        logger.info(
            "%s: %s for %.0f s, usually about %.0f s.",
            self._clip.name,
            progress.status,
            progress.elapsed_s,
            progress.typical_s,
        )
        if self._artifact is None:
            self._artifact = await acreate_progress_artifact(
                progress=percent,
                key=f"clip-{self._clip.key[:12]}-progress",
                description=f"{self._clip.order.model}: {progress.status}, usually {progress.typical_s:.0f} s",
            )
        else:
            await aupdate_progress_artifact(self._artifact, progress=percent)
