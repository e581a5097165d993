"""`wan-video schedule`."""

from __future__ import annotations

from typing import Literal

from flows.cli.console import print_json, show_progress, tell
from flows.cli.flags import Switch


def schedule(
    action: Literal["ls", "resume", "pause"] = "ls",
    deployment: str | None = None,
    slug: str | None = None,
    /,
    *,
    json: Switch = False,
) -> None:
    """Show the schedules of the deployments, or switch one on or off; its parameters stay.

    `wan-video setup` leaves a schedule as it was switched here or in the UI.

    Args:
        action: ls, resume or pause.
        deployment: A deployment, such as generate-video/generate-video; with ls only its schedules.
        slug: Which of its schedules, if it has several.
        json: Print the schedules as JSON, alone on stdout.
    """
    show_progress()
    from prefect.client.orchestration import get_client

    from flows.cli.provisioning.prefect_yaml import find_project
    from flows.cli.provisioning.schedules import find_schedule, read_schedules, schedules_of, switch
    from flows.cli.server_address import prefect_server
    from footage.errors import InvalidRequest, Problem

    if action != "ls" and deployment is None:
        raise InvalidRequest(
            problems=(Problem("deployment", "(nothing)", "say whose schedule"),),
            next_step="wan-video schedule",
        )
    with prefect_server(), get_client(sync_client=True) as client:
        found = list(read_schedules(client, find_project()))
        if action != "ls" and deployment is not None:
            one = find_schedule(found, deployment, slug)
            switch(client, one, action == "resume")
            given = f", with its parameters again: {', '.join(one.lost)}" if one.lost else ""
            tell(f"{one.deployment} {one.slug} is {'on' if action == 'resume' else 'off'}{given}.")
            found = list(read_schedules(client, find_project()))
        elif deployment is not None:
            found = schedules_of(found, deployment, slug)
    if json:
        names = ("deployment", "slug", "active", "when")
        print_json(
            [{name: getattr(one, name) for name in names} | {"lost": sorted(one.lost)} for one in found]
        )
        return
    for one in found:
        again = f"wan-video schedule {'resume' if one.active else 'pause'} {one.deployment} {one.slug}"
        note = f"  its parameters are lost: {again} gives them back" if one.lost else ""
        print(f"{'on' if one.active else 'off':<5}{one.deployment:<32}{one.slug:<24}{one.when}{note}")
    if not found:
        tell("There are no schedules on this server; wan-video setup makes them.")
