"""A batch's run in Prefect: plan, probe, approval, and what people see of it."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from prefect import task
from prefect.artifacts import acreate_markdown_artifact, acreate_table_artifact
from prefect.cache_policies import NO_CACHE
from prefect.runtime import flow_run
from prefect.states import Completed, Failed

from footage.batch.batch_check import prepare_batch
from footage.batch.batch_report import BatchReport, write_report
from footage.batch.prepared_batch import PreparedBatch
from footage.concurrency.executors import in_thread
from footage.errors import AccountProblem
from footage.order.hand_over import handed_over
from footage.privacy.display import one_line, plain
from footage.privacy.redact import redact
from footage.storyboard import check_budget, in_words
from footage.storyboard.crew import Crew, ask_running_tasks
from footage.storyboard.plan_of_run import is_bounded, paid_at_begin, require_unchanged
from footage.storyboard.store_limits import limits_in_words
from footage.values.counted import counted
from footage.values.money import money
from tasks.approval import approved_price
from tasks.artifacts import CountProgress, published
from tasks.clip_runs import line_runs
from tasks.local_crew import crew_here
from tasks.markdown import as_cell, as_link, as_text
from tasks.region_probes import probe_regions

if TYPE_CHECKING:
    from prefect import State

    from footage.batch.batch_production import ClipReport, OnReport
    from footage.clip import Clip
    from footage.context import Context
    from footage.evidence.state import Permission
    from footage.request import VideoResponse
    from footage.storyboard import BoardQuote, Budget
    from footage.storyboard.to_buy import BoughtClip

logger = logging.getLogger("footage.tasks")

# Of a batch of thousands the page shows what is missing, and the report all.
_MOST_ROWS = 500
_MOST_MISSING = 50


@task(name="plan", task_run_name="plan", cache_policy=NO_CACHE, persist_result=False)
async def plan(
    context: Context,
    requests: list[Any] | None,
    file: str | None,
    budget: Budget,
    permission: Permission,
) -> tuple[PreparedBatch, dict[str, BoughtClip], BoardQuote]:
    """Check and price every line of a batch, and find out which clips are paid already, and what is due.

    Nothing is bought if a line is wrong or a cap would be passed.
    """

    def prepared() -> tuple[PreparedBatch, dict[str, BoughtClip], BoardQuote]:
        given = handed_over(PreparedBatch)
        batch = given.for_key_of(context) if given else prepare_batch(context, requests, file, budget)
        try:
            bought = batch.bought(context, buy_again=permission.buy_again)
            due = batch.due({*bought, *_paid_at_begin(context, permission)})
            logger.info("%s", in_words(batch.quote, due, budget))
            if doubles := len(batch.entries) - len(batch.clips):
                logger.warning(
                    "%d lines ask for the clip of an earlier line: it is made and paid once.", doubles
                )
            check_budget(due, budget, "batch")
            for warning in limits_in_words(context, due):
                logger.warning("%s", warning)
        except BaseException:
            batch.close()
            raise
        return batch, bought, due

    return await in_thread(prepared)


async def probe_batch(
    context: Context, batch: PreparedBatch, bought: dict[str, BoughtClip]
) -> tuple[dict[str, int], dict[str, AccountProblem]]:
    """Probe each region once in which a clip is left to make.

    What comes back says how many tasks of a model the accounts may run now, and why a region refused the key.

    Raises:
        AccountProblem: All of them refused it.
        Unreachable, Throttled, InvalidRequest: As `probe_regions`.
    """
    left = {
        (entry.model, entry.region)
        for entry in batch.clips
        if entry.id not in bought or not bought[entry.id].stored
    }
    models = {region: model for model, region in sorted(left)}
    refused = await probe_regions(context, models, (entry.key for entry in batch.clips))
    for region, error in refused.items():
        if len(refused) == len(models):
            raise error
        logger.error("No line is made in %s: %s", region, error.message)
    allowed = {(model, region) for model, region in left if region not in refused}
    return await ask_running_tasks(context, allowed), refused


def except_in(refused: Mapping[str, AccountProblem], makers: Crew) -> Crew:
    """The same makers, with the error of its region for each clip of a region that refused the key."""

    async def make(clip: Clip) -> VideoResponse | None:
        if (problem := refused.get(clip.order.region)) is not None:
            raise problem
        return await makers.make(clip)

    return replace(makers, make=make)


def _paid_at_begin(context: Context, permission: Permission) -> frozenset[str]:
    """What was paid when this run began, or the one that started it: neither's caps are about that."""
    runs = [str(flow_run.id), *([permission.given_to] if permission.given_to else [])]
    return frozenset[str]().union(*(paid_at_begin(context.store, run) for run in runs))


