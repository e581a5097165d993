"""From block names and the environment to a place to work in; parameters never hold more than the names."""

from __future__ import annotations

import contextlib
import logging
import shlex
import tempfile
from collections.abc import AsyncGenerator, Callable
from pathlib import Path
from typing import Any, TypeVar

from prefect.blocks.core import Block
from prefect.blocks.system import Secret
from prefect.runtime import deployment
from pydantic import ValidationError

from blocks.credentials import DashScopeCredentials
from blocks.storage import VideoStorage
from footage.concurrency.executors import in_thread
from footage.context import Context, key_of_environment, open_context
from footage.credentials import ApiKey, parse_key
from footage.emulated_environment import below, emulated, emulated_here, emulator_key_given
from footage.errors import AccountProblem, FootageError, InvalidRequest, Problem, Unreachable
from footage.errors.actions import NextStep, Setup
from footage.evidence.paid import NOTHING, paid_by_run
from footage.evidence.run_log import RunLog, collect_from, recorded
from footage.privacy.display import shown
from footage.settings import Settings, load_settings
from tasks.clip_page import log_plainly
from tasks.crash_limit import give_up_after_crashes
from tasks.limits import PrefectRateLimits

B = TypeVar("B", bound=Block)

logger = logging.getLogger("footage.tasks")

# Used when it exists; a run that names no block must also work without one.
DEFAULT_CREDENTIALS = "dashscope"
_DASHSCOPE = DashScopeCredentials.get_block_type_slug()
_SECRET = Secret.get_block_type_slug()


@contextlib.asynccontextmanager
async def context_of(
    run_id: str | None,
    credentials_block: str | None = None,
    storage_block: str | None = None,
    *,
    deadline_s: float | None = None,
) -> AsyncGenerator[Context]:
    """A context for one flow run; its worker stops beating at the end.

    Raises:
        GaveUp: The run crashed too often in a row.
        AccountProblem: The named credentials block does not exist.
        InvalidRequest: The named storage block does not exist, or a setting cannot be used.
    """
    await give_up_after_crashes()
    async with contextlib.AsyncExitStack() as stack:
        if load_settings().emulator:
            url = await in_thread(stack.enter_context, emulated())
            logger.info("Emulator at %s: nothing is bought, and every frame says EMULATED.", url)
        yield await stack.enter_async_context(_opened(run_id, credentials_block, storage_block, deadline_s))


@contextlib.asynccontextmanager
async def _opened(
    run_id: str | None, credentials_block: str | None, storage_block: str | None, deadline_s: float | None
) -> AsyncGenerator[Context]:
    settings = await _settings(storage_block)
    _refuse_vanishing_output(settings)
    if deadline_s is not None:
        settings = settings.model_copy(update={"deadline_s": deadline_s})
    find_first, *find_more = await _key_sources(credentials_block)
    context = open_context(
        settings,
        find_api_key=find_first,
        find_more_keys=lambda: [find() for find in find_more],
        run_id=run_id,
        # What a deployed run is asked for comes from elsewhere; in a terminal the files are the user's own.
        bounded=deployment.id is not None,
        flags=_flags(credentials_block, storage_block),
        rate_limits=PrefectRateLimits(settings.queries_per_second),
    )
    collect_from("footage", "prefect.flow_runs", "prefect.task_runs")
    log_plainly()
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


async def _settings(storage_block: str | None) -> Settings:
    settings = load_settings()
    if storage_block is None:
        return settings
    block = await _load(VideoStorage, storage_block)
    if block is None:
        raise InvalidRequest(
            problems=(
                Problem(
                    "storage_block", shown(storage_block), "there is no Video Storage block of this name"
                ),
            ),
            next_step=NextStep.of("create it in the Prefect UI under Blocks, or with: ", Setup()),
        )
    settings = block.apply_to(settings)
    if emulated_here():
        return settings.model_copy(update={"output_dir": below(settings.output_dir)})
    return settings


