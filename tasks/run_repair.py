"""Runs that nobody cares for any more, mended by harvest: cancelled, started again, given back or called crashed."""

from __future__ import annotations

from datetime import timedelta

from tasks.late_cancels import cancel_unheard_runs
from tasks.silent_runs import (
    SILENCE,
    UNBEGUN,
    UNSTARTED,
    crash_silent_runs,
    start_crashed_runs,
    start_unbegun_runs,
)


async def repair_runs(
    unstarted: timedelta = UNSTARTED, unbegun: timedelta = UNBEGUN, silence: timedelta = SILENCE
) -> list[str]:
    """Mend what is left of runs whose worker died or was never there; one sentence about each of them.

    Args:
        unstarted: How long a crashed run has to be so.
        unbegun: How long ago a worker has to have taken a run that it did not begin.
        silence: How long a run that beats has to have been silent.
    """
    # First: what a cancelled run started is not to be started again.
    cancelled = await cancel_unheard_runs()
    started = await start_crashed_runs(unstarted)
    unbegun_runs = await start_unbegun_runs(unbegun)
    silent = await crash_silent_runs(silence)
    return [
        *(f"run {name} was silent and is called crashed now" for name in silent),
        *(
            f"run {name} was cancelled while no worker had it; its page tells of its clips"
            for name in cancelled
        ),
        *(f"run {name} was crashed and is started again now" for name in started),
        *(f"run {name} was taken by a worker that died before it began" for name in unbegun_runs),
    ]
