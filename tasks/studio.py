"""From block names and the environment to a place to work in; parameters never hold more than the names."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import AsyncGenerator, Callable
from typing import TypeVar

from prefect.blocks.core import Block

from blocks.credentials import DashScopeCredentials
from blocks.storage import VideoStorage
from footage.credentials import ApiKey
from footage.errors import AccountProblem, InvalidRequest, Problem
from footage.runlog import RunLog, collect_from, recorded
from footage.settings import Settings, load_settings
from footage.studio import Studio, key_of_environment, open_studio
from footage.threads import in_thread
from tasks.showing import log_known_errors_plainly

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
        AccountProblem: The named credentials block does not exist.
        InvalidRequest: The named storage block does not exist, or a setting cannot be used.
    """
    settings = await _settings(storage_block)
    if deadline_s is not None:
        settings = settings.model_copy(update={"deadline_s": deadline_s})
    studio = open_studio(settings, find_api_key=await _key_source(credentials_block), run_id=run_id)
    collect_from("footage", "prefect.flow_runs", "prefect.task_runs")
    log_known_errors_plainly()
    try:
        # What is logged before the clip is known belongs to its run log, too.
        with recorded(RunLog()):
            yield studio
    finally:
        await in_thread(studio.close)


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
