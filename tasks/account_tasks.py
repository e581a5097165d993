"""The account's tasks: what nobody in this store claims was paid by somebody, perhaps by a lost run of ours."""

from __future__ import annotations

from collections.abc import Iterator

from prefect import task
from prefect.cache_policies import NO_CACHE

from footage.concurrency.executors import in_thread
from footage.context import Context
from footage.credentials import ApiKey
from footage.evidence.hashed_names import HashedNames
from footage.provider import TaskRow
from footage.steps import account_tasks as step
from tasks.retries import tries_again


@task(
    name="account-tasks",
    # Once is enough for a question by the way: the next harvest asks it again.
    retries=1,
    retry_delay_seconds=5,
    retry_condition_fn=tries_again,
    cache_policy=NO_CACHE,
    persist_result=False,
)
async def account_tasks(context: Context, api_key: ApiKey, over: HashedNames) -> Iterator[TaskRow]:
    """List the billed video tasks of the last 24 h of a key's account, but for those that are over."""
    # No list: Prefect keeps a state of each of its elements until the run ends.
    return iter(await in_thread(step.account_tasks, context, api_key, over))
