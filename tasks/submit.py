"""Submit: the one step that spends money."""

from __future__ import annotations

from prefect import task
from prefect.cache_policies import NO_CACHE

from footage.clip import Clip
from footage.steps.submit import submit_clip
from tasks.events import emit_clip_event


# retries=0, no cache, no persisted result: a second submit is a second purchase, and Prefect's cache runs a
# task again whenever its record cannot be read or written. What holds instead is the evidence: the intent is
# created exclusively before the create is sent, and whoever finds an intent without a receipt reconciles.
@task(
    name="submit", task_run_name="submit-{clip.name}", retries=0, cache_policy=NO_CACHE, persist_result=False
)
async def submit(clip: Clip) -> None:
    """Buy the clip once, or find the purchase whose answer was lost."""
    receipt = await submit_clip(clip)
    if receipt is not None:
        emit_clip_event("submitted", clip, task_id=receipt.task_id, adopted=receipt.adopted)
