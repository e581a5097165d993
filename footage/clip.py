"""One clip on its way: what was ordered, its evidence, and the right to drive it.

clip = check(request, studio)              nothing was sent yet
async with clip.held():                    nobody else drives it now
    while step := await clip.next_step():  decided from the evidence
        await STEPS[step](clip)
clip.response
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, MutableMapping
from typing import TYPE_CHECKING, Any

from footage.errors import StillRunning, TakenOver
from footage.evidence.clip import ClipEvidence
from footage.evidence.lease import DeadWatch, Holding, Lease
from footage.evidence.state import ClipState, Permission, Step, next_step
from footage.request import VideoResponse
from footage.runlog import RunLog, current, recorded
from footage.steady import steady_s
from footage.steps.seal import response_of
from footage.threads import in_thread

if TYPE_CHECKING:
    from footage.order import Order
    from footage.provider import WanClient
    from footage.studio import Studio

logger = logging.getLogger(__name__)

# How often a worker that waits for another one looks; a local look costs under a millisecond.
LOOK_EVERY_S = 1.0


class _Say(logging.LoggerAdapter[logging.Logger]):
    """Puts the clip's name before every line."""

    def process(self, msg: str, kwargs: MutableMapping[str, Any]) -> tuple[str, MutableMapping[str, Any]]:
        return f"{(self.extra or {}).get('clip')}: {msg}", kwargs


class Clip:
    """One ordered clip; made by `footage.steps.check`, driven by the steps."""

    def __init__(
        self,
        studio: Studio,
        order: Order,
        permission: Permission,
        *,
        image: bytes | None = None,
        name: str | None = None,
    ) -> None:
        self.studio = studio
        # What people see in logs and in the UI: a shot's id, else the model.
        self.name = name or order.model
        # Prefect's pages show many clips' lines in one list, so each line says whose it is.
        self.say = _Say(logger, {"clip": self.name.replace("%", "%%")})
        self.order = order
        self.permission = permission
        self.key = order.key
        self.evidence = ClipEvidence(studio.store, order.key)
        self.log = RunLog(studio.store, f"{self.evidence.folder}/run.log")
        self.lease = Lease(studio.store, order.key, studio.worker)
        self.response: VideoResponse | None = None
        # When each task was first seen running (monotonic): a poll that is called again counts on from there.
        self.running_since: dict[str, float] = {}
        # Called before each new purchase; what it raises stops that one.
        self.before_buying: Callable[[], None] | None = None
        self._image = image

    def __reduce__(self) -> str:
        raise TypeError("A Clip belongs to one process; its evidence is what travels.")

    @property
    def endpoint(self) -> str:
        """Base URL that this clip is ordered from."""
        return self.studio.endpoint(self.order.region)

    @property
    def typical_s(self) -> float:
        """Seconds that a clip like this usually takes once it runs."""
        return self.studio.typical.of(self.order.model)

    def client(self) -> WanClient:
        """The client of this clip's endpoint."""
        return self.studio.client(self.endpoint, self.studio.workspace)

    def wire_body(self) -> dict[str, Any]:
        """The exact body of the create, with the prepared image inline."""
        image = self.order.image
        if image is None:
            return self.order.wire_body(None)
        if self._image is None:
            self._image = self.evidence.reference_image(image.file_name)
        return self.order.wire_body(image.data_uri(self._image))

    async def state(self) -> ClipState:
        """What the evidence says now."""
        return await in_thread(self.evidence.state)

    async def next_step(self) -> Step | None:
        """The step that comes next; None when this run has nothing left to do, `response` is set if finished.

        Raises:
            Canceled, GenerationFailed, ClipLost: Nothing more happens without a person's word.
            Unreachable: As many creates as one run may send did not reach the provider.
        """
        state = await self.state()
        if state.result is not None:
            self.response = response_of(self.studio.store, state.result, cached=False)
            return None
        return next_step(state, self.permission)

    @contextlib.asynccontextmanager
    async def held(self) -> AsyncGenerator[None]:
        """Drive this clip alone; waits while another worker does, and returns with its result if it finishes.

        Raises:
            StillRunning: The other worker was not done at the deadline; harvest does not wait for it at all.
        """
        before = current()
        if before is not None:
            self.log.begin_with(before)
        with recorded(self.log):
            await self._take()
            try:
                yield
            finally:
                # In a thread of its own right: releasing must also happen when this task is being cancelled.
                await asyncio.shield(in_thread(self._let_go))

    async def _take(self) -> None:
        dead = DeadWatch(self.studio.settings.lease_s)
        began_s = steady_s()
        first: Holding | None = None
        while True:
            if await in_thread(self.evidence.result) is not None:
                return
            holding = await in_thread(self.lease.look)
            if dead.vacant(holding, steady_s()):
                if await in_thread(self.lease.take, holding):
                    # Attempts of whoever drove the clip until now are not this run's own.
                    last = (await self.state()).last
                    self.permission = dataclasses.replace(
                        self.permission, attempts_before=last.number if last else 0
                    )
                    return
                continue
            if first is None:
                self.say.info("another worker (%s) makes this clip; waiting for it", holding.owner)
                first = holding
            # Who wants this clip waits for it; harvest leaves it to a worker that shows that it lives.
            alive = holding.beat != first.beat and not self.permission.may_buy
            if alive or steady_s() - began_s > self.studio.settings.deadline_s:
                raise StillRunning(
                    f"Worker {holding.owner} still makes clip {self.key[:12]}.",
                    next_step=f"wan-video generate --key {self.key}",
                    key=self.key,
                )
            await asyncio.sleep(LOOK_EVERY_S)

    def _let_go(self) -> None:
        self.log.flush()
        self.lease.release()


StepRunner = Callable[[Clip], Awaitable[Any]]


async def follow(clip: Clip, steps: dict[Step, StepRunner]) -> VideoResponse | None:
    """Drive a clip from where its evidence ends to its response; None when this run may not go on.

    Whatever a step raises passes through, with the clip given back and its log written.
    """
    while True:
        try:
            async with clip.held():
                while step := await clip.next_step():
                    await steps[step](clip)
                    await in_thread(clip.log.flush)
            return clip.response
        except TakenOver as stepped_back:
            clip.say.info("%s", stepped_back.message)
