"""One clip on its way: what was ordered, its evidence, and the right to drive it.

clip = enter(context, prepare(context, request), permission)
                                           nothing was sent yet
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
import math
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, MutableMapping
from functools import partial
from typing import TYPE_CHECKING, Any

from footage.concurrency.boot_clock import boot_clock_s
from footage.concurrency.executors import in_thread
from footage.credentials import DEFAULT_ACCOUNT
from footage.errors import BadRecord, FootageError, StillRunning, StorageProblem, TakenOver
from footage.errors.actions import Rerun
from footage.evidence.clip_evidence import ClipEvidence
from footage.evidence.lease import NOBODY, DeadWatch, Holding, Lease
from footage.evidence.response import labelled_response, response_of
from footage.evidence.run_log import RunLog, current, recorded
from footage.evidence.state import ClipState, Permission, Step, decide
from footage.evidence.stored_files import damage, videos_of
from footage.evidence.stored_order import require_same_body, stored_order
from footage.request import VideoResponse
from footage.spending.settle import settle_clip

if TYPE_CHECKING:
    from footage.context import Context
    from footage.credentials import ApiKey
    from footage.evidence.delivered_records import ResultRecord
    from footage.order import Order
    from footage.provider import WanClient

logger = logging.getLogger(__name__)

# How often a worker that waits for another one looks; a local look costs under a millisecond.
LOOK_EVERY_S = 1.0


DeliveryGate = Callable[[], contextlib.AbstractAsyncContextManager[None]]


class _Say(logging.LoggerAdapter[logging.Logger]):
    """Puts the clip's name before every line."""

    def process(self, msg: str, kwargs: MutableMapping[str, Any]) -> tuple[str, MutableMapping[str, Any]]:
        clip = str((self.extra or {}).get("clip"))
        kwargs["extra"] = {**kwargs.get("extra", {}), "clip": clip}
        return f"{clip.replace('%', '%%')}: {msg}", kwargs


