"""Deliver: from the provider's result URL to a verified clip in the store."""

from __future__ import annotations

from prefect import task
from prefect.cache_policies import NO_CACHE

from footage.clip import Clip
from footage.steps.deliver import deliver_through_gate
from tasks.retries import RETRIES, RETRY_DELAYS_S, tries_again


# Retried apart from the generation: a broken download must never lead to a second purchase.
@task(
    name="deliver",
    task_run_name="deliver-{clip.name}",
    retries=RETRIES,
    retry_delay_seconds=RETRY_DELAYS_S,
    retry_condition_fn=tries_again,
    cache_policy=NO_CACHE,
    persist_result=False,
)
async def deliver(clip: Clip) -> None:
    """Fetch the result, check that it is whole and what was asked for, and publish it in one step."""
    await deliver_through_gate(clip)
