"""Run a flow in this process against the Prefect server, and turn its end into a result or one of our errors."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections import Counter
from dataclasses import dataclass
from http.client import INTERNAL_SERVER_ERROR
from typing import TYPE_CHECKING, Any
from uuid import UUID

import httpx
from prefect import Flow, State
from prefect.client.orchestration import get_client
from prefect.exceptions import FlowPauseTimeout, TerminationSignal
from prefect.states import Cancelled

from flows.cli.console import explain_error, show_progress, tell, tell_next
from flows.cli.server_address import prefect_server
from footage.errors import (
    Canceled,
    FootageError,
    InvalidRequest,
    OverBudget,
    Problem,
    StillRunning,
    Unreachable,
)
from footage.errors.actions import Harvest, NextStep, Rerun
from footage.request import VideoResponse
from tasks.hooks import cancel_clips, cancel_work

if TYPE_CHECKING:
    from footage.steps.cancel import Cancellation

AGAIN = "the same command again: what was bought is found in the evidence, and nothing is bought twice"
# How late a press of Cancel in Prefect is noticed; one look costs its server some milliseconds.
_LOOK_EVERY_S = 2.0


def run_state(flow: Flow[..., Any], parameters: dict[str, Any]) -> State[Any]:
    """Run the flow to its end; Ctrl-C cancels as Prefect's Cancel button does, SIGTERM leaves everything booked.

    Raises:
        KeyboardInterrupt: What can be cancelled is; what became of it, and how to go on, was told.
        Canceled: The same, by Prefect's Cancel button.
        OverBudget: That button was pressed while the run waited for a person to approve its price.
        StillRunning: The process was told to end, or lost its Prefect server; what was bought stays booked.
        Unreachable: No Prefect server.
    """
    with prefect_server():
        show_progress()
        run = _Run(flow, parameters)
        try:
            state = asyncio.run(run.to_its_end())
            if not state.is_cancelling():
                return state
        except KeyboardInterrupt:
            tell_next(asyncio.run(run.cancel("Ctrl-C")))
            raise KeyboardInterrupt from None
        except (asyncio.CancelledError, TerminationSignal):
            if not run.cancelled:
                raise StillRunning(
                    "The run was stopped from outside. What was bought stays booked, and the provider goes on.",
                    next_step=NextStep.of(f"{AGAIN}; or ", Harvest()),
                ) from None
        again = asyncio.run(run.cancel("Cancelled in Prefect"))
        if run.cancelled and run.waited:
            raise OverBudget("The price was not approved; nothing of it was bought.", next_step=again)
        raise Canceled("The run was cancelled in Prefect.", next_step=again)


@dataclass
class _Run:
    """One run of a flow in this process, which a person, a signal or Prefect may end."""

    flow: Flow[..., Any]
    parameters: dict[str, Any]
    id: UUID | None = None
    # Whether Cancel was pressed in Prefect, and whether the run waited for a person until then.
    cancelled: bool = False
    waited: bool = False

    async def to_its_end(self) -> State[Any]:
        work, loop = asyncio.current_task(), asyncio.get_running_loop()
        if work is None:
            raise RuntimeError("A flow runs in a task.")

        def stop(*_: Any) -> None:
            loop.call_soon_threadsafe(work.cancel)

        def note_run(flow: Any, flow_run: Any, state: Any) -> None:  # noqa: ARG001 - Prefect names them
            self.id = flow_run.id
            # Prefect's own handler raises inside whatever runs just then, and the event loop swallows what is
            # raised inside a callback. Prefect puts the old handler back at the run's end.
            signal.signal(signal.SIGTERM, stop)

        watched = self.flow.with_options(on_running=[*self.flow.on_running_hooks, note_run])
        watcher = asyncio.create_task(self._heed_prefect(work))
        try:
            return await watched(**self.parameters, return_state=True)
        finally:
            watcher.cancel()

    async def _heed_prefect(self, work: asyncio.Task[Any]) -> None:
        """End the work when the run is cancelled in Prefect, which tells only runs of its workers."""
        async with get_client() as client:
            while not self.cancelled:
                await asyncio.sleep(_LOOK_EVERY_S)
                # A server that is away for a while ends nothing.
                with contextlib.suppress(httpx.HTTPError):
                    states = await client.read_flow_run_states(self.id) if self.id else []
                    states.sort(key=lambda state: state.timestamp)
                    self.waited = len(states) > 1 and states[-2].is_paused()
                    # The server makes Cancelling to Cancelled where nothing runs. A flow may end so by itself.
                    self.cancelled = bool(states) and (
                        states[-1].is_cancelling() or (self.waited and states[-1].is_cancelled())
                    )
        work.cancel()

    async def cancel(self, by: str) -> NextStep:
        """Cancel what the run made, and tell what became of it; the command that goes on with it."""
        done: list[Cancellation] = []
        if cancel_clips not in self.flow.on_cancellation_hooks:
            # Such as harvest, which only finishes what others bought.
            tell(f"{by}: nothing is cancelled.", "bold yellow")
        elif self.id is not None:
            tell(f"{by}: cancelling what can be cancelled …", "bold yellow")
            try:
                done = await cancel_work(self.id, self.parameters)
            except FootageError as error:
                explain_error(error)
        if self.id is not None:
            became = Counter(one.became for one in done)
            counts = ", ".join(f"{count} {name}" for name, count in became.items()) or "none"
            # Prefect calls it crashed, and a crash is what people look into.
            with contextlib.suppress(httpx.HTTPError):
                async with get_client() as client:
                    state = Cancelled(message=f"{by}; clips: {counts}")
                    await client.set_flow_run_state(self.id, state, force=True)
        if len(done) == 1 and self.flow.name not in ("storyboard", "generate-videos"):
            return NextStep.of(Rerun(done[0].key))
        return NextStep.of(AGAIN)


def run_flow(flow: Flow[..., Any], parameters: dict[str, Any]) -> VideoResponse:
    """Run a flow that makes one clip.

    Raises:
        FootageError: The one that stopped the flow.
    """
    return VideoResponse.model_validate(outcome(run_state(flow, parameters)))


def outcome(state: State[Any]) -> Any:
    """What a finished flow returned.

    Raises:
        FootageError: The one that stopped the flow, or one that says how it ended.
    """
    if state.is_completed():
        return asyncio.run(_result(state))
    # Prefect wraps what a flow's state carries when the flow keeps its result.
    error = getattr(state.data, "result", state.data)
    if isinstance(error, FlowPauseTimeout):
        raise OverBudget("Nobody approved the price in time; nothing was bought.")
    if isinstance(error, Exception):
        raise error
    # A person's no to the price of a storyboard; Prefect keeps it as one kind of cancelled.
    if state.name == "Refused":
        raise OverBudget(state.message or "The price was not approved.")
    if state.is_cancelled():
        raise Canceled(state.message or "The run was cancelled.")
    raise FootageError(
        f"The run ended as {state.name}: {state.message}", next_step="see the run in the Prefect UI"
    )


async def _result(state: State[Any]) -> Any:
    return await state.aresult()


def board_result(flow: Flow[..., Any], parameters: dict[str, Any]) -> dict[str, Any]:
    """Run a flow that makes many clips; its result also where some are missing.

    Raises:
        FootageError: It was refused or stopped as a whole; nothing, or nothing more, was bought.
    """
    state = run_state(flow, parameters)
    data = getattr(state.data, "result", state.data)
    return data if isinstance(data, dict) else outcome(state)


def approve_run(run_id: str) -> None:
    """Say yes to the price that a waiting storyboard run asked about.

    Raises:
        InvalidRequest: There is no such run, or it does not wait.
        Unreachable: No Prefect server.
    """
    from prefect.exceptions import PrefectException, PrefectHTTPStatusError
    from prefect.flow_runs import aresume_flow_run

    try:
        with prefect_server():
            asyncio.run(aresume_flow_run(UUID(run_id), run_input={"approve": True}))
    except PrefectHTTPStatusError as error:
        if error.response.status_code < INTERNAL_SERVER_ERROR:
            raise _nothing_to_approve(run_id) from None
        raise Unreachable(
            f"The Prefect server answers {error.response.status_code}; nothing was approved.",
            next_step="try again once it is well",
        ) from None
    # The last: somebody answered it just now.
    except (ValueError, PrefectException, RuntimeError):
        raise _nothing_to_approve(run_id) from None
    tell("Approved.")


def _nothing_to_approve(run_id: str) -> InvalidRequest:
    why = "there is no run with this id that waits for approval"
    allowed = "the id of a run that is Suspended or Paused: prefect flow-run ls --state-type PAUSED"
    return InvalidRequest(problems=(Problem("approve", run_id, why, allowed),))
