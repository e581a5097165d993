"""`wan-video listen`."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Annotated

from cyclopts import Parameter

from flows.cli.console import show_progress
from flows.cli.contexts import context_here
from flows.cli.emulator_client import emulated
from flows.cli.flags import BlockName, Switch


def listen(
    *,
    host: Annotated[str, Parameter(metavar="ADDRESS")] = "127.0.0.1",
    port: Annotated[int, Parameter(metavar="PORT")] = 8787,
    emulator: Switch = False,
    credentials_block: BlockName = None,
    storage_block: BlockName = None,
) -> int:
    """Take the provider's completion events until Ctrl-C, so that finished clips are fetched at once.

    It answers one address, which an EventBridge rule of your account calls; polling goes on as repair.

    Args:
        host: Address to listen on.
        port: Port to listen on; 0 takes a free one.
        emulator: The clips are made with --emulator.
        credentials_block: DashScope Credentials block of the Prefect server, or secret/NAME for a Secret block.
        storage_block: Name of a Video Storage block of the Prefect server.
    """
    from tasks.event_server import Place, serve

    show_progress()
    with emulated(emulator), context_here(credentials_block, storage_block) as context:
        flags = ["--emulator"] * emulator
        for flag, block in (("--credentials-block", credentials_block), ("--storage-block", storage_block)):
            flags += [flag, block] if block else []
        # Ctrl-C is how it ends.
        with contextlib.suppress(KeyboardInterrupt):
            asyncio.run(serve(context, Place(host, port), flags))
    return 0
