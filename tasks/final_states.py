"""How a clip's run ends in Prefect: a state whose name says what a person needs to know."""

from __future__ import annotations

import dataclasses
import logging
from typing import TYPE_CHECKING, Any

from prefect import State
from prefect.artifacts import acreate_table_artifact
from prefect.states import Cancelled, Completed, Failed

from footage.checkup import Finding
from footage.clip import Clip
from footage.concurrency.executors import in_thread
from footage.errors import Canceled, FootageError, NotFinished, Unreachable
from footage.errors.actions import command
from footage.privacy.redact import redact
from footage.steps.harvest import Harvest
from footage.steps.store_status import store_status
from footage.steps.store_status_texts import as_rows
from tasks.artifacts import published
from tasks.crash_limit import GaveUp
from tasks.failure_page import publish_failure
from tasks.markdown import as_cell

if TYPE_CHECKING:
    from footage.context import Context

logger = logging.getLogger("footage.tasks")

# Of a run that the provider or the network did not answer, and that bought nothing.
UNREACHABLE = "Unreachable"


async def finished(clip: Clip) -> State[Any]:
    """Completed; named `Cached` when nothing had to be made, `Reattached` when somebody else had bought it.

    Raises:
        NotFinished: The clip has no response, so it is not finished.
    """
    response = clip.response
    if response is None:
        raise NotFinished(f"Clip {clip.key[:12]} is not finished.", key=clip.key)
    name = "Cached" if response.cached else await _who_bought(clip)
    # A signed link is the caller's; the server's database keeps it without its signature.
    message = f"{redact(response.video_url)} ({response.duration:g} s, {response.fps:g} fps, {response.size})"
    return Completed(name=name, message=message, data=response.model_dump(mode="json"))


async def _who_bought(clip: Clip) -> str:
    """`Reattached` for a run that went on with an earlier run's purchase, or waited for another worker's."""
    last = (await clip.state()).last
    return "Reattached" if last is not None and last.intent.owner != clip.context.worker.id else "Completed"


async def stopped(name: str, error: FootageError) -> State[Any]:
    """Failed or Cancelled with the error's own message, and an artifact that says what to do.

    A clip that only is not finished ends as `Booked` (retry the run, or let harvest finish it): to Prefect it
    is a failure, because nothing was delivered, and its Retry button is the right one to press.
    """
    flags = error.details.get("flags", ())
    message = error.written(lambda action: command(action, flags))
    match error:
        case Canceled():
            became = error.details.get("became")
            state = Cancelled(name="Abandoned" if became == "abandoned" else "Cancelled", message=message)
        case GaveUp():
            state = Failed(name="GaveUp", message=message, data=error)
        case _ if error.exit_code == Unreachable.exit_code:
            state = Failed(name=UNREACHABLE, message=message, data=error)
        case NotFinished():
            state = Failed(name="Booked", message=message, data=error)
        case _:
            state = Failed(message=message, data=error)
    await publish_failure(name, error, str(state.name))
    return state


async def harvested(report: Harvest) -> State[Any]:
    """Completed with the counts as message and a table of every clip that was looked at."""
    rows = [
        *({"clip": key[:12], "state": "delivered", "what to know": ""} for key in report.delivered),
        *(
            {"clip": key[:12], "state": "waiting", "what to know": as_cell(why)}
            for key, why in report.waiting.items()
        ),
        *(
            {"clip": key[:12], "state": "failed", "what to know": as_cell(why)}
            for key, why in report.failed.items()
        ),
        *({"clip": key[:12], "state": "canceled", "what to know": ""} for key in report.canceled),
        *(
            {"clip": "not ours", "state": "unclaimed", "what to know": as_cell(task)}
            for task in report.strangers
        ),
        *({"clip": "", "state": "warning", "what to know": as_cell(warning)} for warning in report.warnings),
    ]
    unclaimed = f"{len(report.strangers)} unclaimed tasks in the account"
    message = (
        f"{len(report.delivered)} delivered, {len(report.waiting)} waiting, {len(report.failed)} failed, "
        f"{len(report.expiring)} expire soon, {len(report.expired)} expired, "
        f"{unclaimed if report.account_listed else 'the tasks of the account were not looked at'}"
    )
    if rows:
        await published(acreate_table_artifact(table=rows, key="harvest", description=message))
    return Completed(message=message, data=dataclasses.asdict(report))


async def publish_status(context: Context) -> None:
    """The status of the store as one artifact that every harvest renews; it stays as it was where nobody can tell."""
    try:
        now = await in_thread(store_status, context)
    except FootageError as error:
        logger.warning("The status of the store could not be told: %s", error.message)
        return
    rows = [{"what": name, "is": as_cell(value)} for name, value in as_rows(now)]
    await published(
        acreate_table_artifact(
            key="wan-video-status",
            table=rows,
            description=f"{as_cell(now.store)} at {now.at:%Y-%m-%d %H:%M} UTC",
        )
    )


async def validated(findings: list[Finding], report_url: str) -> State[Any]:
    """Completed or Failed, with a table of every check."""
    await published(
        acreate_table_artifact(
            table=[
                {
                    "check": found.name,
                    "is": found.level,
                    "what": as_cell(found.message),
                    "fix": as_cell(found.fix or ""),
                }
                for found in findings
            ],
            key="validate",
            description=f"{len(findings)} checks, also in {report_url}",
        )
    )
    broken = [f"{found.name}: {found.message}" for found in findings if found.level == "fail"]
    if broken:
        return Failed(message="; ".join(broken))
    worries = sum(found.level == "warn" for found in findings)
    data = {"report_url": report_url, "findings": [found.to_json() for found in findings]}
    return Completed(message=f"{len(findings)} checks, {worries} warnings: {report_url}", data=data)
