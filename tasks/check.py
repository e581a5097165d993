"""Check: what is asked for, against everything known about the model; nothing is sent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.runtime import flow_run

from footage.clip import Clip
from footage.concurrency.executors import in_heavy_thread
from footage.context import Context
from footage.errors import InvalidRequest, Problem
from footage.evidence.state import Permission
from footage.order.clip_by_key import ClipByKey
from footage.order.event_payload import name_of
from footage.order.prepared import Prepared
from footage.privacy.display import one_line
from footage.request import VideoRequest
from footage.steps.check import enter, prepare, prepared_here, reopen

_NO_PROMPT = Problem(
    "prompt",
    "(nothing)",
    "this run was asked for without a prompt, as by a schedule whose parameters Prefect's own "
    "`deployment schedule resume` took away",
    "what the clip shows",
)
_GIVE_BACK = (
    "wan-video schedule resume, with the name of the deployment, gives a schedule its parameters back"
)


# Not retried: a wrong request stays wrong, and storage errors are told at once.
@task(name="check", task_run_name="check-{name}", cache_policy=NO_CACHE, persist_result=False)
async def check(
    context: Context,
    asked: Prepared | VideoRequest | Mapping[str, Any] | ClipByKey,
    permission: Permission,
    name: str,
    **more: Any,
) -> Clip:
    """Take a prepared request, or validate and price one, and find out what is already there under its key.

    `more` is what `enter` and `reopen` take.
    """

    def entered() -> Clip:
        if isinstance(asked, ClipByKey):
            within = replace(permission, max_cost=asked.max_cost or permission.max_cost)
            return reopen(context, asked.key, within, name=name, region=asked.region, **more)
        return enter(context, _prepared(context, asked), permission, name=name, **more)

    return await in_heavy_thread(entered)


def _prepared(context: Context, asked: Prepared | VideoRequest | Mapping[str, Any]) -> Prepared:
    match asked:
        case Prepared():
            return asked
        case VideoRequest():
            return prepare(context, asked)
        case _:
            if not asked.get("prompt"):
                raise InvalidRequest(problems=(_NO_PROMPT,), next_step=_GIVE_BACK)
            return prepared_here(context, asked)


@task(name="check", task_run_name="check-{key:.12}", cache_policy=NO_CACHE, persist_result=False)
async def check_again(
    context: Context, key: str, permission: Permission, board: str | None = None, region: str | None = None
) -> Clip:
    """Take up a clip that was ordered earlier, from its evidence alone."""
    return await in_heavy_thread(reopen, context, key, permission, board=board, region=region)


def clip_name() -> str:
    """What the run for a request is called: its model and the beginning of its prompt."""
    asked = flow_run.parameters
    return f"{asked.get('model')}: {one_line(str(asked.get('prompt')))[:40]}"


def event_name() -> str:
    """What the run for an event is called."""
    return name_of(str(flow_run.parameters.get("payload", "")))


def finish_name() -> str:
    """What the run for a key is called: as the board that started it named it, else by the key."""
    given = flow_run.name
    return given if given and ": " in given else f"finish {str(flow_run.parameters.get('key'))[:12]}"
