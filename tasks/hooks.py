"""What Prefect does when a run is cancelled: the only place from which a paid task is cancelled.

Never in `except` or `finally` of a flow: the same CancelledError arrives when the Prefect server restarts or
a concurrency lease is lost, and then the paid work must go on.
"""

from __future__ import annotations

import logging
from typing import Any

from prefect.client.schemas.objects import FlowRun

from footage.errors import FootageError
from footage.steps.cancel import cancel_run
from footage.threads import in_thread
from tasks.studio import studio_of

logger = logging.getLogger("footage.tasks")


async def cancel_clips(flow: Any, flow_run: FlowRun, state: Any) -> None:  # noqa: ARG001 - Prefect names them
    """Cancel every clip that the run worked on, found through the evidence; called by Prefect, may be repeated."""
    parameters = flow_run.parameters
    run_id = str(flow_run.id)
    try:
        async with studio_of(
            run_id, parameters.get("credentials_block"), parameters.get("storage_block")
        ) as studio:
            for done in await in_thread(cancel_run, studio, run_id):
                logger.info("Clip %s: %s.", done.key[:12], done.message)
    except FootageError as error:
        # The run is cancelled all the same; the wish is in the evidence, and harvest carries it out.
        logger.error("Not everything could be cancelled: %s", error)
