"""When the next call of a kind may go out: one interface for everything that an account may do so many times a second.

Creates are counted for each model, questions for each account. Whoever opens a context decides how far the count is
shared: within this process here, over all workers of a Prefect server in `tasks/limits.py`.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from footage.catalogue import card
from footage.credentials import DEFAULT_ACCOUNT
from footage.pacing.queries import DEFAULT_QUERIES_PER_SECOND, pace_of


@dataclass(frozen=True)
class CreatePace:
    """How many creates a second an account may send of a model now; None: as many as are documented."""

    per_second: float | None = None
    account: str = DEFAULT_ACCOUNT


AS_DOCUMENTED = CreatePace()


class RateLimits(Protocol):
    """What a context asks before each call."""

    async def create_turn(self, model: str, pace: CreatePace = AS_DOCUMENTED) -> None:
        """Wait until one more create of a model may be sent, at the pace of its account.

        Raises:
            Throttled: An operator allows none.
        """
        ...

    def query_turn(self, line: tuple[str, ...]) -> Callable[[float | None], None]:
        """Block until one more question of this line may be asked; what to call where it is refused.

        Raises:
            Throttled: So many were refused, or wait, that it has to be asked later.
        """
        ...


class ProcessRateLimits:
    """RateLimits that hold for all clips and threads of this process."""

    def __init__(self, queries_per_second: float = DEFAULT_QUERIES_PER_SECOND) -> None:
        self._queries_per_second = queries_per_second
        self._free_at: dict[tuple[str, str], float] = {}

    async def create_turn(self, model: str, pace: CreatePace = AS_DOCUMENTED) -> None:
        """Wait for the next of a model's creates a second, in the order in which they are asked for."""
        now = time.monotonic()
        line = pace.account, model
        mine = max(now, self._free_at.get(line, now))
        self._free_at[line] = mine + 1 / (pace.per_second or card(model).submit_per_second)
        await asyncio.sleep(mine - now)

    def query_turn(self, line: tuple[str, ...]) -> Callable[[float | None], None]:
        """Block until one more question may be asked; returns and raises as in `RateLimits`."""
        return pace_of(line).wait(self._queries_per_second)
