"""What brings runs of a dead worker back: found out by the missing heartbeat, started again a little later.

Prefect leaves a run "Running" for ever when its worker dies with it. The first automation calls it crashed;
the second starts crashed runs of deployments again. A run that goes on reads from the evidence where it was,
so it buys nothing twice; `tasks.crash_limit` bounds how often.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from prefect.client.orchestration import PrefectClient
from prefect.events.schemas.automations import AutomationCore

from flows.cli.provisioning import Done
from footage.emulated_environment import EMULATED_DEPLOYMENT
from tasks.silent_runs import OUR_FLOWS, RESTART_AUTOMATION, SILENCE

# Prefect 3.8's worker takes a run that is started again within about ten seconds for one it still runs, and
# its late report of the first crash would overwrite the second start.
REST = timedelta(seconds=45)

# Only runs of deployments: nobody would pick up another one. Harvest and validate come back on schedule.
_DEPLOYMENTS = [
    "generate-video",
    "generate-videos",
    "generate-from-event",
    "finish-video",
    "storyboard",
    "listen",
    EMULATED_DEPLOYMENT,
]

# Not 0: a run that crashed before its flow began (code or parameters that do not load) would do so for ever.
# The bound that people see is in the flow; this one is the fence behind it. A run that lasts is started often.
_STARTS = [str(count) for count in range(1, 100)]


def automations(silence: timedelta = SILENCE, rest: timedelta = REST) -> tuple[AutomationCore, ...]:
    """Both automations; `silence` must be three beats or more, `rest` 45 s or more."""
    silence_s = silence.total_seconds()
    crash = _after(
        "prefect.flow-run.heartbeat",
        {},
        {"prefect.resource.role": "flow", "prefect.resource.name": [*OUR_FLOWS]},
        silence_s,
        {
            "state": "CRASHED",
            "message": f"No heartbeat for {silence_s:.0f} s: the worker died or lost its network.",
        },
    )
    resume = _after(
        "prefect.flow-run.Crashed",
        {"prefect.run-count": _STARTS},
        {"prefect.resource.role": "deployment", "prefect.resource.name": _DEPLOYMENTS},
        rest.total_seconds(),
        {
            "state": "SCHEDULED",
            "name": "AwaitingRetry",
            "message": "Started again by an automation: the clip goes on where its evidence ends.",
        },
    )
    return tuple(
        AutomationCore.model_validate(
            {"name": name, "description": description, "tags": ["wan-video"], **rule}
        )
        for name, description, rule in (
            (
                "wan-video: silent runs are crashed",
                f"For runs whose worker died or lost its network, which Prefect would show as Running for ever: a run "
                f"that sent no heartbeat for {silence_s:.0f} s is called Crashed, so that it can be started again.",
                crash,
            ),
            (
                RESTART_AUTOMATION,
                f"For runs that crashed with their worker: {rest.total_seconds():.0f} s later the run starts again on "
                "any worker and goes on where its evidence ends, so nothing is bought twice. After four crashes in a "
                "row, each within an hour of its start, it gives up. Harvest and validate are left to their schedules.",
                resume,
            ),
        )
    )


def _after(
    event: str,
    labels: dict[str, Any],
    related: dict[str, Any],
    within_s: float,
    change: dict[str, str],
) -> dict[str, Any]:
    """Change a run's state when nothing is heard of it for `within_s` after an event."""
    return {
        "trigger": {
            "type": "event",
            "posture": "Proactive",
            "match": {"prefect.resource.id": "prefect.flow-run.*", **labels},
            "match_related": related,
            "after": [event],
            # Any news at all, because a state's event has the state's own name: Cached, Booked, Abandoned, ...
            "expect": ["prefect.flow-run.*"],
            "for_each": ["prefect.resource.id"],
            "threshold": 1,
            "within": within_s,
        },
        "actions": [{"type": "change-flow-run-state", **change}],
    }


async def make_automations(client: PrefectClient, wanted: tuple[AutomationCore, ...]) -> list[Done]:
    """Make them; where they are there already, bring them up to date and leave them on or off as they are.

    One that is up to date is not written: the server would forget which runs it watches.
    """
    done: list[Done] = []
    for automation in wanted:
        there = await client.read_automations_by_name(automation.name)
        if not there:
            await client.create_automation(automation)
            done.append(Done("automation", automation.name, "made"))
            continue
        automation.enabled = there[0].enabled
        if _rules(there[0]) != _rules(automation):
            await client.update_automation(there[0].id, automation)
        done.append(Done("automation", automation.name, "kept", "" if automation.enabled else "switched off"))
    return done


def _rules(automation: AutomationCore) -> dict[str, Any]:
    """What an automation does, without the ids that the server gives its parts."""
    kept = set(AutomationCore.model_fields) - {"enabled"}
    return automation.model_dump(mode="json", include=kept, exclude={"trigger": {"id"}})
