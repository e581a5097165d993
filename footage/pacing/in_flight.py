"""How many clips of one run are at the provider at once: as many as it makes, and as many again in its queue.

The provider makes a few clips of a model at once and queues the others in the order in which they came. Whoever sends
a thousand at once is served a thousand times before the next one who comes; whoever keeps just the head of the queue
filled loses no time, and shares the slots with all that do the same, without a coordinator.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from footage.catalogue import known_models

if TYPE_CHECKING:
    from footage.provider import WanClient

# Times what is made at once: the other half waits in the provider's queue, so that no slot is ever free.
WINDOW = 2

# Endpoint, account, model: what the provider counts together.
_Line = tuple[str, str, str]


@dataclass
class _Window:
    documented: int
    # As the provider says; None: it does not.
    told: int | None = None
    # Keys of the clips that it has, or is about to get.
    keys: set[str] = field(default_factory=set[str])
    running: set[str] = field(default_factory=set[str])
    most_running: int = 0
    waiting: dict[str, asyncio.Future[None]] = field(default_factory=dict[str, "asyncio.Future[None]"])

    @property
    def room(self) -> int:
        # An account may have more than is documented: it is seen by what runs.
        return WINDOW * (self.told or max(self.documented, self.most_running)) - len(self.keys)

    def let_in(self) -> None:
        """Let in as many as there is room for, in the order in which they came."""
        while self.waiting and self.room > 0:
            key = next(iter(self.waiting))
            turn = self.waiting.pop(key)
            # Else it was cancelled, and did not notice yet.
            if not turn.done():
                self.keys.add(key)
                turn.set_result(None)


class InFlight:
    """The clips of one run that the provider has; for one event loop."""

    def __init__(self) -> None:
        self._windows: dict[_Line, _Window] = {}

    def allow(self, client: WanClient, model: str, running_tasks: int | None) -> None:
        """Note how many clips of a model the provider says it makes at once; None: it does not say."""
        window = self._window(client, model)
        window.told = running_tasks
        window.let_in()

    async def enter(self, client: WanClient, model: str, key: str) -> None:
        """Wait until one more clip may be sent; who has entered has until it leaves."""
        window = self._window(client, model)
        if key in window.keys:
            return
        turn = window.waiting.setdefault(key, asyncio.get_running_loop().create_future())
        window.let_in()
        try:
            await turn
        except asyncio.CancelledError:
            window.waiting.pop(key, None)
            self.leave(key)
            raise

    def note(self, client: WanClient, model: str, key: str, *, running: bool) -> None:
        """Count a clip that the provider has, whoever sent it, and whether it is being made."""
        window = self._window(client, model)
        window.keys.add(key)
        if running:
            window.running.add(key)
            window.most_running = max(window.most_running, len(window.running))
            window.let_in()

    def leave(self, key: str) -> None:
        """Note that the provider has done its part for a clip, or does not get it."""
        for window in self._windows.values():
            window.keys.discard(key)
            window.running.discard(key)
            window.let_in()

    def _window(self, client: WanClient, model: str) -> _Window:
        line = client.base_url, client.api_key.account, model
        if line not in self._windows:
            card = known_models().get(model)
            self._windows[line] = _Window(card.concurrent_tasks if card else 1)
        return self._windows[line]
