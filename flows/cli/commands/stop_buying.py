"""`wan-video stop-buying`."""

from __future__ import annotations

import getpass
import socket
from typing import Annotated

from cyclopts import Parameter

from flows.cli.console import tell, tell_next
from flows.cli.contexts import store_here
from flows.cli.emulator_client import emulated
from flows.cli.flags import BlockName, Switch
from footage.errors.actions import NextStep, ResumeBuying


def stop_buying(
    *,
    why: Annotated[str | None, Parameter(metavar="TEXT")] = None,
    emulator: Switch = False,
    storage_block: BlockName = None,
) -> int:
    """Stop all buying in this store, by every worker, until `wan-video resume-buying`.

    No create is sent later than 2 seconds after this returns. What was bought is waited for and delivered all the
    same; to cancel that, too: `wan-video cancel`.

    Args:
        why: A reason, for whoever is refused.
        emulator: The store of --emulator.
        storage_block: Name of a Video Storage block of the Prefect server.
    """
    from footage.spending.stop_switch import stop_buying as stop

    with emulated(emulator), store_here(storage_block) as context:
        order = stop(context.store, _who(), why)
        tell(f"{order.in_words()}, in {context.store.url}.", "bold")
    tell_next(NextStep.of(ResumeBuying(), " takes that back"))
    return 0


def _who() -> str:
    # In a container the user often has no name.
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        user = "somebody"
    return f"{user} on {socket.gethostname()}"