class Clip:
    """One ordered clip; made by `footage.steps.check`, driven by the steps."""

    def __init__(
        self,
        context: Context,
        order: Order,
        permission: Permission,
        *,
        files: Mapping[str, bytes] | None = None,
        name: str | None = None,
        reopened: bool = False,
        log: RunLog | None = None,
        before_buying: Callable[[Clip], None] | None = None,
        board: str | None = None,
        delivery_gate: DeliveryGate = contextlib.nullcontext,
        wait_s: float = 0.0,
        until_s: float = math.inf,
    ) -> None:
        self.context = context
        # Title of the storyboard that it is a shot of.
        self.board = board[:200] if board else None
        # What people see in logs and in the UI: a shot's id, else the model.
        self.name = name or order.model
        # Prefect's pages show many clips' lines in one list, so each line says whose it is.
        self.say = _Say(logger, {"clip": self.name})
        self.order = order
        self.permission = permission
        self.key = order.key
        self.evidence = ClipEvidence(context.store, order.key, keep=True)
        self.log = log or RunLog()
        self.log.keep_at(context.store, f"{self.evidence.folder}/run.log")
        self.lease = Lease(context.store, order.key, context.worker)
        self.response: VideoResponse | None = None
        # When each task was first seen running (monotonic): a poll that is called again counts on from there.
        self.running_since: dict[str, float] = {}
        # Since when each task, or attempt whose task is looked for, is waited for (monotonic), and this clip as a whole
        # (boot_clock_s): a call that is repeated does not get its deadline anew.
        self.waiting_since: dict[str, float] = {}
        self._began_s: float | None = None
        # Tasks whose result this run could not use, although the provider still has it.
        self.given_up: set[str] = set()
        # Held while its result is fetched and stored, where many do that at once.
        self.delivery_gate = delivery_gate
        # Called before each new purchase; what it raises stops that one.
        self.before_buying = before_buying
        # How long this run waits for the clip, and for the provider to take it.
        self.deadline_s = max(context.settings.deadline_s, wait_s)
        # When this run waits for nothing any more (boot_clock_s), where its clips have one deadline together.
        self.until_s = until_s
        self.submit_patience_s = max(context.settings.submit_patience_s, wait_s)
        # Nobody ever ordered this clip before, so it is not stored, and nobody holds it.
        self._first_order = False
        # Whether its result was fetched before, by this very clip.
        self.fetched = False
        # Why it has no visible label, where the request wants one and none could be drawn.
        self.unlabelled: str | None = None
        # Of the purchase that this run makes; None before that: the first one.
        self.api_key: ApiKey | None = None
        # What is sent beside the text, by the name under which it is kept.
        self._files = dict(files or {})
        # An order of an earlier run stays, and what it prepared is what is sent.
        self._ordered_before = reopened
        # What the evidence said when it was last read: nothing is left to finish; and it is finished for good.
        self._over = self._sealed = False
        # Its stored videos were looked at since this run has the clip.
        self._whole = False
        self._seen: ClipState | None = None

    def __reduce__(self) -> str:
        raise TypeError("A Clip belongs to one process; its evidence is what travels.")

    def note_first_order(self) -> None:
        """Say that the creation of this clip's order proved that there was none before."""
        self._first_order = True
        self.log.keep_at(self.context.store, f"{self.evidence.folder}/run.log", new=True)

    def note_earlier_order(self) -> None:
        """Say that the store has an order of this clip from before."""
        self._ordered_before = True

    @property
    def endpoint(self) -> str:
        """Base URL that this clip is ordered from."""
        return self.context.endpoint(self.order.region, self.api_key)

    @property
    def usual_s(self) -> float:
        """Seconds that a clip like this usually takes once it runs."""
        return self.context.durations.of(self.order.model)

    def client(self) -> WanClient:
        """The client that this clip is bought with."""
        return self.context.client_in(self.order.region, self.api_key)

    def clients(self) -> list[WanClient]:
        """One of each account that this clip could be bought with. Raises as `Context.buying_keys`."""
        return [self.context.client_in(self.order.region, key) for key in self.context.buying_keys]

    @property
    def workspace(self) -> str | None:
        """The workspace that this clip is bought in."""
        return self.context.workspace_of(self.api_key)

    @property
    def account(self) -> str | None:
        """The operator's name for the account that this clip is bought with; None: the default one."""
        key = self.api_key or self.context.api_key
        return None if key.account == DEFAULT_ACCOUNT else key.account

    def wire_body(self) -> dict[str, Any]:
        """The exact body of the create: frames inline, everything else uploaded by this call.

        Raises:
            BadRecord: The order was read from its evidence, which says two things.
            Unreachable, Throttled, AccountProblem, Refused: Something could not be uploaded; nothing was bought.
        """
        if self._ordered_before and (self.order.image or self.order.media):
            # Another release prepares other bytes from the same image, and the evidence has those of the first order.
            first = stored_order(self.evidence)
            self.order = dataclasses.replace(self.order, image=first.image, media=first.media)
        image, media = self.order.image, self.order.media
        for facts in (*([image] if image else ()), *media):
            if facts.file_name not in self._files:
                self._files[facts.file_name] = self.evidence.kept_file(facts.file_name)
        if self._ordered_before:
            require_same_body(self.order, self._files, self.evidence.reader)
        addresses: dict[str, str] = {}
        for medium in media:
            if medium.placeholder not in addresses:
                data = self._files[medium.file_name]
                addresses[medium.placeholder] = (
                    medium.data_uri(data)
                    if medium.inline
                    else self.client().upload(medium.file_name, data, self.order.model)
                )
        inline = image.data_uri(self._files[image.file_name]) if image else None
        return self.order.wire_body(inline, addresses)

    async def state(self, *, seen_within_s: float = 0.0) -> ClipState:
        """What the evidence says now; `seen_within_s`: as listed within these seconds, with what was written since."""
        return await in_thread(partial(self.evidence.state, seen_within_s=seen_within_s))

    async def followed(self) -> ClipState:
        """What the evidence says, as far as the holder of the clip's lease can know without asking.

        Enough to go on with what was bought; before anything is bought a listing says what there is.
        """
        state = await self.state(seen_within_s=math.inf)
        last = state.last
        bought = last is not None and last.receipt is not None
        return (
            state
            if bought and (state.unfinished or state.result)
            else await self.state(seen_within_s=self.context.noticed_within_s)
        )

    async def next_step(self) -> Step | None:
        """The step that comes next; None when this run has nothing left to do, `response` is set if finished.

        Raises:
            Canceled, GenerationFailed, ClipLost: Nothing more happens without a person's word.
            Unreachable: As many creates as one run may send did not reach the provider.
        """
        state = await self.followed()
        self._seen = state
        self._require_own_model(state)
        damaged = await in_thread(self._damage, state)
        self._over = state.over and damaged is None
        if damaged is not None:
            self.say.warning("%s; it is brought back if it can be", damaged)
        elif state.result is not None:
            self._sealed = True
            self.response = await in_thread(self.response_from, state.result, cached=False)
            return None
        step = decide(state, self.permission, damaged=damaged is not None)
        self._over = self._over and step is None
        return step

    def response_from(self, result: ResultRecord, *, cached: bool) -> VideoResponse:
        """The answer to this request from the finished clip, or from its copy where it wants the visible label."""
        response = response_of(self.context.store, result, cached=cached)
        if self.order.request.visible_label != "own":
            return response
        copy = self.evidence.labelled()
        if copy is not None and copy.made_from == result.clip.sha256 and self.unlabelled is None:
            return labelled_response(self.context.store, response, copy)
        warning = f"It has no visible label, because {self.unlabelled or 'none was drawn'}"
        return response.model_copy(update={"warnings": [*response.warnings, f"{warning.rstrip('.')}."]})

    def _damage(self, state: ClipState) -> str | None:
        if state.result is None and state.delivered is None:
            return None
        videos = videos_of(self.evidence, state.result, state.delivered)
        if self._whole:
            return None
        # One of the two records alone could have been changed.
        hashed = state.result is not None and state.delivered is None
        damaged = damage(self.context.store, videos, hashed=hashed)
        self._whole = damaged is None
        return damaged

    def _require_own_model(self, state: ClipState) -> None:
        last = state.last
        if last is not None and last.intent.model != self.order.model:
            path = f"{self.evidence.folder}/attempt-{last.number}/intent.json"
            self.evidence.reader.refuse(path, f"it is about {last.intent.model}, not {self.order.model}")

    @contextlib.asynccontextmanager
    async def held(self) -> AsyncGenerator[None]:
        """Drive this clip alone; waits while another worker does, and returns with its result if it finishes.

        Raises:
            StillRunning: The other worker was not done at the deadline; harvest does not wait for it at all.
        """
        if self._began_s is None:
            self._began_s = boot_clock_s()
            if (run := current()) is not None and run is not self.log:
                self.log.begin_with(run)
        self._over = self._sealed = self._whole = False
        with recorded(self.log):
            try:
                await self._take()
                yield
            except BadRecord:
                if not self.permission.may_buy:
                    # Harvest meets and tells it every quarter of an hour, and would only fill the clip's log.
                    self.log.drop()
                raise
            except (StillRunning, TakenOver, StorageProblem):
                raise
            except FootageError:
                # A refused create, a cancel: the step that raised this has written it down.
                await in_thread(self._look_whether_over)
                raise
            finally:
                self.context.in_flight.leave(self)
                # In a thread of its own right: releasing must also happen when this task is being cancelled.
                await asyncio.shield(in_thread(self._let_go))

    async def _take(self) -> None:
        dead, looked_s = DeadWatch(self.context.settings.lease_s), math.inf
        told = False
        before: Holding | None = None
        first_order, self._first_order = self._first_order, False
        if (first_order and await in_thread(self.lease.take, NOBODY)) or await in_thread(self._is_stored):
            return
        while True:
            holding = await in_thread(self.lease.look)
            # Whoever stores a clip gives it back then.
            if before not in (None, holding) and await in_thread(self._is_stored):
                return
            before = holding
            looked_s = min(looked_s, boot_clock_s())
            if dead.vacant(holding, boot_clock_s()):
                if await in_thread(self.lease.take, holding):
                    # Attempts of whoever drove the clip until now are not this run's own.
                    others = [
                        attempt.number
                        for attempt in (await self.state()).attempts
                        if attempt.intent.owner != self.context.worker.id
                    ]
                    self.permission = dataclasses.replace(
                        self.permission, attempts_before=max(others, default=0)
                    )
                    return
            elif not told:
                self.say.info("another worker (%s) makes this clip; waiting for it", holding.owner)
                told = True
            # Who wants this clip waits for it; harvest leaves it to a worker that shows that it lives.
            alive = self.context.live_workers.shows(holding, boot_clock_s())
            # Harvest waits for a sign of life alone.
            pause_s = max(LOOK_EVERY_S, self.context.noticed_within_s)
            if not self.permission.may_buy:
                pause_s = max(pause_s, self.context.settings.lease_s / 3)
            # Who may be dead is waited for as long as it takes to know, also where the time of this run is over.
            known_s = looked_s + max(self.context.settings.lease_s, holding.lease_s) + 2 * pause_s
            over = self.out_of_time and (alive or boot_clock_s() > known_s)
            if over or (alive and not self.permission.may_buy):
                raise StillRunning(
                    f"Worker {holding.owner or 'another one'} still makes clip {self.key[:12]}.",
                    next_step=Rerun(self.key),
                    key=self.key,
                )
            await asyncio.sleep(pause_s)

    def _is_stored(self) -> bool:
        return self.evidence.result() is not None and self._damage(self.evidence.state()) is None

    @property
    def out_of_time(self) -> bool:
        """Whether this run has waited for others as long as it may."""
        now_s = boot_clock_s()
        return now_s > self.until_s or now_s - (self._began_s or now_s) > self.deadline_s

    def left_s(self, since_s: float) -> float:
        """How long this run may still wait for what it waits for since `since_s` (monotonic); below 0: no longer."""
        return min(self.until_s - boot_clock_s(), since_s + self.deadline_s - time.monotonic())

    def waited_out(self, since_s: float) -> bool:
        """Whether this run has waited for it as long as it may."""
        return self.left_s(since_s) < 0

    def _look_whether_over(self) -> None:
        if self.lease.number and not self._over:
            with contextlib.suppress(StorageProblem):
                self._seen = self.evidence.state()
                self._over = self._seen.over

    def _let_go(self) -> None:
        self.log.close()
        self.evidence.forget()
        unmarked = False
        if self._over and self.lease.number:
            # Where this fails, harvest finds a marker too many.
            with contextlib.suppress(StorageProblem, TakenOver):
                self._unmark()
                unmarked = True
        if unmarked:
            self.lease.discard()
        else:
            self.lease.release()

    def _unmark(self) -> None:
        # What is sealed is never bought again; else another worker may be about to.
        if not self._sealed:
            self.lease.guard()
        if self._seen is not None:
            settle_clip(self.context.spending, self.evidence, self._seen, self.context.provider_now())
        self.evidence.unmark_open()


StepRunner = Callable[[Clip], Awaitable[Any]]


# A clip whose every attempt fails takes three steps for each; more than this is evidence that contradicts itself.
MOST_STEPS = 100


async def follow(clip: Clip, steps: dict[Step, StepRunner]) -> VideoResponse | None:
    """Drive a clip from where its evidence ends to its response; None when this run may not go on.

    Whatever a step raises passes through, with the clip given back and its log written.
    """
    taken = 0
    while True:
        try:
            async with clip.held():
                while step := await clip.next_step():
                    taken += 1
                    if taken > MOST_STEPS:
                        clip.evidence.reader.refuse(clip.evidence.folder, f"{MOST_STEPS} steps led nowhere")
                    await steps[step](clip)
                    await in_thread(clip.log.flush)
            return clip.response
        except TakenOver as stepped_back:
            clip.say.info("%s", stepped_back.message)
            if clip.out_of_time:
                raise
            await asyncio.sleep(LOOK_EVERY_S)
