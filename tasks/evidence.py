"""Evidence: seal the bundle, build the response, and show both in the Prefect UI."""

from __future__ import annotations

from prefect import task
from prefect.cache_policies import NO_CACHE

from footage.clip import Clip
from footage.concurrency.executors import in_thread
from footage.privacy.redact import redact
from footage.steps.seal import seal_clip
from tasks.clip_page import clip_bar, publish_clip_page
from tasks.events import emit_clip_event
from tasks.markdown import as_cell
from tasks.retries import RETRIES, RETRY_DELAYS_S, tries_again


@task(
    name="evidence",
    task_run_name="evidence-{clip.name}",
    retries=RETRIES,
    retry_delay_seconds=RETRY_DELAYS_S,
    retry_condition_fn=tries_again,
    cache_policy=NO_CACHE,
    persist_result=False,
)
async def evidence(clip: Clip) -> None:
    """Write the result with the hashes of everything it rests on, and publish the artifacts."""
    response = await in_thread(seal_clip, clip)
    await publish_clip_page(clip, response)
    await clip_bar(clip).end(f"{as_cell(clip.name)}: delivered, {as_cell(redact(response.video_url))}")
    cost = str(response.cost.amount) if response.cost else None
    emit_clip_event(
        "succeeded", clip, video_url=redact(response.video_url), cost=cost, task_id=response.task_id
    )
