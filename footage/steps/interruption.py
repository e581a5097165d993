"""A wait that a note about the clip interrupts."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from footage.clip import Clip


async def note_while(clip: Clip, work: asyncio.Future[Any], within_s: float) -> bool | None:
    """Wait for `work`, for so long at most, or until a note about the clip comes.

    Whether the note says that somebody wants the clip cancelled; None where `work` is done and there is none.
    """
    woken = asyncio.ensure_future(clip.context.wake_ups.pause(clip.key, within_s))
    try:
        await asyncio.wait({work, woken}, return_when=asyncio.FIRST_COMPLETED)
        return woken.result() if woken.done() else None
    finally:
        woken.cancel()
