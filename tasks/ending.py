"""How a clip's run ends in Prefect: a state whose name says what a person needs to know."""

from __future__ import annotations

import dataclasses
from typing import Any

from prefect import State
from prefect.artifacts import acreate_table_artifact
from prefect.states import Cancelled, Completed, Failed

from footage.clip import Clip
from footage.errors import Canceled, FootageError, NotFinished
from footage.steps.harvest import Harvest
from tasks.showing import show_failure


def finished(clip: Clip) -> State[Any]:
    """Completed, named `Cached` when nothing had to be made.

    Raises:
        NotFinished: The clip has no response, so it is not finished.
    """
    response = clip.response
    if response is None:
        raise NotFinished(f"Clip {clip.key[:12]} is not finished.", key=clip.key)
    name = "Cached" if response.cached else "Completed"
    message = f"{response.video_url} ({response.duration:g} s, {response.fps:g} fps, {response.size})"
    return Completed(name=name, message=message, data=response.model_dump(mode="json"))


async def stopped(name: str, error: FootageError) -> State[Any]:
    """Failed or Cancelled with the error's own message, and an artifact that says what to do.

    A clip that only is not finished ends as `Booked` (retry the run, or let harvest finish it): to Prefect it
    is a failure, because nothing was delivered, and its Retry button is the right one to press.
    """
    await show_failure(name, error)
    if isinstance(error, Canceled):
        became = error.details.get("became")
        return Cancelled(name="Abandoned" if became == "abandoned" else "Cancelled", message=str(error))
    state_name = "Booked" if isinstance(error, NotFinished) else "Failed"
    return Failed(name=state_name, message=str(error), data=error)


async def harvested(report: Harvest) -> State[Any]:
    """Completed with the counts as message and a table of every clip that was looked at."""
    rows = [
        *({"clip": key[:12], "state": "delivered", "what to know": ""} for key in report.delivered),
        *({"clip": key[:12], "state": "waiting", "what to know": why} for key, why in report.waiting.items()),
        *({"clip": key[:12], "state": "failed", "what to know": why} for key, why in report.failed.items()),
        *({"clip": key[:12], "state": "canceled", "what to know": ""} for key in report.canceled),
        *({"clip": "not ours", "state": "unclaimed", "what to know": task} for task in report.strangers),
    ]
    message = (
        f"{len(report.delivered)} delivered, {len(report.waiting)} waiting, {len(report.failed)} failed, "
        f"{len(report.expiring)} expire soon, {len(report.strangers)} unclaimed tasks in the account"
    )
    if rows:
        await acreate_table_artifact(table=rows, key="harvest", description=message)
    return Completed(message=message, data=dataclasses.asdict(report))
