"""`wan-video adopt`: what became of an unknown submission is for a person to say."""

from __future__ import annotations

from flows.cli.console import show_progress, tell, tell_next
from flows.cli.contexts import context_here
from flows.cli.emulator_client import emulated
from flows.cli.exit_codes import about_what_is_booked
from flows.cli.flags import BlockName, Switch
from footage.errors.actions import Rerun


def adopt(
    key: str,
    task_id: str,
    *,
    emulator: Switch = False,
    credentials_block: BlockName = None,
    storage_block: BlockName = None,
) -> None:
    """Say which of the provider's tasks an unknown submission became; the clip then goes on with it.

    Args:
        key: Key of the clip, or its beginning (6 characters or more).
        task_id: The provider's task, as the error or the provider's console names it.
        emulator: The clip was made with --emulator.
        credentials_block: DashScope Credentials block of the Prefect server, or secret/NAME for a Secret block.
        storage_block: Name of a Video Storage block of the Prefect server.
    """
    from footage.steps.adopt import adopt_task

    show_progress()
    with (
        about_what_is_booked(),
        emulated(emulator),
        context_here(credentials_block, storage_block) as context,
    ):
        receipt = adopt_task(context, key, task_id)
    tell(f"Task {receipt.task_id} is attempt {receipt.attempt} of clip {receipt.key[:12]} now.")
    tell_next(Rerun(receipt.key))
