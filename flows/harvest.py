"""Finish everything that was bought and left unfinished; buys nothing. Runs on a schedule, every 15 minutes.

    open clips, the account's tasks ─► nearest expiry first ─► reconcile, poll, deliver, seal ─► report

Tasks and results live 24 h at the provider; a clip that no harvest finishes in time is lost and billed.

Requires: a key of each account that bought clips, and the store that holds their evidence.
"""

from __future__ import annotations

import asyncio
from typing import Any

from prefect import State, flow
from prefect.runtime import flow_run

from footage.errors import FootageError
from footage.steps.harvest import harvest_store
from tasks.account_tasks import account_tasks
from tasks.context import context_of
from tasks.events import emit_expired_event, emit_expiring_event
from tasks.final_states import stopped
from tasks.harvest_report import harvested, publish_status
from tasks.other_stores import in_other_stores
from tasks.parameters import Seconds
from tasks.run_repair import repair_runs
from tasks.steps import STEPS


@flow(name="harvest", flow_run_name="harvest", persist_result=True, result_serializer="json")
async def harvest(
    keys: list[str] | None = None,
    wait_s: Seconds = 600.0,
    credentials_block: str | None = None,
    storage_block: str | None = None,
) -> State[dict[str, Any]]:
    """Finish every bought clip of the store, nearest expiry first.

    Args:
        keys: Only these clips, by the beginning of their key; empty: all.
        wait_s: How long to wait for clips that the provider still works on, in seconds.
        credentials_block: Credentials block, or secret/NAME for a Secret block; several between commas; empty:
            "dashscope" of either kind, else the environment, and with it every credentials block of its region.
        storage_block: Name of a Video Storage block; empty: OUTPUT_DIR, and the store of every Video Storage block of
            the server, in a run of its own.
    """
    try:
        async with context_of(
            flow_run.id, credentials_block, storage_block, deadline_s=wait_s, every_account=True
        ) as context:
            # A harvest of named clips is of those alone.
            repaired = [] if keys else await repair_runs()
            others: asyncio.Task[list[str]] | None = None
            if storage_block is None and not keys:
                blocks = {"credentials_block": credentials_block}
                others = asyncio.create_task(in_other_stores(context, harvest, wait_s=wait_s, **blocks))
            try:
                report = await harvest_store(
                    context,
                    STEPS,
                    keys=tuple(keys or ()),
                    on_expiring=emit_expiring_event,
                    on_expired=emit_expired_event,
                    list_tasks=account_tasks,
                )
            except asyncio.CancelledError:
                # Ctrl-C means all of it.
                if others is not None:
                    others.cancel()
                raise
            finally:
                # Whatever this store's trouble is.
                elsewhere = await others if others is not None else []
            report.warnings += elsewhere
            report.warnings += repaired
            if not keys:
                await publish_status(context, report.found, storage_block)
            return await harvested(report)
    except FootageError as error:
        return await stopped("Harvest", error)
