"""`wan-video wait`: until a clip that another process makes has its end."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from flows.cli.console import print_json, show_progress, tell, tell_next
from flows.cli.contexts import store_here
from flows.cli.emulator_client import emulated
from flows.cli.flags import BlockName, Seconds, Switch
from footage.errors import InvalidRequest, Problem
from footage.errors.actions import Harvest, NextStep, Rerun, Wait

if TYPE_CHECKING:
    from footage.steps.store_status import ClipStatus

# How often the evidence is read, in a folder and elsewhere.
_LOOK_EVERY_LOCAL_S, _LOOK_EVERY_S = 0.5, 5.0


def wait(
    key: Annotated[str, Parameter(metavar="KEY")],
    *,
    for_: Annotated[Seconds, Parameter(name="--for")] = 45.0,
    json: Switch = False,
    emulator: Switch = False,
    storage_block: BlockName = None,
) -> int:
    """Wait until a clip is delivered or has failed, for some seconds; buys nothing and asks no provider.

    For a clip that another process makes: `wan-video generate --submit-only` starts one. Ends with 0, 4, or 5 if it
    goes on.

    Args:
        key: The clip's key, or its beginning (6 characters or more).
        for_: How long to wait; 0 looks once.
        json: Print where the clip stands as JSON, alone on stdout.
        emulator: The clip was made with --emulator.
        storage_block: Name of a Video Storage block of the Prefect server.
    """
    if not 0 <= for_ < math.inf:
        problem = Problem("for", f"{for_:g}", "is not a time to wait.", "0 or more seconds")
        raise InvalidRequest(problems=(problem,))
    from footage.steps.store_status import clip_status

    show_progress()
    until_s = time.monotonic() + for_
    with emulated(emulator), store_here(storage_block) as context:
        every_s = _LOOK_EVERY_S if "://" in context.store.url else _LOOK_EVERY_LOCAL_S
        while True:
            now = clip_status(context, key)
            left_s = until_s - time.monotonic()
            if now.ended or left_s <= 0:
                break
            time.sleep(min(every_s, left_s))
    if json:
        print_json({**now.to_json(), "timed_out": not now.ended})
    else:
        _print(now)
    return now.exit_code


def _print(now: ClipStatus) -> None:
    tell(f"{now.key[:12]}  {now.state}  (paid: {now.paid})", "bold")
    if now.video_url:
        print(now.video_url)
    elif not now.ended:
        tell_next(NextStep.of(Wait(now.key), " waits on; ", Harvest(), " finishes it if no run does"))
    elif now.exit_code:
        tell_next(NextStep.of(Rerun(now.key), " says what can be done"))
