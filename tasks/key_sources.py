"""Where the keys of a run are: credentials blocks, then the environment, then the credentials file."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import httpx
from prefect.blocks.system import Secret
from prefect.client.orchestration import get_client

from blocks.credentials import DashScopeCredentials
from footage.catalogue import REGION_NAMES
from footage.context import key_of_environment
from footage.credentials import ApiKey, parse_key
from footage.emulated_environment import emulated_here, emulator_key_given
from footage.errors import AccountProblem, InvalidRequest
from footage.errors.actions import NextStep, Setup
from footage.privacy.display import shown
from tasks.saved_blocks import load_block, saved_blocks

if TYPE_CHECKING:
    from footage.settings import Settings

# Used when it exists; a run that names no block must also work without one.
DEFAULT_CREDENTIALS = "dashscope"
_DASHSCOPE = DashScopeCredentials.get_block_type_slug()
_SECRET = Secret.get_block_type_slug()


@dataclass(frozen=True)
class KeySources:
    """Where the keys are, the first one first, and which blocks of the server are left out."""

    find: Sequence[Callable[[], ApiKey]]
    warnings: tuple[str, ...] = ()


async def key_sources(
    credentials_block: str | None, settings: Settings, *, every_account: bool
) -> KeySources:
    """One, or one of each block that is named between commas; `every_account`: of all blocks, where none is named.

    Raises:
        AccountProblem: A named block does not exist, or is of a type that keeps no key.
        InvalidRequest: What is saved in a block cannot be used.
    """
    names = [name.strip() for name in (credentials_block or "").split(",") if name.strip()]
    if names:
        return KeySources([await key_source(name) for name in names])
    # A real key has no business at the emulator.
    if every_account and not (emulated_here() or emulator_key_given()):
        return await _keys_of_every_account(settings)
    return KeySources([await key_source(None)])


async def _keys_of_every_account(settings: Settings) -> KeySources:
    """The default key, and those of all blocks that work in its region; without a default key the blocks alone.

    Raises:
        InvalidRequest: What is saved in the default block cannot be used, and there is no other one.
    """
    warnings: list[str] = []
    find_default: Callable[[], ApiKey] = key_of_environment
    default: ApiKey | None = None
    broken: InvalidRequest | None = None
    try:
        find_default = await key_source(None)
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
        return KeySources([find_default], tuple(warnings))
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
    return KeySources([partial(keys.__getitem__, name) for name in keys] or [find_default], tuple(warnings))


async def _named_blocks(warnings: list[str]) -> list[tuple[str, DashScopeCredentials]]:
    """The credentials blocks of the server but the default one; what cannot be read is added to the warnings."""
    found: list[tuple[str, DashScopeCredentials]] = []
    try:
        async with get_client() as client:
            names = [block.name or "" for block in await saved_blocks(client, DashScopeCredentials)]
        for name in names:
            try:
                block = None if name == DEFAULT_CREDENTIALS else await load_block(DashScopeCredentials, name)
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


async def key_source(credentials_block: str | None) -> Callable[[], ApiKey]:
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
        create, named = "create it in the Prefect UI under Blocks", "; a Secret block is named as secret/NAME"
        if kind == _SECRET:
            raise AccountProblem(f"There is no Secret block named {shown(name)}.", next_step=create + named)
        raise AccountProblem(
            f"There is no DashScope Credentials block named {shown(name)}.",
            next_step=NextStep.of(f"{create}, or with: ", Setup(credentials_block=name), named),
        )
    return found


async def _key_block(kind: str, name: str) -> Callable[[], ApiKey] | None:
    if kind == _DASHSCOPE:
        block = await load_block(DashScopeCredentials, name)
        return block.get_api_key if block is not None else None
    secret = await load_block(Secret, name)
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
