"""One create after the other, as fast as a model's documented submit rate; for all clips of this process."""

from __future__ import annotations

import asyncio
import time

from footage.catalogue import card


class CreatePacer:
    """Hands out the moments at which creates may be sent, in the order in which they are asked for."""

    def __init__(self) -> None:
        self._free_at: dict[str, float] = {}

    async def take(self, model: str) -> None:
        """Wait for the next turn of a model."""
        now = time.monotonic()
        mine = max(now, self._free_at.get(model, now))
        self._free_at[model] = mine + 1 / card(model).submit_per_second
        await asyncio.sleep(mine - now)
