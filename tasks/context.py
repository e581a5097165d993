"""From block names and the environment to a place to work in; parameters never hold more than the names."""

from __future__ import annotations

import contextlib
import logging
import shlex
import tempfile
from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import httpx
from prefect.blocks.core import Block
from prefect.blocks.system import Secret
from prefect.client.orchestration import get_client
from prefect.runtime import deployment
from pydantic import ValidationError

from blocks.credentials import DashScopeCredentials
from blocks.storage import VideoStorage
from footage.catalogue import REGION_NAMES
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
from tasks.crash_limit import heed_restart
from tasks.credentials_blocks import credentials_blocks
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
    every_account: bool = False,
) -> AsyncGenerator[Context]:
    """A context for one flow run; its worker stops beating at the end.

    `every_account`: where no credentials block is named, with the keys of all that work in the default key's region.

    Raises:
        Canceled: The run was started again, and the run that started it is cancelled.
        GaveUp: The run crashed too often in a row.
        AccountProblem: The named credentials block does not exist.
        InvalidRequest: The named storage block does not exist, or a setting cannot be used.
    """
    await heed_restart()
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
    settings = await _settings(storage_block)
    _refuse_vanishing_output(settings)
    if deadline_s is not None:
        settings = settings.model_copy(update={"deadline_s": deadline_s})
    sources = await _key_sources(credentials_block, settings, every_account=every_account)
    find_first, *find_more = sources.find
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
    context.key_warnings = sources.warnings
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


@dataclass(frozen=True)
class _KeySources:
    """Where the keys are, the first one first, and which blocks of the server are left out."""

    find: Sequence[Callable[[], ApiKey]]
    warnings: tuple[str, ...] = ()


async def _key_sources(
    credentials_block: str | None, settings: Settings, *, every_account: bool
) -> _KeySources:
    """One, or one of each block that is named between commas; `every_account`: of all blocks, where none is named."""
    names = [name.strip() for name in (credentials_block or "").split(",") if name.strip()]
    if names:
        return _KeySources([await _key_source(name) for name in names])
    # A real key has no business at the emulator.
    if every_account and not (emulated_here() or emulator_key_given()):
        return await _keys_of_every_account(settings)
    return _KeySources([await _key_source(None)])


async def _keys_of_every_account(settings: Settings) -> _KeySources:
    """The default key, and those of all blocks that work in its region; without a default key the blocks alone.

    Raises:
        InvalidRequest: What is saved in the default block cannot be used, and there is no other one.
    """
    warnings: list[str] = []
    find_default: Callable[[], ApiKey] = key_of_environment
    default: ApiKey | None = None
    broken: InvalidRequest | None = None
    try:
        find_default = await _key_source(None)
        default = find_default()
    except InvalidRequest as error:
        warnings.append(str(error))
        broken = error
    except AccountProblem as error:
        # Where every account has a block of its own there is no key in the environment.
        if find_default is not key_of_environment:
            warnings.append(error.message)
    blocks = await _named_blocks(warnings)
    if default is None and not blocks:
        if broken is not None:
            raise broken
        return _KeySources([find_default], tuple(warnings))
    first = blocks[0][1] if default is None else default
    region = settings.region or first.region or REGION_NAMES[0]
    keys = {} if default is None else {default.fingerprint: default}
    elsewhere: dict[str, list[str]] = {}
    for name, block in blocks:
        of_block = block.region or settings.region or REGION_NAMES[0]
        if of_block != region:
            elsewhere.setdefault(of_block, []).append(name)
            continue
        # The same one in other words: without a region a key is of the first.
        block.region = region if default is None else default.region
        try:
            key = block.get_api_key()
        except AccountProblem as error:
            warnings.append(error.message)
        else:
            keys.setdefault(key.fingerprint, key)
    warnings += [
        f"What was bought in {of_block} is not finished by this run, whose keys are of {region}: run harvest with "
        f"credentials_block {','.join(names)}."
        for of_block, names in sorted(elsewhere.items())
    ]
    return _KeySources([partial(keys.__getitem__, name) for name in keys] or [find_default], tuple(warnings))


async def _named_blocks(warnings: list[str]) -> list[tuple[str, DashScopeCredentials]]:
    """The credentials blocks of the server but the default one; what cannot be read is added to the warnings."""
    found: list[tuple[str, DashScopeCredentials]] = []
    try:
        async with get_client() as client:
            names = [block.name or "" for block in await credentials_blocks(client)]
        for name in names:
            try:
                block = None if name == DEFAULT_CREDENTIALS else await _load(DashScopeCredentials, name)
            except InvalidRequest as error:
                warnings.append(str(error))
            else:
                found += [] if block is None else [(name, block)]
    except httpx.HTTPError as error:
        warnings.append(
            f"The server did not tell its credentials blocks ({type(error).__name__}), so what was bought with the "
            "key of another account may have to wait for the next run."
        )
    return found


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
