"""The DashScope Credentials blocks of a Prefect server."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prefect.exceptions import ObjectNotFound

from blocks.credentials import DashScopeCredentials

if TYPE_CHECKING:
    from prefect.client.orchestration import PrefectClient
    from prefect.client.schemas.objects import BlockDocument


async def credentials_blocks(client: PrefectClient) -> list[BlockDocument]:
    """All that have a name, by name, without the keys in them."""
    slug = DashScopeCredentials.get_block_type_slug()
    try:
        # The server gives all of them, whatever offset and limit it is asked for.
        found = await client.read_block_documents_by_type(slug, include_secrets=False)
    except ObjectNotFound:
        # The type is not registered: nobody ran `wan-video setup` or saved one.
        return []
    return sorted((block for block in found if block.name and not block.is_anonymous), key=_name)


def _name(block: BlockDocument) -> str:
    return block.name or ""
