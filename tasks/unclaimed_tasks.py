"""Tasks of the account that nobody in this store claims: paid for by somebody, perhaps by a lost run of ours."""

from __future__ import annotations

from prefect import task
from prefect.cache_policies import NO_CACHE

from footage.concurrency.executors import in_thread
from footage.context import Context
from footage.errors import FootageError
from footage.steps.harvest import Harvest, find_unclaimed_tasks
from tasks.retries import tries_again


@task(
    name="unclaimed-tasks",
    # Once is enough for a question by the way: the next harvest asks it again.
    retries=1,
    retry_delay_seconds=5,
    retry_condition_fn=tries_again,
    cache_policy=NO_CACHE,
    persist_result=False,
)
async def unclaimed_tasks(context: Context) -> list[str]:
    """List the account's video tasks of the last 24 h that no clip of this store owns."""
    return await in_thread(find_unclaimed_tasks, context)


async def note_unclaimed_tasks(report: Harvest, context: Context) -> None:
    """Add them to the report, or why they are not known: what was harvested is told in any case."""
    try:
        report.strangers = await unclaimed_tasks(context)
    except FootageError as error:
        report.warnings.append(f"The tasks of the account could not be listed: {error.message}")
