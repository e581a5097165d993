"""Run a flow in this process against the Prefect server, and turn its end into a result or one of our errors."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import UUID

import httpx
from prefect import Flow, State
from prefect.client.orchestration import get_client
from prefect.exceptions import TerminationSignal
from prefect.states import Cancelled

from flows.cli.say import explain_error, show_progress, tell
from flows.cli.server import prefect_server
from footage.errors import Canceled, FootageError, InvalidRequest, OverBudget, Problem, StillRunning
from footage.request import VideoResponse
from tasks.hooks import cancel_clips, cancel_work

if TYPE_CHECKING:
    from footage.steps.cancel import Cancellation

AGAIN = "the same command again: what was bought is found in the evidence, and nothing is bought twice"


def run_state(flow: Flow[..., Any], parameters: dict[str, Any]) -> State[Any]:
    """Run the flow to its end; Ctrl-C cancels what Prefect's Cancel button would, SIGTERM leaves it booked.

    Raises:
        KeyboardInterrupt: What can be cancelled is; what became of it, and how to go on, was told.
        StillRunning: The process was told to end, or lost its Prefect server; what was bought stays booked.
        Unreachable: No Prefect server.
    """
    with prefect_server():
        show_progress()
        run = _Run(flow, parameters)
        try:
            return asyncio.run(run.to_its_end())
        except KeyboardInterrupt:
            asyncio.run(run.cancel())
            raise KeyboardInterrupt from None
        except (asyncio.CancelledError, TerminationSignal):
            raise StillRunning(
                "The run was stopped from outside. What was bought stays booked, and the provider goes on with it.",
                next_step=f"{AGAIN}; or wan-video harvest",
            ) from None


@dataclass
class _Run:
    """One run of a flow in this process, which a signal may end."""

    flow: Flow[..., Any]
    parameters: dict[str, Any]
    id: UUID | None = None

    async def to_its_end(self) -> State[Any]:
        main, loop = asyncio.current_task(), asyncio.get_running_loop()

        def stop(*_: Any) -> None:
            if main is not None:
                loop.call_soon_threadsafe(main.cancel)

        def note_run(flow: Any, flow_run: Any, state: Any) -> None:  # noqa: ARG001 - Prefect names them
            self.id = flow_run.id
            # Prefect's own handler raises inside whatever runs just then, and the event loop swallows what is
            # raised inside a callback. Prefect puts the old handler back at the run's end.
            signal.signal(signal.SIGTERM, stop)

        watched = self.flow.with_options(on_running=[*self.flow.on_running_hooks, note_run])
        return await watched(**self.parameters, return_state=True)

    async def cancel(self) -> None:
        """Cancel what the run made, and tell what became of it and how to go on."""
        done: list[Cancellation] = []
        if cancel_clips not in self.flow.on_cancellation_hooks:
            # Such as harvest, which only finishes what others bought.
            tell("Interrupted; nothing is cancelled.", "bold yellow")
        elif self.id is not None:
            tell("Interrupted; cancelling what can be cancelled …", "bold yellow")
            try:
                done = await cancel_work(self.id, self.parameters)
            except FootageError as error:
                explain_error(error)
        one_clip = done[0].key if len(done) == 1 and self.flow.name != "storyboard" else None
        tell(f"→ {f'wan-video generate --key {one_clip}' if one_clip else AGAIN}", "bold")
        if self.id is not None:
            # Prefect calls it crashed, and a crash is what people look into.
            with contextlib.suppress(httpx.HTTPError):
                async with get_client() as client:
                    became = Counter(one.became for one in done)
                    counts = ", ".join(f"{count} {name}" for name, count in became.items())
                    state = Cancelled(message=f"Ctrl-C; clips: {counts or 'none'}")
                    await client.set_flow_run_state(self.id, state, force=True)


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
    if isinstance(error, Exception):
        raise error
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
    """Run the storyboard flow; its result also where shots are missing.

    Raises:
        FootageError: The board as a whole was refused or stopped; nothing, or nothing more, was bought.
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
    from uuid import UUID

    from prefect.exceptions import FlowPauseTimeout, ObjectNotFound, PrefectHTTPStatusError
    from prefect.flow_runs import aresume_flow_run

    try:
        with prefect_server():
            asyncio.run(aresume_flow_run(UUID(run_id), run_input={"approve": True}))
    except (ValueError, ObjectNotFound, FlowPauseTimeout, PrefectHTTPStatusError):
        problem = Problem("approve", run_id, "there is no run with this id that waits for approval")
        raise InvalidRequest(problems=(problem,)) from None
    tell("Approved.")
