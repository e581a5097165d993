"""Where work waits and how fast it may go: work pool, rate limits, deployments."""

from __future__ import annotations

import asyncio
import os
import sys

from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.actions import DeploymentUpdate, GlobalConcurrencyLimitCreate, WorkPoolCreate
from prefect.client.schemas.responses import DeploymentResponse
from prefect.exceptions import ObjectNotFound
from prefect.workers.process import ProcessWorker

from flows.cli.house import Done
from flows.cli.house.project import Project
from footage.catalogue import CATALOGUE
from footage.errors import FootageError
from tasks.limits import submit_limit

# A run is a process of about 90 MB that mostly waits, and ten clips at once use up every model's quota.
RUNS_AT_ONCE = 10
STORYBOARDS = "storyboards"
STORYBOARDS_AT_ONCE = 3


async def make_pool(client: PrefectClient, name: str) -> Done:
    """The work pool, of type process where there is none."""
    try:
        pool = await client.read_work_pool(name)
    except ObjectNotFound:
        await client.create_work_pool(
            WorkPoolCreate(
                name=name,
                type="process",
                description="Clips through Alibaba Model Studio. A run mostly waits for the provider.",
                base_job_template=ProcessWorker.get_default_base_job_template(),
                concurrency_limit=RUNS_AT_ONCE,
            )
        )
        return Done("work pool", name, "made", f"type process, {RUNS_AT_ONCE} runs at once")
    runs = "any number of" if pool.concurrency_limit is None else pool.concurrency_limit
    return Done("work pool", name, "kept", f"type {pool.type}, {runs} runs at once")


async def make_queue(client: PrefectClient, pool: str) -> Done:
    """The queue of the storyboards, which leaves room in the pool for the shots they wait for."""
    try:
        queue = await client.read_work_queue_by_name(STORYBOARDS, pool)
    except ObjectNotFound:
        await client.create_work_queue(
            STORYBOARDS,
            description="Runs that wait for other runs of this pool.",
            concurrency_limit=STORYBOARDS_AT_ONCE,
            work_pool_name=pool,
        )
        return Done("work queue", STORYBOARDS, "made", f"{STORYBOARDS_AT_ONCE} runs at once")
    runs = "any number of" if queue.concurrency_limit is None else queue.concurrency_limit
    return Done("work queue", STORYBOARDS, "kept", f"{runs} runs at once")


async def make_limits(client: PrefectClient) -> list[Done]:
    """One rate limit for each model, as fast as the provider takes creates."""
    done: list[Done] = []
    for card in CATALOGUE.models.values():
        name = submit_limit(card.name)
        try:
            limit = await client.read_global_concurrency_limit_by_name(name)
        except ObjectNotFound:
            rate = card.submit_per_second
            await client.create_global_concurrency_limit(
                GlobalConcurrencyLimitCreate(name=name, limit=rate, slot_decay_per_second=rate)
            )
            done.append(Done("rate limit", name, "made", f"{rate} creates a second"))
        else:
            stopped = "" if limit.limit else "; nothing is bought with this model"
            done.append(Done("rate limit", name, "kept", f"{limit.limit} creates at once{stopped}"))
    return done


async def deploy(client: PrefectClient, project: Project, api_url: str) -> list[Done]:
    """Deploy everything in prefect.yaml as `prefect --no-prompt deploy --all` does, and close the forms: a
    parameter that a flow does not have is refused when a run is asked for, not in a crash of the run.

    Raises:
        FootageError: Prefect refused; its own words are in the message.
    """
    before = {name for name in project.deployments if await _find(client, name)}
    process = await asyncio.create_subprocess_exec(
        *(
            sys.executable,
            "-m",
            "prefect",
            "--no-prompt",
            "deploy",
            "--prefect-file",
            str(project.file),
            "--all",
        ),
        cwd=project.root,
        env={**os.environ, "PREFECT_API_URL": api_url},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await process.communicate()
    deployed = {name: await _find(client, name) for name in project.deployments}
    missing = [name for name, found in deployed.items() if found is None]
    if process.returncode or missing:
        words = output.decode(errors="replace").strip()[-1500:]
        raise FootageError(
            f"prefect deploy failed for {', '.join(missing) or 'a deployment'}:\n{words}",
            next_step=f"cd {project.root} && prefect --no-prompt deploy --prefect-file {project.file} --all",
        )
    for found in deployed.values():
        if found is not None:
            await _close_form(client, found)
    return [
        Done("deployment", name, "updated" if name in before else "made", _when(entry))
        for name, entry in project.deployments.items()
    ]


async def _find(client: PrefectClient, name: str) -> DeploymentResponse | None:
    try:
        return await client.read_deployment_by_name(name)
    except ObjectNotFound:
        return None


async def _close_form(client: PrefectClient, deployment: DeploymentResponse) -> None:
    schema = {**(deployment.parameter_openapi_schema or {}), "additionalProperties": False}
    await client.update_deployment(deployment.id, DeploymentUpdate(parameter_openapi_schema=schema))


def _when(entry: dict[str, object]) -> str:
    schedules = entry.get("schedules")
    active = [plan for plan in schedules if plan.get("active", True)] if isinstance(schedules, list) else []
    starts = [f"on schedule {plan['cron']} {plan.get('timezone', 'UTC')}" for plan in active]
    return ", ".join([*starts, *(["for each event"] if entry.get("triggers") else [])]) or "when asked"
