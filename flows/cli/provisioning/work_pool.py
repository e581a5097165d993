"""Where work waits and how fast it may go: work pool, rate limits, deployments."""

from __future__ import annotations

import asyncio
import itertools
import os
import sys
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Literal

from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.actions import DeploymentUpdate, GlobalConcurrencyLimitCreate, WorkPoolCreate
from prefect.client.schemas.responses import DeploymentResponse
from prefect.client.schemas.schedules import CronSchedule
from prefect.exceptions import ObjectNotFound
from prefect.workers.process import ProcessWorker

from flows.cli.provisioning import Done
from flows.cli.provisioning.prefect_yaml import Project
from flows.cli.provisioning.run_form import run_form
from footage.catalogue import offered_models
from footage.errors import FootageError
from tasks.limits import submit_limit

# A run is a process of about 90 MB that mostly waits, and ten clips at once use up every model's quota.
RUNS_AT_ONCE = 10
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


async def make_queues(client: PrefectClient, pool: str) -> list[Done]:
    """The queues beside the pool's own: harvest goes before all else, as results expire, and storyboards leave room
    in the pool for the shots they wait for.
    """
    return [
        await _make_queue(
            client, pool, "harvest", description="Finishes what was bought, before more is made.", priority=1
        ),
        await _make_queue(
            client,
            pool,
            "storyboards",
            description="Runs that wait for other runs of this pool.",
            concurrency_limit=STORYBOARDS_AT_ONCE,
        ),
    ]


async def _make_queue(client: PrefectClient, pool: str, name: str, **fields: Any) -> Done:
    became: Literal["made", "kept", "updated"] = "kept"
    try:
        queue = await client.read_work_queue_by_name(name, pool)
    except ObjectNotFound:
        became = "made"
        queue = await client.create_work_queue(name, work_pool_name=pool, **fields)
    else:
        if not queue.description:
            # `prefect deploy` was here first. A queue that it makes comes after all others, and has no limit.
            became = "updated"
            # The client's own `update_work_queue` moves no other queue down, and two would share the first place.
            await client.request(
                "PATCH",
                "/work_pools/{work_pool_name}/queues/{name}",
                path_params={"work_pool_name": pool, "name": name},
                json=fields,
            )
            queue = await client.read_work_queue(queue.id)
    runs = "any number of" if queue.concurrency_limit is None else queue.concurrency_limit
    return Done("work queue", queue.name, became, f"priority {queue.priority}, {runs} runs at once")


async def make_limits(client: PrefectClient, accounts: Sequence[str]) -> list[Done]:
    """One rate limit for each model of each account, as fast as the provider takes creates."""
    done: list[Done] = []
    for card, account in itertools.product(offered_models().values(), accounts):
        name = submit_limit(card.name, account)
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


async def deploy(
    client: PrefectClient, project: Project, wanted: dict[str, dict[str, Any]], api_url: str
) -> list[Done]:
    """Deploy as `prefect --no-prompt deploy --all` does, and complete the forms: what a form can know is wrong is
    refused when a run is asked for, not in a failure of the run.

    Schedules and triggers of a deployment that is there already stay on or off as they are: Prefect would make them
    anew, and so switch on or off what a person switched.

    Raises:
        FootageError: Prefect refused; its own words are in the message.
    """
    before = {name for name in wanted if await _find(client, name)}
    entries = {
        name: {
            **{field: value for field, value in entry.items() if field != "schedules" or name not in before},
            **await _triggers(client, entry),
        }
        for name, entry in wanted.items()
    }
    output, code = await _prefect_deploy(project, [*entries.values()], api_url)
    deployed = {name: await _find(client, name) for name in wanted}
    missing = [name for name, found in deployed.items() if found is None]
    if code or missing:
        raise FootageError(
            f"prefect deploy failed for {', '.join(missing) or 'a deployment'}:\n{output.strip()[-1500:]}",
            next_step=f"cd {project.root} && prefect --no-prompt deploy --prefect-file {project.file} --all",
        )
    for found in deployed.values():
        if found is not None:
            await _complete_form(client, found)
    return [
        Done("deployment", name, "updated" if name in before else "made", _when(entry, deployed[name]))
        for name, entry in entries.items()
    ]


async def _triggers(client: PrefectClient, entry: dict[str, Any]) -> dict[str, Any]:
    """The triggers of a deployment, on or off as they are on the server."""
    triggers: list[dict[str, Any]] = []
    for trigger in entry.get("triggers", ()):
        there = await client.read_automations_by_name(trigger["name"]) if "name" in trigger else []
        triggers.append({**trigger, "enabled": any(one.enabled for one in there)} if there else trigger)
    return {"triggers": triggers} if triggers else {}


async def _prefect_deploy(
    project: Project, entries: list[dict[str, Any]], api_url: str
) -> tuple[str, int | None]:
    """What `prefect deploy --all` said of these entries, and its exit code."""
    import yaml

    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "prefect.yaml"
        document = {"name": "wan-video", "pull": project.pull, "deployments": entries}
        file.write_text(yaml.safe_dump(document), "utf-8")
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "prefect", "--no-prompt", "deploy", "--all", "--prefect-file", str(file)),
            cwd=project.root,
            env={**os.environ, "PREFECT_API_URL": api_url},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        output, _ = await process.communicate()
    return output.decode(errors="replace"), process.returncode


async def remove(client: PrefectClient, names: Iterable[str]) -> list[Done]:
    """Delete deployments with their waiting runs, schedules and triggers."""
    done: list[Done] = []
    for name in names:
        found = await _find(client, name)
        if found is not None:
            await client.delete_resource_owned_automations(f"prefect.deployment.{found.id}")
            await client.delete_deployment(found.id)
            done.append(Done("deployment", name, "removed"))
    return done


async def _find(client: PrefectClient, name: str) -> DeploymentResponse | None:
    try:
        return await client.read_deployment_by_name(name)
    except ObjectNotFound:
        return None


async def _complete_form(client: PrefectClient, deployment: DeploymentResponse) -> None:
    schema = run_form(deployment.parameter_openapi_schema or {})
    await client.update_deployment(deployment.id, DeploymentUpdate(parameter_openapi_schema=schema))


def _when(entry: dict[str, Any], deployed: DeploymentResponse | None) -> str:
    active = [plan.schedule for plan in deployed.schedules if plan.active] if deployed else []
    starts = [
        f"on schedule {plan.cron} {plan.timezone or 'UTC'}"
        if isinstance(plan, CronSchedule)
        else "on a schedule"
        for plan in active
    ]
    events = [
        f"for each event {event}{'' if trigger.get('enabled', True) else ' (switched off)'}"
        for trigger in entry.get("triggers", ())
        for event in trigger["expect"]
    ]
    return ", ".join([*starts, *events]) or "when asked"
