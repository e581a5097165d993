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
    # How many clips were let in so far; whether the account refused one.
    ever_let_in: int = 0
    refused: bool = False

    @property
    def size(self) -> int:
        # An account may have more than is documented: it is seen by what runs.
        return WINDOW * (self.told or max(self.documented, self.most_running))

    @property
    def load(self) -> float:
        """How many clips it has, as a share of its size."""
        return len(self.inside) / self.size

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
        if clip in self.inside:
            self.inside.discard(clip)
            self.running.discard(clip)
            self.all_run_since_s = None


@dataclass
class _Line:
    """The clips that wait for a place with any of some accounts, in the order in which they came."""

    windows: dict[_Queue, _Window]
    waiting: dict[object, asyncio.Future[_Queue]] = field(
        default_factory=dict[object, "asyncio.Future[_Queue]"]
    )
    waited: bool = False

    def let_in(self) -> None:
        """Let in as many as there is room for, each where the most room is."""
        while self.waiting:
            queue = self._roomiest()
            window = self.windows[queue]
            if window.load >= 1:
                return
            clip = next(iter(self.waiting))
            turn = self.waiting.pop(clip)
            # Else it was cancelled, and did not notice yet.
            if not turn.done():
                window.inside.add(clip)
                window.ever_let_in += 1
                turn.set_result(queue)

    def _roomiest(self) -> _Queue:
        """Of the accounts that refused nothing; where all did, of all of them."""
        selling = [queue for queue, window in self.windows.items() if not window.refused]

        def rank(queue: _Queue) -> tuple[float, int]:
            return self.windows[queue].load, self.windows[queue].ever_let_in

        return min(selling or self.windows, key=rank)


class InFlight:
    """The clips of one run that the provider has, each by an object of its own; for one event loop."""

    def __init__(self) -> None:
        self._windows: dict[_Queue, _Window] = {}
        # Accounts that sell no model, each with its endpoint.
        self._refusing: set[tuple[str, str]] = set()
        # By the accounts that their clips can be bought with.
        self._lines: dict[tuple[_Queue, ...], _Line] = {}

    def allow(self, client: WanClient, model: str, running_tasks: int | None) -> None:
        """Note how many clips of a model the provider says it makes at once; None: it does not say."""
        self._window(client, model).told = running_tasks
        self._let_in()

    def note_refusal(self, client: WanClient, model: str) -> None:
        """Note that an account does not sell clips of a model: as long as another one does, none gets a place there."""
        self._window(client, model).refused = True
        self._let_in()

    def note_refusing_account(self, client: WanClient) -> None:
        """Note before the first clip that an account sells no model; from any thread."""
        self._refusing.add((client.base_url, client.api_key.account))

    def sold_elsewhere(self, client: WanClient, clients: Sequence[WanClient], model: str) -> bool:
        """Whether an account refused clips of a model, and another one of `clients` refused none."""
        others = (self._window(other, model) for other in clients)
        return self._window(client, model).refused and any(not other.refused for other in others)

    async def enter(self, clients: Sequence[WanClient], model: str, clip: object) -> WanClient:
        """Wait until one more clip may be sent, however long that takes; where to buy it.

        Of the accounts that refused none it is the one with the most room. The clip has its place there until it
        leaves, or enters anew.
        """
        self.leave(clip)
        by_queue = {_queue(client, model): client for client in clients}
        line = self._lines.get(tuple(by_queue))
        if line is None:
            line = self._lines[tuple(by_queue)] = _Line(
                {queue: self._window(client, model) for queue, client in by_queue.items()}
            )
        turn = line.waiting[clip] = asyncio.get_running_loop().create_future()
        line.let_in()
        if not turn.done() and not line.waited:
            line.waited = True
            logger.info(
                "%d clips of %s are at the provider; the others of this run wait until one of them has ended.",
                *(sum(len(window.inside) for window in line.windows.values()), model),
            )
        try:
            return by_queue[await turn]
        except asyncio.CancelledError:
            line.waiting.pop(clip, None)
            self.leave(clip)
            raise

    def note(self, client: WanClient, model: str, clip: object, *, running: bool, at_s: float) -> None:
        """Count a clip that the provider has, whoever sent it, and whether it was made at this moment (monotonic)."""
        window = self._window(client, model)
        window.inside.add(clip)
        if running:
            window.note_running(clip, at_s)
            self._let_in()

    def leave(self, clip: object) -> None:
        """Note that the provider has done its part for a clip, or does not get it."""
        for window in self._windows.values():
            window.leave(clip)
        self._let_in()

    def _let_in(self) -> None:
        for line in self._lines.values():
            line.let_in()

    def _window(self, client: WanClient, model: str) -> _Window:
        queue = _queue(client, model)
        if queue not in self._windows:
            card = known_models().get(model)
            refused = queue[:2] in self._refusing
            self._windows[queue] = _Window(card.concurrent_tasks if card else 1, refused=refused)
        return self._windows[queue]


def _queue(client: WanClient, model: str) -> _Queue:
    return client.base_url, client.api_key.account, model
