"""What is done when a run is cancelled, in Prefect or with Ctrl-C: the only place from which a paid task is cancelled.

Never in `except` or `finally` of a flow: the same CancelledError arrives when the Prefect server restarts or
a concurrency lease is lost, and then the paid work must go on.
"""

from __future__ import annotations

import logging
from datetime import datetime
from typing import Any
from uuid import UUID

from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import ArtifactCreate, ArtifactUpdate
from prefect.client.schemas.filters import (
    ArtifactFilter,
    ArtifactFilterFlowRunId,
    ArtifactFilterType,
    FlowRunFilter,
    FlowRunFilterParentFlowRunId,
)
from prefect.client.schemas.objects import FlowRun
from prefect.states import Cancelled, Cancelling

from footage.concurrency.executors import in_thread
from footage.errors import FootageError
from footage.steps.cancel import Cancellation, cancel_run
from tasks.context import context_of
from tasks.markdown import as_text, slug

logger = logging.getLogger("footage.tasks")

# How the key of the artifact ends that says what became of a cancelled run's clips.
CANCELLED_PAGE = "-cancelled"
_WHY = "The run that started it was cancelled."


async def cancel_clips(flow: Any, flow_run: FlowRun, state: Any) -> None:  # noqa: ARG001 - Prefect names them
    """Cancel every clip that the run worked on; called by Prefect, may be repeated."""
    await cancel_and_tell(flow_run)


async def cancel_and_tell(flow_run: FlowRun, *, asked_at: datetime | None = None) -> bool:
    """Cancel every clip that the run worked on, and say so on its page.

    `asked_at`: when that was asked, where no process of the run heard it. False, and nothing is said: the run noted no
    clip in this store, or store or key could not be used now.
    """
    try:
        done = await cancel_work(flow_run.id, flow_run.parameters, asked_at=asked_at)
    except FootageError as error:
        # The run is cancelled all the same, and its clips are not.
        logger.error(
            "Clips of this run may go on and be billed, because they could not be cancelled: %s. "
            "`wan-video cancel` without a key lists what is open.",
            error,
        )
        if asked_at is not None:
            # Without a page the next harvest tries again.
            return False
        told = [
            f"Clips of this run may go on and be billed, because they could not be cancelled: "
            f"{as_text(error.message, 2_000)} `wan-video cancel` without a key lists what is open."
        ]
    else:
        if asked_at is not None and not done:
            # Its clips may be in a store that this process does not know.
            return False
        told = [f"- clip `{one.key[:12]}`: {as_text(one.message)}" for one in done]
    try:
        await _publish(flow_run, told or ["Nothing was ordered yet, so nothing was bought."])
    except Exception as error:  # noqa: BLE001 - whatever the server's client raises, what was asked is done
        logger.warning("Prefect did not take the page of the cancelled run (%s).", type(error).__name__)
    return True


async def _publish(flow_run: FlowRun, told: list[str]) -> None:
    """Say on the run's page what became of its clips, and let no bar say that they are still made.

    Prefect calls the hook outside of the run, so the artifacts are tied to it here.
    """
    of_run = ArtifactFilterFlowRunId(any_=[flow_run.id])
    bars = ArtifactFilter(flow_run_id=of_run, type=ArtifactFilterType(any_=["progress"]))
    async with get_client() as client:
        await client.create_artifact(
            ArtifactCreate(
                key=f"{slug(flow_run.name)}{CANCELLED_PAGE}",
                type="markdown",
                description="Cancelled",
                data="\n".join([f"## {as_text(flow_run.name)}", "", "**Cancelled.**", "", *told]),
                flow_run_id=flow_run.id,
            )
        )
        for bar in await client.read_artifacts(artifact_filter=bars):
            if bar.data != 100:
                await client.update_artifact(bar.id, ArtifactUpdate(description="cancelled", data=bar.data))


async def cancel_work(
    run_id: UUID, parameters: dict[str, Any], *, asked_at: datetime | None = None
) -> list[Cancellation]:
    """Cancel the runs that this run started and every clip that it worked on, found through the evidence.

    Raises:
        AccountProblem, InvalidRequest: The run's blocks cannot be used any more; nothing was cancelled.
        StorageProblem: The run's clips could not be listed; nothing was cancelled.
    """
    async with context_of(
        str(run_id), parameters.get("credentials_block"), parameters.get("storage_block")
    ) as context:
        # First: a run that starts later would take the wish to cancel for an old one and override it.
        children = await _cancel_children(run_id)
        cancelled = await in_thread(
            cancel_run, context, str(run_id), asked_at=asked_at, children={str(child) for child in children}
        )
    for done in cancelled:
        logger.info("Clip %s: %s.", done.key[:12], done.message)
    return cancelled


async def _cancel_children(run_id: UUID) -> set[UUID]:
    """Cancel the runs that this run started, as far as the server can be reached; their ids."""
    found: set[UUID] = set()
    mine = FlowRunFilter(parent_flow_run_id=FlowRunFilterParentFlowRunId(any_=[run_id]))
    try:
        async with get_client() as client:
            seen = 0
            # The server gives 200 at a time.
            while children := await client.read_flow_runs(flow_run_filter=mine, offset=seen):
                seen += len(children)
                found |= {child.id for child in children}
                for child in children:
                    if child.state is None or not child.state.is_final():
                        await client.set_flow_run_state(child.id, Cancelling(message=_WHY))
                    elif child.state.is_crashed():
                        # Else it would be started again; no process has it, so there is nothing to wait for.
                        await client.set_flow_run_state(child.id, Cancelled(message=_WHY))
    except Exception as error:  # noqa: BLE001 - whatever the server's client raises, the clips come next
        logger.warning("Runs on other workers may go on (%s).", type(error).__name__)
    return found
