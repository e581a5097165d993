"""Poll: one task run per clip that waits, shows how far it is, and is retried on the same task id."""

from __future__ import annotations

from prefect import task
from prefect.cache_policies import NO_CACHE

from footage.clip import Clip
from footage.steps.poll import Progress, poll_clip
from tasks.clip_page import clip_bar
from tasks.events import emit_clip_event
from tasks.markdown import as_cell
from tasks.retries import RETRIES, RETRY_DELAYS_S, tries_again


# A loop within one task run: a task run retried for every query costs the server five times as much.
@task(
    name="poll",
    task_run_name="poll-{clip.name}",
    retries=RETRIES,
    retry_delay_seconds=RETRY_DELAYS_S,
    retry_condition_fn=tries_again,
    cache_policy=NO_CACHE,
    persist_result=False,
)
async def poll(clip: Clip) -> None:
    """Wait until the provider's task ends."""
    outcome = await poll_clip(clip, _ProgressBar(clip))
    if outcome.status != "succeeded":
        why = outcome.message or outcome.code or "no reason was given"
        await clip_bar(clip).end(as_cell(f"{clip.name}: {outcome.status}, {why}"), full=False)
    if outcome.status in ("failed", "lost"):
        emit_clip_event("failed", clip, code=outcome.code, reason=outcome.message)


class _ProgressBar:
    """Shows the wait in the log and as a progress artifact; the provider tells no percentage."""

    def __init__(self, clip: Clip) -> None:
        self._clip = clip
        self._artifact = clip_bar(clip)

    async def __call__(self, progress: Progress) -> None:
        if not self._artifact.due:
            return
        if progress.status == "PENDING":
            self._clip.say.info("waits in the provider's queue")
        else:
            self._clip.say.info(
                "made for %.0f s, usually about %.0f s", progress.elapsed_s, progress.typical_s
            )
        usual = f"usually about {progress.typical_s:.0f} s"
        await self._artifact.show(progress.fraction, f"{self._clip.order.model}: {progress.status}, {usual}")
