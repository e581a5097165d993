"""Shots of a board, or lines of a batch, made by runs of the `generate-videos` deployment, on workers of any pool.

A run of its own for each clip costs a process of 100 MB and seconds of CPU. The orders and their pictures are in the
evidence, so a run gets no more than keys, each with the region and the price that caps and approval were about. What
became of each clip is read from the evidence again. A run that crashes is started again by the automation, and goes on
by its keys.
"""

from __future__ import annotations

import asyncio
import logging
import math
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import httpx
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import WorkerStatus, WorkPoolStatus
from prefect.deployments import arun_deployment
from prefect.exceptions import ObjectNotFound
from prefect.runtime import flow_run

from footage.batch.batch_report import batch_name, read_report
from footage.concurrency.executors import in_heavy_thread, in_thread
from footage.emulated_environment import EMULATED_DEPLOYMENT, emulated_here
from footage.errors import FootageError, InvalidRequest, NotFinished, OverBudget, Problem, Unreachable
from footage.errors.actions import NextStep, Rerun, Setup
from footage.evidence.paid import with_what_is_booked
from footage.evidence.state import decide
from footage.evidence.stored_order import stored_order
from footage.privacy.display import one_line
from footage.spending.caps import is_within
from footage.steps.labelled_copy import draw_if_asked
from footage.values.money import Amount, amount_text
from tasks.awaited_runs import LOOK_EVERY_S, AwaitedRuns
from tasks.final_states import UNREACHABLE
from tasks.local_crew import make_here

if TYPE_CHECKING:
    from prefect.client.schemas.objects import FlowRun

    from footage.batch.batch_production import ClipReport
    from footage.clip import Clip
    from footage.context import Context
    from footage.evidence.delivered_records import ResultRecord
    from footage.evidence.state import Permission
    from footage.request import VideoResponse
    from footage.storyboard import BoardPlan

logger = logging.getLogger("footage.tasks")

DEPLOYMENT = "generate-videos/generate-videos"
MOST_SHOTS = 50
MOST_LINES = 100
# Clips become ready one after the other; a run that is not full begins when no further one came for so long.
_GATHER_S = 1.0
# The automation starts a crashed run after 45 s; where the server forgot it, the next harvest does, every 15 minutes.
_RESTARTED_WITHIN_S = 20 * 60.0
# So long a server may give no answer: it is restarted or busy, and the run goes on and buys meanwhile.
_UNANSWERED_S = 20 * 60.0


async def shot_runs(
    context: Context,
    plan: BoardPlan,
    permission: Permission,
    blocks: dict[str, Any],
    title: str,
    shots_per_run: int | None,
    wait_s: float,
) -> ClipRuns:
    """What makes the shots of this board elsewhere; without a number, as many in a run as its workers have to share.

    Each shot is waited for `wait_s` seconds at the least: those of all runs share the places at the provider.

    Raises:
        InvalidRequest: The number is none, or the Prefect server has no such deployment; nothing was bought.
    """
    if shots_per_run is not None and not 1 <= shots_per_run <= MOST_SHOTS:
        problem = Problem("shots_per_run", str(shots_per_run), "is no number of shots", f"1 to {MOST_SHOTS}")
        raise InvalidRequest(problems=(problem,))
    deployment = _deployment()
    workers = await workers_of(deployment)
    size = shots_per_run or min(MOST_SHOTS, math.ceil(len(plan.takes) / max(1, workers)))
    sources = {shot.starts_from for shot in plan.shots}
    awaited = frozenset(take.id for take in plan.takes if take.shot.id in sources)
    parameters = {**_parameters(permission, blocks, wait_s), "board": title}
    return ClipRuns(context, deployment, parameters, size, title, awaited)


async def line_runs(
    context: Context,
    name: str,
    permission: Permission,
    blocks: dict[str, Any],
    lines_per_run: int,
    wait_s: float,
) -> ClipRuns:
    """What makes the lines of the batch of this name elsewhere, so many in each run; `wait_s` as of `shot_runs`.

    Raises:
        InvalidRequest: The number is none, or the Prefect server has no such deployment; nothing was bought.
    """
    if not 1 <= lines_per_run <= MOST_LINES:
        problem = Problem("lines_per_run", str(lines_per_run), "is no number of lines", f"1 to {MOST_LINES}")
        raise InvalidRequest(problems=(problem,))
    deployment = _deployment()
    await workers_of(deployment, "lines_per_run", str(lines_per_run), "empty: all in this run")
    return ClipRuns(context, deployment, _parameters(permission, blocks, wait_s), lines_per_run, name)


def _deployment() -> str:
    return f"generate-videos/{EMULATED_DEPLOYMENT}" if emulated_here() else DEPLOYMENT


