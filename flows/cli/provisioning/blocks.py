"""Block types, and the documents that can be filled from what this machine knows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from prefect.blocks.core import Block
from prefect.client.orchestration import PrefectClient
from prefect.exceptions import ObjectNotFound
from pydantic import SecretStr

from blocks.credentials import DashScopeCredentials
from blocks.storage import VideoStorage, is_secret_option
from flows.cli.provisioning import Done
from footage.credentials import DEFAULT_ACCOUNT
from tasks.saved_blocks import saved_blocks

if TYPE_CHECKING:
    from footage.credentials import ApiKey
    from footage.settings import Settings

BLOCKS: tuple[type[Block], ...] = (DashScopeCredentials, VideoStorage)


async def register_types(client: PrefectClient) -> list[Done]:
    """Register the block types, so that the UI has their forms."""
    done: list[Done] = []
    for block in BLOCKS:
        slug = block.get_block_type_slug()
        try:
            await client.read_block_type_by_slug(slug)
            became = "kept"
        except ObjectNotFound:
            became = "made"
        # Also where it is there already: a new version may have other fields.
        await block.aregister_type_and_schema(client=client)
        done.append(Done("block type", block.get_block_type_name(), became))
    return done


async def is_there(client: PrefectClient, kind: type[Block], name: str) -> bool:
    """Whether there is a document of this name; its content is not read."""
    try:
        await client.read_block_document_by_name(name, kind.get_block_type_slug(), include_secrets=False)
    except ObjectNotFound:
        return False
    return True


async def accounts(client: PrefectClient) -> list[str]:
    """The accounts whose keys are in blocks of this server: the default one, then the named ones."""
    return accounts_in(block.data for block in await saved_blocks(client, DashScopeCredentials))


def accounts_in(blocks: Iterable[Mapping[str, Any]]) -> list[str]:
    """The accounts that these credentials blocks name, after the default one."""
    named = {block.get("account") or DEFAULT_ACCOUNT for block in blocks}
    return [DEFAULT_ACCOUNT, *sorted(named - {DEFAULT_ACCOUNT})]


async def save_credentials(name: str, key: ApiKey, settings: Settings) -> None:
    """Keep the key on the server, encrypted there; runs load it by the block's name."""
    block = DashScopeCredentials(
        api_key=SecretStr(key.reveal()),
        region=settings.region or key.region,
        workspace=settings.workspace or key.workspace,
        account=None if key.account == DEFAULT_ACCOUNT else key.account,
    )
    await block.asave(name, overwrite=True)


async def save_storage(name: str, settings: Settings) -> None:
    """Keep where clips go, with the bucket's credentials apart from what may be seen."""
    options = dict(settings.storage_options)
    secret = {option: options.pop(option) for option in sorted(filter(is_secret_option, options))}
    document: dict[str, Any] = {
        "base": settings.store_url.rsplit("/", 1)[0],
        "options": options,
        "secret_options": secret or None,
        "public_base_url": settings.public_base_url,
        "sign_seconds": settings.sign_urls_s,
    }
    await VideoStorage.model_validate(document).asave(name, overwrite=True)
