"""From block names and the environment to a place to work in; parameters never hold more than the names."""

from __future__ import annotations

import contextlib
import logging
import tempfile
from collections.abc import AsyncGenerator, Callable
from pathlib import Path
from typing import TypeVar

from prefect.blocks.core import Block

from blocks.credentials import DashScopeCredentials
from blocks.storage import VideoStorage
from footage.credentials import ApiKey
from footage.errors import AccountProblem, FootageError, InvalidRequest, Problem, Unreachable
from footage.evidence.paid import NOTHING, paid_by_run
from footage.runlog import RunLog, collect_from, recorded
from footage.settings import Settings, load_settings
from footage.studio import Studio, key_of_environment, open_studio
from footage.threads import in_thread
from tasks.resuming import give_up_after_crashes
from tasks.showing import log_plainly

B = TypeVar("B", bound=Block)

logger = logging.getLogger("footage.tasks")

# Used when it exists; a run that names no block must also work without one.
DEFAULT_CREDENTIALS = "dashscope"


@contextlib.asynccontextmanager
async def studio_of(
    run_id: str | None,
    credentials_block: str | None = None,
    storage_block: str | None = None,
    *,
    deadline_s: float | None = None,
) -> AsyncGenerator[Studio]:
    """A studio for one flow run; its worker stops beating at the end.

    Raises:
        GaveUp: The run crashed too often in a row.
        AccountProblem: The named credentials block does not exist.
        InvalidRequest: The named storage block does not exist, or a setting cannot be used.
    """
    await give_up_after_crashes()
    settings = await _settings(storage_block)
    _refuse_vanishing_output(settings)
    if deadline_s is not None:
        settings = settings.model_copy(update={"deadline_s": deadline_s})
    studio = open_studio(settings, find_api_key=await _key_source(credentials_block), run_id=run_id)
    collect_from("footage", "prefect.flow_runs", "prefect.task_runs")
    log_plainly()
    try:
        # What is logged before the clip is known belongs to its run log, too.
        with recorded(RunLog()):
            yield studio
    except FootageError as error:
        if run_id is not None:
            error.details["paid"] = await in_thread(paid_by_run, studio.store, run_id)
            if isinstance(error, Unreachable) and error.details["paid"] != NOTHING:
                raise error.booked() from None
        raise
    finally:
        await in_thread(studio.close)


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


async def _settings(storage_block: str | None) -> Settings:
    settings = load_settings()
    if storage_block is None:
        return settings
    block = await _load(VideoStorage, storage_block)
    if block is None:
        raise InvalidRequest(
            problems=(
                Problem("storage_block", repr(storage_block), "there is no Video Storage block of this name"),
            ),
            next_step="create it in the Prefect UI under Blocks, or with: wan-video setup",
        )
    return block.apply_to(settings)


async def _key_source(credentials_block: str | None) -> Callable[[], ApiKey]:
    """The block if there is one, else the environment, else the credentials file."""
    block = await _load(DashScopeCredentials, credentials_block or DEFAULT_CREDENTIALS)
    if block is not None:
        return block.get_api_key
    if credentials_block is not None:
        raise AccountProblem(
            f"There is no DashScope Credentials block named {credentials_block!r}.",
            next_step="create it in the Prefect UI under Blocks, or with: wan-video setup",
        )
    return key_of_environment


async def _load(kind: type[B], name: str) -> B | None:
    try:
        return await kind.aload(name)
    except ValueError:
        # Prefect says "Unable to find block document" this way.
        return None
