"""`wan-video harvest`."""

from __future__ import annotations

import math

from flows.cli.console import print_json, show_progress, tell
from flows.cli.emulator_client import emulated
from flows.cli.exit_codes import about_what_is_booked
from flows.cli.flags import BlockName, Seconds, Switch
from footage.errors import InvalidRequest, Problem


def harvest(
    *keys: str,
    wait: Seconds = 600.0,
    emulator: Switch = False,
    json: Switch = False,
    credentials_block: BlockName = None,
    storage_block: BlockName = None,
) -> int:
    """Finish everything that was bought and left unfinished, nearest expiry first; buys nothing.

    Args:
        keys: Only these clips, by the beginning of their key.
        wait: Seconds to wait for clips that the provider still works on.
        emulator: The clips were made with --emulator.
        json: Print the report as JSON, alone on stdout.
        credentials_block: DashScope Credentials block of the Prefect server, or secret/NAME for a Secret block.
        storage_block: Name of a Video Storage block of the Prefect server.
    """
    if not 0 <= wait < math.inf:
        problem = Problem("wait", f"{wait:g}", "is not a time to wait.", "0 or more seconds")
        raise InvalidRequest(problems=(problem,))
    show_progress()
    tell("Starting the run …", "dim")
    from flows.cli.run_flow import outcome, run_state
    from flows.harvest import harvest as harvest_flow

    with about_what_is_booked(), emulated(emulator):
        state = run_state(
            harvest_flow,
            {
                "keys": list(keys) or None,
                "wait_s": wait,
                "credentials_block": credentials_block,
                "storage_block": storage_block,
            },
        )
        report = outcome(state)
    if json:
        print_json(report)
    tell(state.message or "", "bold")
    for name in ("waiting", "failed"):
        for key, why in report[name].items():
            tell(f"{key[:12]} {name}: {why}")
    for warning in report["warnings"]:
        tell(f"note: {warning}", "yellow")
    for key in report["delivered"]:
        tell(f"{key[:12]} delivered")
    return 5 if report["waiting"] else 4 if report["failed"] else 0
