"""The schedules of our deployments: how they are, and switching them with their parameters kept.

Prefect 3.8's own `prefect deployment schedule resume` empties a schedule's parameters; its runs then crash.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from prefect.client.orchestration import SyncPrefectClient
from prefect.exceptions import ObjectNotFound

from flows.cli.provisioning.prefect_yaml import Project
from footage.errors import InvalidRequest, Problem


@dataclass(frozen=True)
class Schedule:
    """One schedule on the server; `lost` are the names of parameters of prefect.yaml that it no longer has.

    `parameters` are what its runs should get.
    """

    deployment: str
    deployment_id: UUID
    id: UUID
    slug: str
    active: bool
    when: str
    parameters: dict[str, Any]
    lost: tuple[str, ...]


def read_schedules(client: SyncPrefectClient, project: Project) -> Iterator[Schedule]:
    """Every schedule of our deployments that are on the server."""
    for name, entry in {**project.deployments, **project.emulated}.items():
        try:
            deployment = client.read_deployment_by_name(name)
        except ObjectNotFound:
            continue
        given = {plan["slug"]: plan.get("parameters", {}) for plan in entry.get("schedules", ())}
        for plan in deployment.schedules:
            rule = plan.schedule.model_dump(mode="json", exclude_none=True)
            when = " ".join(
                str(rule[part]) for part in ("cron", "interval", "rrule", "timezone") if part in rule
            )
            # Only where all are gone: a person may have taken one away.
            parameters = plan.parameters or given.get(plan.slug or "", {})
            lost = () if plan.parameters else tuple(parameters)
            slug = plan.slug or str(plan.id)
            yield Schedule(name, deployment.id, plan.id, slug, plan.active, when, parameters, lost)


def schedules_of(schedules: list[Schedule], deployment: str, slug: str | None) -> list[Schedule]:
    """Those of a deployment, or the one of that slug.

    Raises:
        InvalidRequest: There is none like that.
    """
    of_it = [one for one in schedules if one.deployment == deployment]
    found = [one for one in of_it if slug in (None, one.slug)]
    if not found:
        raise _no_such(schedules, deployment, slug, "has no such schedule on this server")
    return found


def find_schedule(schedules: list[Schedule], deployment: str, slug: str | None) -> Schedule:
    """The one that is meant.

    Raises:
        InvalidRequest: There is none like that, or more than one.
    """
    found = schedules_of(schedules, deployment, slug)
    if len(found) > 1:
        raise _no_such(schedules, deployment, slug, "has more than one schedule")
    return found[0]


def _no_such(schedules: list[Schedule], deployment: str, slug: str | None, what: str) -> InvalidRequest:
    of_it = [one for one in schedules if one.deployment == deployment]
    name, value = ("schedule", slug) if of_it and slug else ("deployment", deployment)
    allowed = ", ".join(f"{one.deployment} {one.slug}" for one in of_it or schedules)
    return InvalidRequest(
        problems=(Problem(name, str(value), what, allowed or None),), next_step="wan-video schedule"
    )


def switch(client: SyncPrefectClient, schedule: Schedule, active: bool) -> None:
    """Switch a schedule on or off; parameters that it has lost come back."""
    client.request(
        "PATCH",
        "/deployments/{id}/schedules/{schedule_id}",
        path_params={"id": schedule.deployment_id, "schedule_id": schedule.id},
        # Prefect 3.8 empties the parameters of a patch that has none.
        json={"active": active, "parameters": schedule.parameters},
    )
