"""`wan-video validate`: does every part of the project work? Buys nothing."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from flows.cli.console import show_progress, tell
from flows.cli.emulator_client import emulated
from flows.cli.findings import print_findings
from flows.cli.flags import Switch

if TYPE_CHECKING:
    from footage.context import Context


def validate(*, emulator: Switch = False, json: Switch = False) -> int:
    """Check code, flows, table of models, orders, media and store, and write validate.txt beside the clips.

    With a key the provider is asked, too, but only a broken part of this project makes it end with another
    code than 0.

    Args:
        emulator: Ask the local stand-in instead of the provider.
        json: Print the findings as JSON, alone on stdout.
    """
    show_progress()
    tell("Looking at code, flows, orders, store and provider …", "dim")
    import flows
    from footage.checkup import Finding, examine, exit_code
    from footage.context import open_context
    from tasks.validate import project_findings, write_report

    with emulated(emulator), contextlib.ExitStack() as opened:

        def open_here() -> Context:
            return opened.enter_context(open_context())

        found = print_findings(project_findings(flows, open_here), json)
        report = examine("report", lambda: Finding("report", "ok", write_report(found, open_here())))
    if report.level == "fail":
        tell(f"validate.txt could not be written: {report.message}", "bold red")
    else:
        tell(report.message, "bold")
    return exit_code([*found, report])
