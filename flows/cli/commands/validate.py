"""`wan-video validate`: does every part of the project work? Buys nothing."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from flows.cli.console import show_progress, tell
from flows.cli.emulator_client import emulated
from flows.cli.findings import print_findings
from flows.cli.flags import BlockName, Switch

if TYPE_CHECKING:
    from footage.context import Context


def validate(
    *,
    emulator: Switch = False,
    json: Switch = False,
    credentials_block: BlockName = None,
    storage_block: BlockName = None,
) -> int:
    """Check code, flows, table of models, orders, media and store, and write validate.txt beside the clips.

    With a key the provider is asked, too, but only a broken part of this project makes it end with another
    code than 0.

    Args:
        emulator: Ask the local stand-in instead of the provider.
        json: Print the findings as JSON, alone on stdout.
        credentials_block: DashScope Credentials block of the Prefect server, or secret/NAME for a Secret block.
        storage_block: Name of a Video Storage block of the Prefect server.
    """
    show_progress()
    tell("Looking at code, flows, orders, store and provider …", "dim")
    import flows
    from flows.cli.contexts import context_before_run
    from footage.checkup import Finding, examine, exit_code
    from tasks.validate import project_findings, write_report

    with emulated(emulator), contextlib.ExitStack() as opened:

        def open_here() -> Context:
            return opened.enter_context(context_before_run(credentials_block, storage_block))

        found = print_findings(project_findings(flows, open_here), json)
        report = examine("report", lambda: Finding("report", "ok", write_report(found, open_here())))
    if report.level == "fail":
        tell(f"validate.txt could not be written: {report.message}", "bold red")
    else:
        tell(report.message, "bold")
    return exit_code([*found, report])
