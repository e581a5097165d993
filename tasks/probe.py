"""Probe: one read-only question, so that a wrong key is found before anything is bought."""

from __future__ import annotations

from prefect import task
from prefect.cache_policies import NO_CACHE

from footage.concurrency.executors import in_thread
from footage.context import Context
from footage.steps.probe import ProbeReport, probe_provider
from tasks.retries import RETRIES, RETRY_DELAYS_S, tries_again


@task(
    name="probe",
    task_run_name="probe-{region}",
    retries=RETRIES,
    retry_delay_seconds=RETRY_DELAYS_S,
    retry_condition_fn=tries_again,
    cache_policy=NO_CACHE,
    persist_result=False,
)
async def probe(context: Context, region: str, model: str) -> ProbeReport:
    """Ask the provider one free question: key, region, reachability, clock."""
    return await in_thread(probe_provider, context, region, model)
