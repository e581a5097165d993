"""`wan-video cancel`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flows.cli.console import print_json, show_progress, tell
from flows.cli.contexts import context_here
from flows.cli.emulator_client import emulated
from flows.cli.exit_codes import about_what_is_booked
from flows.cli.flags import BlockName, Switch
from footage.errors import InvalidRequest, Problem

if TYPE_CHECKING:
    from footage.context import Context
    from footage.steps.cancel import Cancellation


# More are no list that a person chooses from.
_MOST_NAMED = 20


def cancel(
    *keys: str,
    emulator: Switch = False,
    json: Switch = False,
    credentials_block: BlockName = None,
    storage_block: BlockName = None,
) -> None:
    """Cancel clips as far as the provider can: queued ones are not billed, running ones go on and are billed.

    Args:
        keys: Keys of the clips, or their beginnings (6 characters or more).
        emulator: The clips were made with --emulator.
        json: Print what became of each as JSON, alone on stdout.
        credentials_block: DashScope Credentials block of the Prefect server, or secret/NAME for a Secret block.
        storage_block: Name of a Video Storage block of the Prefect server.
    """
    from dataclasses import asdict

    show_progress()
    with (
        about_what_is_booked(),
        emulated(emulator),
        context_here(credentials_block, storage_block) as context,
    ):
        if not keys:
            problem = Problem("keys", "(nothing)", "name the clips to cancel", _open_clips(context))
            raise InvalidRequest(problems=(problem,))
        done = _cancel(context, keys)
    if json:
        print_json([asdict(one) for one in done])


def _open_clips(context: Context) -> str:
    """The clips that could be cancelled, in words."""
    from footage.steps.open_clips import look

    found = look(context.store).unfinished
    named = ", ".join(f"{clip.key[:12]} ({clip.status})" for clip in found[:_MOST_NAMED])
    more = f", and {len(found) - _MOST_NAMED} more" if len(found) > _MOST_NAMED else ""
    return f"of this store: {named}{more}" if found else f"{context.store.url} has no open clip"


def _cancel(context: Context, keys: tuple[str, ...]) -> list[Cancellation]:
    from footage.steps.cancel import cancel_clip
    from footage.steps.check import full_key

    done: list[Cancellation] = []
    # All are looked up first: a wrong one is told before anything is cancelled.
    for key in [full_key(context, key) for key in keys]:
        one = cancel_clip(context, key, by="wan-video cancel")
        tell(f"{key[:12]} {one.became}: {one.message}.")
        done.append(one)
    return done