def _parameters(permission: Permission, blocks: dict[str, Any], wait_s: float) -> dict[str, Any]:
    return {
        "wait_s": wait_s,
        "retry_failed": permission.retry_failed,
        "buy_again": permission.buy_again,
        "parent_run": str(flow_run.id),
        **blocks,
    }


async def workers_of(
    name: str, field: str = "run", value: str = "deployments", otherwise: str = "inline"
) -> int:
    """How many workers take runs of this deployment now; where there is none, `field` has to be `otherwise`."""
    async with get_client() as client:
        try:
            found = await client.read_deployment_by_name(name)
        except ObjectNotFound:
            message = f"there is no deployment {name} on this Prefect server; nothing was bought"
            raise InvalidRequest(
                problems=(Problem(field, value, message, otherwise),),
                next_step=NextStep.of(Setup(), ", and start a worker as it says"),
            ) from None
        if found.work_pool_name is None:
            return 1
        pool = await client.read_work_pool(found.work_pool_name)
        if pool.status is not WorkPoolStatus.READY:
            logger.warning(
                "No worker takes runs of the pool %s now; its clips wait for: prefect worker start --pool %s",
                pool.name,
                pool.name,
            )
        workers = await client.read_workers_for_work_pool(pool.name)
    return sum(worker.status is WorkerStatus.ONLINE for worker in workers)


@dataclass(frozen=True)
class _Wanted:
    """A clip that a run has to make; the number of the last attempt before that run."""

    clip: Clip
    attempts: int
    made: asyncio.Future[VideoResponse]

    @property
    def line(self) -> dict[str, str]:
        # Whoever makes it may have the key of another region, and prices of another day.
        order, own = self.clip.order, self.clip.permission.max_cost
        price = Amount(order.quote.amount, order.quote.currency)
        most = price if own is None or is_within(own, price) else own
        return {
            "id": self.clip.name,
            "key": self.clip.key,
            "region": order.region,
            "max_cost": f"{amount_text(most.amount)} {most.currency}",
        }


