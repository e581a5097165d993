"""`wan-video doctor` and `wan-video validate`: is everything in place? Both buy nothing."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

from rich.console import Console
from rich.text import Text

from flows.cli.console import print_json, stderr, tell
from flows.cli.emulator_client import emulated
from flows.cli.flags import BlockName, Switch

if TYPE_CHECKING:
    from footage.checkup import Finding
    from footage.context import Studio

_STYLES = {"ok": "green", "warn": "yellow", "fail": "bold red"}


def doctor(
    *,
    emulator: Switch = False,
    json: Switch = False,
    credentials_block: BlockName = None,
    storage_block: BlockName = None,
) -> int:
    """Look at everything that a run needs: installation, store, Prefect server, key, models, quotas, clock.

    Ends with 0 unless something would stop `wan-video generate`; then with the code that it would end with.

    Args:
        emulator: Look at the local stand-in instead of the provider.
        json: Print the findings as JSON, alone on stdout.
        credentials_block: DashScope Credentials block of the Prefect server, or secret/NAME for a Secret block.
        storage_block: Name of a Video Storage block of the Prefect server.
    """
    from footage.checkup import exit_code

    with emulated(emulator):
        found = _print(_doctor(credentials_block, storage_block), json)
    return exit_code(found)


def validate(*, emulator: Switch = False, json: Switch = False) -> int:
    """Check code, flows, table of models, orders, media and store, and write validate.txt beside the clips.

    With a key the provider is asked, too, but only a broken part of this project makes it end with another
    code than 0.

    Args:
        emulator: Ask the local stand-in instead of the provider.
        json: Print the findings as JSON, alone on stdout.
    """
    import flows
    from footage.checkup import Finding, examine, exit_code
    from footage.context import open_studio
    from tasks.validate import project_findings, write_report

    with emulated(emulator), contextlib.ExitStack() as opened:

        def open_here() -> Studio:
            return opened.enter_context(open_studio())

        found = _print(project_findings(flows, open_here), json)
        report = examine("report", lambda: Finding("report", "ok", write_report(found, open_here())))
    if report.level == "fail":
        tell(f"validate.txt could not be written: {report.message}", "bold red")
    else:
        tell(report.message, "bold")
    return exit_code([*found, report])


def _doctor(credentials_block: str | None, storage_block: str | None) -> Iterator[Finding]:
    from flows.cli.contexts import studio_alone, studio_with_blocks
    from flows.cli.provisioning.health import database_finding, server_findings
    from flows.cli.server_address import found_server, talking_to
    from footage.checkup import Finding, examine
    from footage.privacy.display import shown_reference

    addresses: list[str | None] = []

    def look() -> Finding:
        addresses.append(found_server())
        if addresses[0] is not None:
            return Finding("prefect", "ok", f"the server at {shown_reference(addresses[0])} answers")
        return Finding(
            "prefect", "ok", "no server is configured; wan-video starts a local one when it needs it"
        )

    yield examine("prefect", look)
    yield examine("database", database_finding).as_warning()
    url = addresses[0] if addresses else None
    if url is None:
        yield from _work_findings(studio_alone(credentials_block, storage_block))
        return
    with talking_to(url):
        from prefect.client.orchestration import get_client

        with get_client(sync_client=True) as client:
            yield from server_findings(client)
        yield from _work_findings(studio_with_blocks(credentials_block, storage_block))


def _work_findings(place: AbstractContextManager[Studio]) -> Iterator[Finding]:
    from footage.checkup import Finding, examine, local_findings, provider_findings

    opened: list[Studio] = []
    with contextlib.ExitStack() as stack:

        def open_it() -> Finding:
            opened.append(stack.enter_context(place))
            return Finding("output", "ok", opened[0].store.url)

        yield examine("output", open_it)
        for studio in opened:
            yield from local_findings(studio)
            yield from provider_findings(studio)


def _print(findings: Iterable[Finding], as_json: bool) -> list[Finding]:
    """Print each finding as soon as it is known; all of them."""
    found: list[Finding] = []
    console = stderr if as_json else Console(highlight=False, soft_wrap=True)
    for finding in findings:
        found.append(finding)
        console.print(
            Text(f"{finding.level:<5}", _STYLES[finding.level]), Text(f"{finding.name:<12}"), end=" "
        )
        console.print(Text(finding.message))
        if finding.fix and finding.level != "ok":
            console.print(Text(f"{'':<19}→ {finding.fix}", "bold"))
    if as_json:
        print_json([finding.to_json() for finding in found])
    return found
