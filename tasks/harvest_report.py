"""What people see of a harvest in Prefect: how its run ended, and the status of the store."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from prefect import State
from prefect.artifacts import acreate_table_artifact
from prefect.states import Completed

from footage.concurrency.executors import in_thread
from footage.errors import FootageError
from footage.steps.store_status import store_status
from footage.steps.store_status_texts import as_rows
from tasks.artifacts import published
from tasks.markdown import as_cell, slug

if TYPE_CHECKING:
    from footage.context import Context
    from footage.steps.harvest import Harvest
    from footage.steps.open_clips import OpenClips

logger = logging.getLogger("footage.tasks")


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
    unclaimed = f"{report.stranger_count} unclaimed tasks in the account"
    if len(report.strangers) < report.stranger_count:
        unclaimed += f" ({len(report.strangers)} of them are listed)"
    message = (
        f"{len(report.delivered)} delivered, {len(report.waiting)} waiting, {len(report.failed)} failed, "
        f"{len(report.expiring)} expire soon, {len(report.expired)} expired, "
        f"{unclaimed if report.account_listed else 'the tasks of the account were not looked at'}"
    )
    if rows:
        await published(acreate_table_artifact(table=rows, key="harvest", description=message))
    return Completed(message=message, data=report.to_json())


async def publish_status(context: Context, found: OpenClips, storage_block: str | None = None) -> None:
    """The status of the store as one artifact that every harvest renews; it stays as it was where nobody can tell.

    `found` is what the harvest found open; the store of a block has an artifact of its own.
    """
    try:
        now = await in_thread(store_status, context, found)
    except FootageError as error:
        logger.warning("The status of the store could not be told: %s", error.message)
        return
    rows = [{"what": name, "is": as_cell(value)} for name, value in as_rows(now)]
    await published(
        acreate_table_artifact(
            key="-".join(["wan-video-status", *([slug(storage_block)] if storage_block else [])]),
            table=rows,
            description=f"{as_cell(now.store)} at {now.at:%Y-%m-%d %H:%M} UTC",
        )
    )