class ClipRuns:
    """Gathers clips into runs of a deployment, `size` in each, that are named after `title` and their clips.

    `awaited` are those that others start from.
    """

    def __init__(
        self,
        context: Context,
        deployment: str,
        parameters: dict[str, Any],
        size: int,
        title: str,
        awaited: frozenset[str] = frozenset(),
    ) -> None:
        self._context = context
        self._deployment = deployment
        self._parameters = parameters
        self._size = size
        self._title = title
        self._awaited = awaited
        self._gathered: list[_Wanted] = []
        self._timer: asyncio.TimerHandle | None = None
        self._runs: set[asyncio.Task[None]] = set()
        self._awaited_runs = AwaitedRuns()

    async def make(self, clip: Clip) -> VideoResponse | None:
        """The clip, made by a run with others that became ready at the same time.

        Raises:
            FootageError: What the evidence or the run's report says went wrong.
            NotFinished: The run did not finish it, or Prefect does not say what became of the run.
            Unreachable: Nobody answered the run, and nothing was bought.
        """
        if clip.order.audio_link is not None:
            # A link with a signature stays in this process, and the evidence has it without.
            return await make_here(clip)
        # Its run gets the key alone, and is refused with all of its lines where one of their orders does not fit.
        await in_thread(stored_order, clip.evidence)
        last = (await clip.state()).last
        made: asyncio.Future[VideoResponse] = asyncio.get_running_loop().create_future()
        self._gathered.append(_Wanted(clip, last.number if last else 0, made))
        if self._timer is not None:
            self._timer.cancel()
        if len(self._gathered) < self._size:
            self._timer = asyncio.get_running_loop().call_later(_GATHER_S, self._begin_run)
        else:
            self._begin_run()
        return await made

    def _begin_run(self) -> None:
        gathered, self._gathered = self._gathered, []
        run = asyncio.ensure_future(self._run(gathered))
        self._runs.add(run)
        run.add_done_callback(self._runs.discard)

    async def _run(self, wanted: list[_Wanted]) -> None:
        """Start one run, wait for it, and tell each of its clips what became of it."""
        try:
            run = await self._ended(await self._started(wanted), wanted)
        except httpx.HTTPError as error:
            # The run may have been made all the same, and may buy.
            message = f"Prefect does not say what became of the run of this clip ({type(error).__name__})."
            for one in wanted:
                go_on = Rerun(one.clip.key)
                _tell(one, NotFinished(message, next_step=go_on, key=one.clip.key))
            return
        except BaseException as error:
            for one in wanted:
                _tell(one, error)
            raise
        name = batch_name("requests", (one.clip.key for one in wanted))
        report = await in_thread(read_report, self._context.store, name)
        told = report.clips if report is not None and report.run == str(run.id) else ()
        by_key = {clip.key: clip for clip in told}
        for one in wanted:
            if not one.made.done():
                try:
                    _tell(one, await self._became(one, run, by_key.get(one.clip.key)))
                except FootageError as error:
                    _tell(one, error)

    async def _started(self, wanted: list[_Wanted]) -> FlowRun:
        lines = [one.line for one in wanted]
        answered_s = time.monotonic()
        while True:
            try:
                return await arun_deployment(
                    self._deployment,
                    parameters={"requests": lines, **self._parameters},
                    flow_run_name=_run_name(wanted, self._title),
                    # The same wanted of the same attempt of this run are the same child, however often this is asked.
                    idempotency_key=f"{flow_run.id}:{flow_run.run_count}:"
                    + batch_name("requests", (one.clip.key for one in wanted)),
                    timeout=0,
                )
            except (httpx.TransportError, httpx.HTTPStatusError) as error:
                _raise_unless_for_now(error, answered_s)
                logger.warning("Prefect does not take a run of %d clips (%s).", len(wanted), _told_by(error))
            await asyncio.sleep(LOOK_EVERY_S)

    async def _ended(self, run: FlowRun, wanted: list[_Wanted]) -> FlowRun:
        """The run at its end; a clip that others start from is told as soon as it is stored."""
        answered_s = time.monotonic()
        crashed_since_s: float | None = None
        awaited = [one for one in wanted if one.clip.name in self._awaited]
        while True:
            for one in awaited:
                await self._tell_if_stored(one)
            try:
                run, goes_on = await self._awaited_runs.see(run.id)
            except (httpx.TransportError, httpx.HTTPStatusError) as error:
                _raise_unless_for_now(error, answered_s)
                logger.warning("Prefect does not say how run %s is (%s).", run.name, _told_by(error))
                continue
            answered_s = time.monotonic()
            if run.state is None or not run.state.is_final():
                crashed_since_s = None
                continue
            crashed_since_s = crashed_since_s or answered_s
            if not goes_on or answered_s - crashed_since_s > _RESTARTED_WITHIN_S:
                return run

    async def _tell_if_stored(self, one: _Wanted) -> None:
        if one.made.done():
            return
        try:
            document = await in_thread(one.clip.evidence.result)
        except FootageError:
            # Said when the run has ended.
            return
        if document is not None:
            _tell(one, await _response(one.clip, document))

    async def _became(self, one: _Wanted, run: FlowRun, told: ClipReport | None) -> VideoResponse:
        """The clip's response, or why there is none: from the evidence first, then as its run told it."""
        clip, go_on = one.clip, Rerun(one.clip.key)
        document = await in_thread(clip.evidence.result)
        if document is not None:
            return await _response(clip, document)
        decide(await clip.state(), replace(clip.permission, attempts_before=one.attempts))
        state, message = (run.state.name, run.state.message) if run.state else ("unknown", None)
        why = told.error if told is not None and told.error else f"Run {run.name} ended as {state}: {message}"
        if told is not None and told.state == "held":
            raise OverBudget(why, next_step=told.next, key=clip.key)
        if told is not None and told.state == "failed":
            # Nothing was bought, and nothing goes on: an account without money, a key without the right.
            raise FootageError(why, next_step=told.next, key=clip.key)
        if state == UNREACHABLE or (told is not None and told.unreachable):
            error = Unreachable(why, next_step=go_on, key=clip.key)
            raise await in_thread(with_what_is_booked, error, self._context.store, [clip.key])
        raise NotFinished(why, next_step=go_on, key=clip.key)


async def _response(clip: Clip, document: ResultRecord) -> VideoResponse:
    """What a stored clip is to this run, which may want its label where the clip's first order did not."""

    def response() -> VideoResponse:
        draw_if_asked(clip)
        return clip.response_from(document, cached=False)

    return await in_heavy_thread(response)


def _raise_unless_for_now(error: httpx.HTTPError, answered_s: float) -> None:
    """Raise what asking again does not change, and anything once there was no answer for long."""
    if time.monotonic() - answered_s > _UNANSWERED_S:
        raise error
    if isinstance(error, httpx.HTTPStatusError):
        status = error.response.status_code
        # The client itself asks again after some of these, and not for long.
        if status < 500 and status not in (408, 429):
            raise error


def _told_by(error: httpx.HTTPError) -> str:
    if isinstance(error, httpx.HTTPStatusError):
        return f"HTTP {error.response.status_code}"
    return type(error).__name__


def _run_name(wanted: list[_Wanted], title: str) -> str:
    first, last = one_line(wanted[0].clip.name), one_line(wanted[-1].clip.name)
    if len(wanted) == 1:
        return f"{first}: {wanted[0].clip.order.model}"
    return f"{title}: {first} to {last}, {len(wanted)} clips"


def _tell(one: _Wanted, told: VideoResponse | BaseException) -> None:
    if one.made.done():
        return
    if isinstance(told, BaseException):
        one.made.set_exception(told)
    else:
        one.made.set_result(told)
