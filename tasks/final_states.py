"""How a clip's run ends in Prefect: a state whose name says what a person needs to know."""

from __future__ import annotations

from typing import Any

from prefect import State
from prefect.states import Cancelled, Completed, Failed

from footage.clip import Clip
from footage.errors import Canceled, FootageError, NotFinished, Unreachable
from footage.errors.actions import command
from footage.privacy.redact import redact
from tasks.crash_limit import GaveUp
from tasks.failure_page import publish_failure

# Of a run that the provider or the network did not answer, and that bought nothing.
UNREACHABLE = "Unreachable"


async def finished(clip: Clip) -> State[Any]:
    """Completed; named `Cached` when nothing had to be made, `Reattached` when somebody else had bought it.

    Raises:
        NotFinished: The clip has no response, so it is not finished.
    """
    response = clip.response
    if response is None:
        raise NotFinished(f"Clip {clip.key[:12]} is not finished.", key=clip.key)
    name = "Cached" if response.cached else await _who_bought(clip)
    # A signed link is the caller's; the server's database keeps it without its signature.
    message = f"{redact(response.video_url)} ({response.duration:g} s, {response.fps:g} fps, {response.size})"
    return Completed(name=name, message=message, data=response.model_dump(mode="json"))


async def _who_bought(clip: Clip) -> str:
    """`Reattached` for a run that went on with an earlier run's purchase, or waited for another worker's."""
    last = (await clip.state()).last
    return "Reattached" if last is not None and last.intent.owner != clip.context.worker.id else "Completed"


async def stopped(name: str, error: FootageError) -> State[Any]:
    """Failed or Cancelled with the error's own message, and an artifact that says what to do.

    A clip that only is not finished ends as `Booked` (retry the run, or let harvest finish it): to Prefect it
    is a failure, because nothing was delivered, and its Retry button is the right one to press.
    """
    flags = error.details.get("flags", ())
    message = error.written(lambda action: command(action, flags))
    match error:
        case Canceled():
            became = error.details.get("became")
            state = Cancelled(name="Abandoned" if became == "abandoned" else "Cancelled", message=message)
        case GaveUp():
            state = Failed(name="GaveUp", message=message, data=error)
        case _ if error.exit_code == Unreachable.exit_code:
            state = Failed(name=UNREACHABLE, message=message, data=error)
        case NotFinished():
            state = Failed(name="Booked", message=message, data=error)
        case _:
            state = Failed(message=message, data=error)
    await publish_failure(name, error, str(state.name))
    return state
