"""Run a flow in this process against the Prefect server, and turn its end into a result or one of our errors."""

from __future__ import annotations

import asyncio
from typing import Any

from prefect import Flow, State

from flows.cli.say import show_progress, tell
from flows.cli.server import prefect_server
from footage.errors import Canceled, FootageError, InvalidRequest, Problem
from footage.request import VideoResponse
from footage.steps.cancel import cancel
from footage.studio import open_studio


def run_state(flow: Flow[..., Any], parameters: dict[str, Any], keys: tuple[str, ...] = ()) -> State[Any]:
    """Run the flow to its end; Ctrl-C cancels `keys` as far as they can be cancelled.

    Raises:
        KeyboardInterrupt: After the clips were cancelled, and what became of them was told.
        Unreachable: No Prefect server.
    """
    with prefect_server():
        show_progress()
        try:
            return asyncio.run(flow(**parameters, return_state=True))
        except KeyboardInterrupt:
            tell("Interrupted; cancelling what can be cancelled …", "bold yellow")
            studio = open_studio()
            for key in keys:
                tell(f"Clip {key[:12]}: {cancel(studio, key, by='Ctrl-C').message}.")
            raise KeyboardInterrupt from None


def run_flow(flow: Flow[..., Any], parameters: dict[str, Any], key: str | None) -> VideoResponse:
    """Run a flow that makes one clip.

    Raises:
        FootageError: The one that stopped the flow.
    """
    state = run_state(flow, parameters, (key,) if key else ())
    return VideoResponse.model_validate(outcome(state))


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
