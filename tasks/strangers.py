"""Tasks of the account that nobody in this store claims: paid for by somebody, perhaps by a lost run of ours."""

from __future__ import annotations

from prefect import task
from prefect.cache_policies import NO_CACHE

from footage.steps.harvest import find_strangers
from footage.studio import Studio
from footage.threads import in_thread
from tasks.retrying import RETRIES, RETRY_DELAYS_S, is_transient


@task(
    name="strangers",
    retries=RETRIES,
    retry_delay_seconds=RETRY_DELAYS_S,
    retry_condition_fn=is_transient,
    cache_policy=NO_CACHE,
    persist_result=False,
)
async def strangers(studio: Studio) -> list[str]:
    """List the account's video tasks of the last 24 h that no clip of this store owns."""
    return await in_thread(find_strangers, studio)