async def crew(
    context: Context,
    name: str,
    permission: Permission,
    blocks: dict[str, Any],
    board: str | None,
    lines_per_run: int | None,
    wait_s: float,
) -> Crew:
    """Who makes the clips of the batch of this name: this process, or further runs with so many lines in each.

    Raises:
        InvalidRequest: The number is none, or the Prefect server has no such deployment; nothing was bought.
    """
    here = crew_here(context, permission, board, wait_s)
    if lines_per_run is None:
        return here
    runs = await line_runs(context, name, permission, blocks, lines_per_run, wait_s)
    return Crew(here.check, runs.make)


async def require_same_as_begun(
    context: Context,
    batch: PreparedBatch,
    bought: Mapping[str, BoughtClip],
    due: BoardQuote,
    permission: Permission,
) -> frozenset[str]:
    """Keep what the run makes; where it was started before, it must have found the same.

    Of a run with a cap or an approval, or whose board has one, it returns what was paid when that began.

    Raises:
        InvalidRequest: A request, a picture or a price is not what it was when the run began; nothing more was bought.
    """

    def require_same() -> frozenset[str]:
        paid = require_unchanged(
            context.store,
            str(flow_run.id),
            {"requests": batch.fingerprint},
            makes=any(entry.id not in bought or not bought[entry.id].stored for entry in batch.clips),
            paid=due.paid if is_bounded(batch.budget) else (),
            field="file" if flow_run.parameters.get("file") else "requests",
        )
        return paid | _paid_at_begin(context, permission)

    return await in_thread(require_same)


async def approved(batch: PreparedBatch, due: BoardQuote) -> bool:
    """Whether what is due may be bought; waits for a person's answer where a price asks for one."""
    return await approved_price(batch.name, due, batch.budget)


def batch_progress(batch: PreparedBatch) -> OnReport:
    """Shows how far the batch is."""
    progress = CountProgress(len(batch.clips), "clips", "batch-progress")

    async def told(report: ClipReport) -> None:
        await progress.count(report.id, report.state)

    return told


def batch_run_name() -> str:
    """What the run is called: as the board that started it named it, else by its file or its number of requests."""
    given, asked = flow_run.name, flow_run.parameters
    if given and ": " in given:
        return given
    if isinstance(file := asked.get("file"), str):
        return one_line(f"videos of {PurePath(file).name}")[:200]
    requests = asked.get("requests")
    return counted(len(requests), "video") if isinstance(requests, list) else "videos"


async def wrapped(context: Context, report: BatchReport) -> State[dict[str, Any]]:
    """Completed when every line has its clip; else `Incomplete`, with what to do about each that is missing."""
    url = await in_thread(write_report, context.store, report)
    total = ", ".join(f"{number} {state}" for state, number in report.counts.items())
    message = f"{total}; {report.cost_in_words}; {redact(url)}"
    await published(
        acreate_table_artifact(
            key="batch-clips",
            table=[_row(clip) for clip in _missing_first(report.clips)[:_MOST_ROWS]],
            description=f"{as_cell(report.name)}: {total}, {report.cost_in_words}",
        )
    )
    await published(
        acreate_markdown_artifact(
            key="batch", markdown=_page(report, total, url), description=f"{as_cell(report.name)}: {total}"
        )
    )
    data = {**report.to_json(), "report_url": redact(url)}
    if report.complete:
        return Completed(message=message, data=data)
    return Failed(name="Incomplete", message=message, data=data)


def _missing_first(clips: Iterable[ClipReport]) -> list[ClipReport]:
    return sorted(clips, key=lambda clip: clip.state == "delivered")


def _page(report: BatchReport, total: str, url: str) -> str:
    missing = [clip for clip in report.clips if clip.state != "delivered"]
    lines = [
        f"## {as_text(report.name)}",
        "",
        f"{total}, **{report.cost_in_words}**",
        *(["", "### What is missing", ""] if missing else []),
        *(
            f"- **{as_text(clip.id)}** ({clip.state}): {as_text(clip.error or '', 1_000)}"
            + (f" **Next:** {as_text(clip.next, 1_000)}" if clip.next else "")
            for clip in missing[:_MOST_MISSING]
        ),
        *([f"- … and {len(missing) - _MOST_MISSING} more"] if len(missing) > _MOST_MISSING else []),
        *(["", "Started again, the batch makes what is missing and buys nothing twice."] if missing else []),
        "",
        f"All of it: {as_link(redact(url))}",
    ]
    return "\n".join(lines)


def _row(clip: ClipReport) -> dict[str, Any]:
    url = plain(redact(clip.video_url or ""))
    return {
        "line": clip.line,
        "id": as_cell(clip.id),
        "key": clip.key[:12],
        "state": clip.state,
        "cost": money(clip.cost.amount, clip.cost.currency) if clip.cost else "",
        "what to know": as_cell(
            clip.error or (f"same clip as {clip.same_as}: {url}" if clip.same_as else url)
        ),
    }
