"""`wan-video doctor`: is everything in place? Buys nothing."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

from flows.cli.console import show_progress, tell
from flows.cli.emulator_client import emulated
from flows.cli.findings import print_findings
from flows.cli.flags import BlockName, Switch

if TYPE_CHECKING:
    from footage.checkup import Finding
    from footage.context import Context


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

    show_progress()
    tell("Looking at installation, store, Prefect server and provider …", "dim")
    with emulated(emulator):
        found = print_findings(_doctor(credentials_block, storage_block), json)
    return exit_code(found)


def _doctor(credentials_block: str | None, storage_block: str | None) -> Iterator[Finding]:
    from flows.cli.contexts import context_alone, context_with_blocks
    from flows.cli.provisioning.health import database_finding, server_findings
    from flows.cli.server_address import found_server, key_needs_server, prefect_server, talking_to
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
    stopped = bool(addresses) and url is None
    if stopped and (credentials_block or storage_block or key_needs_server()):
        # A run would start it, too: what it needs is in its blocks.
        place: AbstractContextManager[Any] = prefect_server()
    elif url is not None:
        place = talking_to(url)
    else:
        yield from _work_findings(context_alone(credentials_block, storage_block))
        return
    with place:
        from prefect.client.orchestration import get_client

        with get_client(sync_client=True) as client:
            yield from server_findings(client)
        yield from _work_findings(context_with_blocks(credentials_block, storage_block))


def _work_findings(place: AbstractContextManager[Context]) -> Iterator[Finding]:
    from footage.checkup import Finding, buying_finding, examine, local_findings, provider_findings

    opened: list[Context] = []
    with contextlib.ExitStack() as stack:

        def open_it() -> Finding:
            opened.append(stack.enter_context(place))
            return Finding("output", "ok", opened[0].store.url)

        yield examine("output", open_it)
        for context in opened:
            yield from local_findings(context)
            yield buying_finding(context)
            yield from provider_findings(context)
