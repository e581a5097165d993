"""What looks after bought clips does so in every store of the server: OUTPUT_DIR, and those of Video Storage blocks."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
from prefect.client.orchestration import get_client

from blocks.storage import VideoStorage
from footage.errors import FootageError
from tasks.context import settings_with
from tasks.saved_blocks import saved_blocks

if TYPE_CHECKING:
    from prefect import Flow

    from footage.context import Context
    from footage.settings import Settings


async def in_other_stores(context: Context, flow: Flow[..., Any], **parameters: Any) -> list[str]:
    """Run a flow once more for each other store that a Video Storage block names, all at once; what went wrong."""
    names, warnings = await _other_stores(context)
    runs = (flow(**parameters, storage_block=name, return_state=True) for name in names)
    for name, state in zip(names, await asyncio.gather(*runs), strict=True):
        if not state.is_completed():
            warnings.append(f"the store of the Video Storage block {name}: {state.message}")
    return warnings


async def _other_stores(context: Context) -> tuple[list[str], list[str]]:
    """A block for each store that is not the one of this run, and which blocks cannot be used."""
    warnings: list[str] = []
    by_store: dict[str, str] = {}
    try:
        async with get_client() as client:
            names = [block.name or "" for block in await saved_blocks(client, VideoStorage)]
        for name in names:
            try:
                by_store.setdefault(_place_of(await settings_with(name)), name)
            except FootageError as error:
                warnings.append(str(error))
    except httpx.HTTPError as error:
        warnings.append(
            f"The server did not tell its Video Storage blocks ({type(error).__name__}), so what was bought in their "
            "stores waits for the next run."
        )
    by_store.pop(_place_of(context.settings), None)
    return [*by_store.values()], warnings


def _place_of(settings: Settings) -> str:
    """The store's address; a folder by its whole path, however it was written."""
    url = settings.store_url.removeprefix("file://")
    return url if "://" in url else str(Path(url).resolve())
