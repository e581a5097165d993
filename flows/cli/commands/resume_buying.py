"""`wan-video resume-buying`."""

from __future__ import annotations

from flows.cli.console import tell
from flows.cli.contexts import store_here
from flows.cli.emulator_client import emulated
from flows.cli.flags import BlockName, Switch


def resume_buying(*, emulator: Switch = False, storage_block: BlockName = None) -> int:
    """Let clips of this store be bought again, after `wan-video stop-buying`.

    Args:
        emulator: The store of --emulator.
        storage_block: Name of a Video Storage block of the Prefect server.
    """
    from footage.spending.stop_switch import resume_buying as resume

    with emulated(emulator), store_here(storage_block) as context:
        order = resume(context.store)
        taken_back = f" {order.in_words()}; that is taken back." if order else " Buying was not stopped."
        tell(f"Clips can be bought in {context.store.url}.{taken_back}", "bold")
    return 0
