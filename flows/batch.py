"""A list or a file of requests becomes clips, many in one process: a run for each would cost a process for each.

    read ─► all lines checked and priced ─► probe ─► approval? ─► clips, some at once for each model ─► report.json
                                                                    here, or in further runs of this deployment

Started again after any interruption, with what it began with, it makes what is missing and buys nothing twice.

Requires: what generate.py requires.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from prefect import State, flow
from prefect.runtime import flow_run

from footage.batch.batch_production import most_at_once, produce
from footage.batch.batch_report import BatchReport
from footage.errors import FootageError
from footage.evidence.state import Permission
from footage.storyboard import Budget, Ledger, capped
from footage.storyboard.crew import patience_s
from tasks.approval import refused
from tasks.batch import (
    approved,
    batch_progress,
    batch_run_name,
    crew,
    except_in,
    plan,
    probe_batch,
    require_same_as_begun,
    wrapped,
)
from tasks.board_parameters import Cap, LinesFile, LinesPerRun, Requests
from tasks.context import context_of
from tasks.final_states import stopped
from tasks.hooks import cancel_clips
from tasks.parameters import Currency, Seconds


@flow(
    name="generate-videos",
    flow_run_name=batch_run_name,
    on_cancellation=[cancel_clips],
    persist_result=True,
    result_serializer="json",
)
async def generate_videos(
    requests: Requests | None = None,
    file: LinesFile | None = None,
    max_seconds: Cap | None = None,
    max_cost: Cap | None = None,
    approve_above: Cap | None = None,
    currency: Currency = "USD",
    credentials_block: str | None = None,
    storage_block: str | None = None,
    retry_failed: bool = False,
    buy_again: bool = False,
    lines_per_run: LinesPerRun | None = None,
    wait_s: Seconds | None = None,
    board: str | None = None,
    parent_run: UUID | None = None,
) -> State[dict[str, Any]]:
    """Make many clips, or return those that are stored already.

    Args:
        requests: A list of requests, each an object with the fields of generate-video. Beside them a request may have
            an id, by which the report calls it; in place of them the key of a clip that was ordered before.
        file: Instead of a list: a file with one such object a line (JSON lines), as a path on the worker (below a
            folder of WAN_VIDEO_INPUT_ROOTS) or an address such as s3://bucket/requests.jsonl.
        max_seconds: Most seconds of video this run may buy; empty: no cap.
        max_cost: Most money this run may spend; empty: no cap.
        approve_above: Above this price a person has to approve; empty: nobody is asked.
        currency: Currency of max_cost and approve_above.
        credentials_block: Credentials block, or secret/NAME for a Secret block; several between commas; empty:
            "dashscope" of either kind, else the environment.
        storage_block: Name of a Video Storage block; empty: OUTPUT_DIR.
        retry_failed: Try again what the provider refused or failed for good.
        buy_again: Pay a second time for clips whose first purchase is lost or unknown.
        lines_per_run: Make the clips in further runs of this deployment, so many in each, on the workers of its pool;
            this run waits for them. Empty: all in this run.
        wait_s: How long each clip is waited for at the least, in seconds; empty: as long as this run's own lines need.
        board: Title of the storyboard that asks for them, for the ledger.
        parent_run: Id of the run that asks for them; what a person said was said to that run, and counts once.
    """
    given_to = None if parent_run is None else str(parent_run)
    permission = Permission(retry_failed=retry_failed, buy_again=buy_again, given_to=given_to)
    blocks = {"credentials_block": credentials_block, "storage_block": storage_block}
    caps = {"max_seconds": max_seconds, "max_cost": max_cost, "approve_above": approve_above}
    try:
        async with context_of(flow_run.id, credentials_block, storage_block) as context:
            budget = capped(Budget(currency=currency), caps)
            batch, bought, due = await plan(context, requests, file, budget, permission)
            with batch:
                running_tasks, refused_in = await probe_batch(context, batch, bought)
                at_once = most_at_once(batch, running_tasks, elsewhere=lines_per_run is not None)
                patience = max(patience_s(at_once, context.settings, running_tasks), wait_s or 0.0)
                makers = await crew(context, batch.name, permission, blocks, board, lines_per_run, patience)
                makers = except_in(refused_in, makers)
                paid_before = await require_same_as_begun(context, batch, bought, due, permission)
                if not await approved(batch, due):
                    return refused()
                noun, whole = ("Line", "batch") if board is None else ("Shot", "board")
                ledger = Ledger(budget, noun, whole, paid_before=paid_before)
                clips = await produce(context, batch, at_once, ledger, makers, batch_progress(batch))
                report = BatchReport.of(batch.name, flow_run.id, clips, ledger.statement())
                return await wrapped(context, report)
    except FootageError as error:
        return await stopped("The batch", error)
