"""Probe: one read-only question, so that a wrong key is found before anything is bought."""

from __future__ import annotations

from prefect import task
from prefect.cache_policies import NO_CACHE

from footage.steps.probe import ProbeReport
from footage.steps.probe import probe as probe_provider
from footage.storyboard import BoardPlan
from footage.studio import Studio
from footage.threads import in_thread
from tasks.retrying import RETRIES, RETRY_DELAYS_S, is_transient


@task(
    name="probe",
    task_run_name="probe-{region}",
    retries=RETRIES,
    retry_delay_seconds=RETRY_DELAYS_S,
    retry_condition_fn=is_transient,
    cache_policy=NO_CACHE,
    persist_result=False,
)
async def probe(studio: Studio, region: str, model: str) -> ProbeReport:
    """Ask the provider one free question: key, region, reachability, clock."""
    return await in_thread(probe_provider, studio, region, model)


async def probe_board(studio: Studio, plan: BoardPlan) -> None:
    """Probe each region that a board needs, once."""
    models = {shot.region: shot.request.model for shot in plan.shots}
    for region, model in models.items():
        await probe(studio, region, model)
