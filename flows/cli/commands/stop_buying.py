"""`wan-video stop-buying`."""

from __future__ import annotations

import getpass
import socket

from flows.cli.console import tell, tell_next
from flows.cli.contexts import context_here
from flows.cli.emulator_client import emulated
from flows.cli.flags import BlockName, Switch
from footage.errors.actions import NextStep, ResumeBuying


def stop_buying(*, why: str | None = None, emulator: Switch = False, storage_block: BlockName = None) -> int:
    """Stop all buying in this store, by every worker, until `wan-video resume-buying`.

    No create is sent later than 2 seconds after this returns. What was bought is waited for and delivered all the
    same; to cancel that, too: `wan-video cancel`.

    Args:
        why: A reason, for whoever is refused.
        emulator: The store of --emulator.
        storage_block: Name of a Video Storage block of the Prefect server.
    """
    from footage.spending.stop_switch import stop_buying as stop

    with emulated(emulator), context_here(None, storage_block) as context:
        order = stop(context.store, f"{getpass.getuser()} on {socket.gethostname()}", why)
        tell(f"{order.in_words()}, in {context.store.url}.", "bold")
    tell_next(NextStep.of(ResumeBuying(), " takes that back"))
    return 0
