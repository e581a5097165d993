"""A wait that news about the clip interrupts."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from footage.push.wake_ups import News

if TYPE_CHECKING:
    from footage.clip import Clip


async def news_while(clip: Clip, work: asyncio.Future[Any], within_s: float) -> News:
    """Wait for `work`, for so long at most, or until a note about the clip comes; what it says."""
    woken = asyncio.ensure_future(clip.context.wake_ups.pause(clip.key, within_s))
    try:
        await asyncio.wait({work, woken}, return_when=asyncio.FIRST_COMPLETED)
        return woken.result() if woken.done() else News.NOTHING
    finally:
        woken.cancel()
