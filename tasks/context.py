"""From block names and the environment to a place to work in; parameters never hold more than the names."""

from __future__ import annotations

import contextlib
import logging
import shlex
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from prefect.context import FlowRunContext
from prefect.runtime import deployment

from blocks.storage import VideoStorage
from footage.concurrency.executors import in_thread
from footage.context import Context, open_context
from footage.emulated_environment import below, emulated, emulated_here
from footage.errors import FootageError, InvalidRequest, Problem, Unreachable
from footage.errors.actions import NextStep, Setup
from footage.evidence.paid import NOTHING, paid_by_run
from footage.evidence.run_log import RunLog, collect_from, recorded
from footage.privacy.display import shown
from footage.settings import Settings, load_settings
from tasks.clip_page import log_plainly
from tasks.crash_limit import require_wanted
from tasks.key_sources import key_sources
from tasks.limits import PrefectRateLimits
from tasks.saved_blocks import load_block

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator
    from datetime import datetime

logger = logging.getLogger("footage.tasks")


@contextlib.asynccontextmanager
async def context_of(
    run_id: str | None,
    credentials_block: str | None = None,
    storage_block: str | None = None,
    *,
    deadline_s: float | None = None,
    every_account: bool = False,
) -> AsyncGenerator[Context]:
    """A context for one flow run; its worker stops beating at the end.

    `every_account`: where no credentials block is named, with the keys of all that work in the default key's region.

    Raises:
        Canceled: The run that started this one is cancelled.
        GaveUp: The run crashed too often in a row.
        AccountProblem: The named credentials block does not exist.
        InvalidRequest: The named storage block does not exist, or a setting cannot be used.
    """
    await require_wanted()
    async with contextlib.AsyncExitStack() as stack:
        if load_settings().emulator:
            url = await in_thread(stack.enter_context, emulated())
            logger.info("Emulator at %s: nothing is bought, and every frame says EMULATED.", url)
        opened = _opened(run_id, credentials_block, storage_block, deadline_s, every_account)
        yield await stack.enter_async_context(opened)


@contextlib.asynccontextmanager
async def _opened(
    run_id: str | None,
    credentials_block: str | None,
    storage_block: str | None,
    deadline_s: float | None,
    every_account: bool,
) -> AsyncGenerator[Context]:
    settings = await settings_with(storage_block)
    _refuse_vanishing_output(settings)
    if deadline_s is not None:
        settings = settings.model_copy(update={"deadline_s": deadline_s})
    sources = await key_sources(credentials_block, settings, every_account=every_account)
    find_first, *find_more = sources.find
    context = open_context(
        settings,
        find_api_key=find_first,
        find_more_keys=lambda: [find() for find in find_more],
        run_id=run_id,
        run_began_at=_run_began_at(),
        # What a deployed run is asked for comes from elsewhere; in a terminal the files are the user's own.
        bounded=deployment.id is not None,
        flags=_flags(credentials_block, storage_block),
        rate_limits=PrefectRateLimits(settings.queries_per_second),
        key_warnings=sources.warnings,
    )
    collect_from("footage", "prefect.flow_runs", "prefect.task_runs")
    log_plainly()
    for warning in sources.warnings:
        logger.warning("%s", warning)
    try:
        # What is logged before the clip is known belongs to its run log, too.
        with recorded(RunLog()):
            yield context
    except FootageError as error:
        # For commands that people read on the run's page.
        error.details["flags"] = context.flags
        if run_id is not None:
            error.details["paid"] = await in_thread(paid_by_run, context.store, run_id)
            if isinstance(error, Unreachable) and error.details["paid"] != NOTHING:
                raise error.booked() from None
        raise
    finally:
        await in_thread(context.close)


def _run_began_at() -> datetime | None:
    """When the run began that is started over."""
    running = FlowRunContext.get()
    flow_run = running and running.flow_run
    return flow_run.start_time if flow_run and flow_run.run_count > 1 else None


def _flags(credentials_block: str | None, storage_block: str | None) -> list[str]:
    """The options with which the commands that are shown to people find the clips of this run."""
    given = {"--credentials-block": credentials_block, "--storage-block": storage_block}
    flags = [f"{option} {shlex.quote(name)}" for option, name in given.items() if name]
    return ["--emulator", *flags] if emulated_here() else flags


def _refuse_vanishing_output(settings: Settings) -> None:
    """A process worker without a working directory runs a flow in a temporary one and deletes it afterwards,
    with the clips and the proof of what was paid.

    Raises:
        InvalidRequest: That is where the output would go.
    """
    base, here = settings.output_dir, Path.cwd()
    relative = "://" not in base and not Path(base).expanduser().is_absolute()
    # The name that Prefect 3.8's process worker gives it.
    temporary = here.parent == Path(tempfile.gettempdir()).resolve() and here.name.endswith("prefect")
    if relative and temporary:
        raise InvalidRequest(
            problems=(
                Problem(
                    "OUTPUT_DIR",
                    base,
                    "the worker deletes the directory that this run works in",
                    "an absolute path or a URL, or a deployment with a working directory",
                ),
            )
        )


async def settings_with(storage_block: str | None) -> Settings:
    """The settings of a run that names this Video Storage block.

    Raises:
        InvalidRequest: There is no such block, or what is saved in it, or a setting, cannot be used.
    """
    settings = load_settings()
    if storage_block is None:
        return settings
    block = await load_block(VideoStorage, storage_block)
    if block is None:
        raise InvalidRequest(
            problems=(
                Problem(
                    "storage_block", shown(storage_block), "there is no Video Storage block of this name"
                ),
            ),
            next_step=NextStep.of(
                "create it in the Prefect UI under Blocks, or with: ", Setup(storage_block=storage_block)
            ),
        )
    settings = block.apply_to(settings)
    if emulated_here():
        return settings.model_copy(update={"output_dir": below(settings.output_dir)})
    return settings