async def _key_sources(credentials_block: str | None) -> list[Callable[[], ApiKey]]:
    """Where the keys are: one, or one of each block that is named between commas."""
    names = [name.strip() for name in (credentials_block or "").split(",") if name.strip()]
    return [await _key_source(name) for name in names] or [await _key_source(None)]


async def _key_source(credentials_block: str | None) -> Callable[[], ApiKey]:
    """The block if there is one, else the environment, else the credentials file.

    A block is a DashScope Credentials block, or one of Prefect's own Secret blocks, named as secret/NAME. Where none
    is named, "dashscope" of the one kind and then of the other is looked for.
    """
    if emulated_here() or (credentials_block is None and emulator_key_given()):
        # A real key has no business at the emulator.
        return key_of_environment
    if credentials_block is None:
        found = await _key_block(_DASHSCOPE, DEFAULT_CREDENTIALS) or await _key_block(
            _SECRET, DEFAULT_CREDENTIALS
        )
        return found or key_of_environment
    kind, name = (
        credentials_block.split("/", 1) if "/" in credentials_block else (_DASHSCOPE, credentials_block)
    )
    if kind not in (_DASHSCOPE, _SECRET):
        raise AccountProblem(
            f"A key is kept in no block of type {shown(kind)}.",
            next_step="name a DashScope Credentials block, or a Secret block as secret/NAME",
        )
    found = await _key_block(kind, name)
    if found is None:
        what = "Secret" if kind == _SECRET else "DashScope Credentials"
        raise AccountProblem(
            f"There is no {what} block named {shown(name)}.",
            next_step=NextStep.of(
                "create it in the Prefect UI under Blocks, or with: ",
                Setup(),
                "; a Secret block is named as secret/NAME",
            ),
        )
    return found


async def _key_block(kind: str, name: str) -> Callable[[], ApiKey] | None:
    if kind == _DASHSCOPE:
        block = await _load(DashScopeCredentials, name)
        return block.get_api_key if block is not None else None
    secret = await _load(Secret, name)
    return None if secret is None else lambda: _key_of_secret(secret, name)


def _key_of_secret(secret: Secret[Any], name: str) -> ApiKey:
    """The key in a Secret block, which holds any value.

    Raises:
        AccountProblem: It is no text, or no text that can be a key.
    """
    value = secret.get()
    if not isinstance(value, str):
        raise AccountProblem(
            f"The Secret block {shown(name)} holds no text.",
            next_step="save the key itself in it, as a string",
        )
    return parse_key(value, f"block secret/{name}")


async def _load(kind: type[B], name: str) -> B | None:
    """The block of this name; None when there is none.

    Raises:
        InvalidRequest: There is one, and what is saved in it cannot be used any more.
    """
    try:
        block = await kind.aload(name)
    except RuntimeError as error:
        # Prefect's "failed validation"; the values themselves may be secrets and are not repeated.
        wrong = error.__cause__
        if not isinstance(wrong, ValidationError):
            raise
        raise _unusable(
            kind, name, [(".".join(map(str, e["loc"])), e["msg"]) for e in wrong.errors()]
        ) from None
    except ValueError:
        # "Unable to find block document".
        return None
    # A block that was saved by an older version is loaded without the fields it lacks.
    missing = [
        (field, "is missing")
        for field, info in kind.model_fields.items()
        if info.is_required() and getattr(block, field, None) is None
    ]
    if missing:
        raise _unusable(kind, name, missing)
    return block


def _unusable(kind: type[Block], name: str, wrong: list[tuple[str, str]]) -> InvalidRequest:
    block = f"{kind.get_block_type_name()} {name}"
    return InvalidRequest(
        problems=tuple(
            Problem(f"{block}: {field or 'fields'}", "(saved)", message.removeprefix("Value error, "))
            for field, message in wrong
        ),
        next_step="correct the block in the Prefect UI under Blocks, or save it anew",
    )
