"""How many clips of one run are at the provider at once: as many as it makes, and as many again in its queue.

The provider makes a few clips of a model at once and queues the others in the order in which they came. Of a run that
sends a thousand at once all are made before the first of the run that comes next. One that keeps just the head of the
queue filled loses no time, and shares the slots with all that do the same, without a coordinator. A board that is
spread over several runs has one share for each of them.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from footage.catalogue import known_models

if TYPE_CHECKING:
    from footage.provider import WanClient

logger = logging.getLogger(__name__)

# Times what is made at once: the other half waits in the provider's queue, so that no slot is ever free.
WINDOW = 2
# While clips follow each other, one that has ended is for a moment taken for one that runs.
_SURE_S = 10.0

# Endpoint, account, model: what the provider counts together.
_Queue = tuple[str, str, str]


@dataclass
class _Window:
    documented: int
    # As the provider says; None: it does not.
    told: int | None = None
    # The clips that it has, or is about to get.
    inside: set[object] = field(default_factory=set[object])
    running: set[object] = field(default_factory=set[object])
    most_running: int = 0
    # Since when all that are inside run, so that none of them is queued (monotonic).
    all_run_since_s: float | None = None
    waiting: dict[object, asyncio.Future[None]] = field(default_factory=dict[object, "asyncio.Future[None]"])
    waited: bool = False
    # The clips that are to be bought here, or were; how many were so far; whether the account refused one.
    chosen: set[object] = field(default_factory=set[object])
    ever_chosen: int = 0
    refused: bool = False

    @property
    def size(self) -> int:
        # An account may have more than is documented: it is seen by what runs.
        return WINDOW * (self.told or max(self.documented, self.most_running))

    @property
    def load(self) -> float:
        """How many clips it has and is to get, as a share of its size."""
        return len(self.inside | self.chosen) / self.size

    def let_in(self) -> None:
        """Let in as many as there is room for, in the order in which they came."""
        while self.waiting and len(self.inside) < self.size:
            clip = next(iter(self.waiting))
            turn = self.waiting.pop(clip)
            # Else it was cancelled, and did not notice yet.
            if not turn.done():
                self.inside.add(clip)
                turn.set_result(None)

    def note_running(self, clip: object, at_s: float) -> None:
        self.running.add(clip)
        if not self.inside <= self.running:
            self.all_run_since_s = None
        elif self.all_run_since_s is None:
            self.all_run_since_s = at_s
        elif at_s - self.all_run_since_s >= _SURE_S:
            self.most_running = max(self.most_running, len(self.inside))
            self.all_run_since_s = None

    def leave(self, clip: object) -> None:
        self.chosen.discard(clip)
        if clip in self.inside:
            self.inside.discard(clip)
            self.running.discard(clip)
            self.all_run_since_s = None
        self.let_in()


class InFlight:
    """The clips of one run that the provider has, each by an object of its own; for one event loop."""

    def __init__(self) -> None:
        self._windows: dict[_Queue, _Window] = {}

    def allow(self, client: WanClient, model: str, running_tasks: int | None) -> None:
        """Note how many clips of a model the provider says it makes at once; None: it does not say."""
        window = self._window(client, model)
        window.told = running_tasks
        window.let_in()

    def choose(self, clients: Sequence[WanClient], model: str, clip: object) -> WanClient:
        """Where to buy a clip: of the accounts that refused none the one with the most room for it."""
        self.leave(clip)

        def rank(client: WanClient) -> tuple[bool, float, int]:
            window = self._window(client, model)
            return window.refused, window.load, window.ever_chosen

        chosen = min(clients, key=rank)
        window = self._window(chosen, model)
        window.chosen.add(clip)
        window.ever_chosen += 1
        return chosen

    def note_refusal(self, client: WanClient, model: str) -> None:
        """Note that an account does not sell clips of a model: others of the run are bought elsewhere."""
        self._window(client, model).refused = True

    async def enter(self, client: WanClient, model: str, clip: object) -> None:
        """Wait until one more clip may be sent, however long that takes; who has entered has until it leaves."""
        window = self._window(client, model)
        if clip in window.inside:
            return
        # Of an earlier attempt, with another account.
        for other in self._windows.values():
            if other is not window:
                other.leave(clip)
        turn = window.waiting[clip] = asyncio.get_running_loop().create_future()
        window.let_in()
        if not turn.done() and not window.waited:
            window.waited = True
            logger.info(
                "%d clips of %s are at the provider; the others of this run wait until one of them has ended.",
                *(len(window.inside), model),
            )
        try:
            await turn
        except asyncio.CancelledError:
            window.waiting.pop(clip, None)
            self.leave(clip)
            raise

    def note(self, client: WanClient, model: str, clip: object, *, running: bool, at_s: float) -> None:
        """Count a clip that the provider has, whoever sent it, and whether it was made at this moment (monotonic)."""
        window = self._window(client, model)
        window.inside.add(clip)
        if running:
            window.note_running(clip, at_s)
            window.let_in()

    def leave(self, clip: object) -> None:
        """Note that the provider has done its part for a clip, or does not get it."""
        for window in self._windows.values():
            window.leave(clip)

    def _window(self, client: WanClient, model: str) -> _Window:
        queue = client.base_url, client.api_key.account, model
        if queue not in self._windows:
            card = known_models().get(model)
            self._windows[queue] = _Window(card.concurrent_tasks if card else 1)
        return self._windows[queue]
