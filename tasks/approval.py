"""A person's yes to the price of a run, before anything is bought."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any
from uuid import UUID

from prefect.artifacts import acreate_markdown_artifact
from prefect.client.orchestration import get_client
from prefect.flow_runs import apause_flow_run, asuspend_flow_run
from prefect.input import RunInput, keyset_from_paused_state
from prefect.input.actions import aread_flow_run_input
from prefect.runtime import deployment, flow_run
from prefect.states import Cancelled, Suspended
from pydantic import Field

from footage.errors.actions import Approve, command
from footage.storyboard import approval_reason
from tasks.artifacts import published
from tasks.crash_limit import ENDS
from tasks.markdown import as_text, slug

if TYPE_CHECKING:
    from prefect import State

    from footage.storyboard import BoardQuote, Budget

logger = logging.getLogger("footage.tasks")

# One in each run. Prefect's own name for it is its number among those of one process.
_QUESTION = "price"


class Approval(RunInput):
    """A person's answer to the price of a board."""

    # No default: Prefect takes an empty answer for the defaults, and any web page can send an empty one.
    approve: bool = Field(description="Ticked: buy at this price. Not ticked: refuse it; nothing is bought.")


async def approved_price(title: str, due: BoardQuote, budget: Budget) -> bool:
    """Whether what is due may be bought; waits for a person's answer where the budget asks for one."""
    if budget.approve_above is None:
        return True
    # A no stands though less is due by now, and a yes is not asked for once more where a worker died.
    answered = await _answer_before()
    if answered is not None:
        logger.info("The price was %s.", "approved" if answered else "refused")
        return answered
    reason = approval_reason(due, budget)
    if reason is None:
        return True
    approve = command(Approve(str(flow_run.id)))
    logger.warning(
        "%s Waiting: press Resume on run %s in Prefect (%s) and tick approve, or: %s",
        reason,
        flow_run.name,
        flow_run.ui_url,
        approve,
    )
    await published(
        acreate_markdown_artifact(
            key=f"{slug(title)}-approval",
            markdown=f"## {as_text(title)}: waiting for approval\n\n{as_text(reason)}\n\nPress "
            f"**Resume** on [this run]({flow_run.ui_url}) and tick **approve**, or: `{approve}`. Cancel the run to "
            "refuse.",
            description="Waiting for approval",
        )
    )
    question = Approval.with_initial_data(description=reason)
    # A deployed run gives its worker back while it waits; a run in a terminal has nobody to start it again.
    if deployment.id is not None:
        answer = await asuspend_flow_run(wait_for_input=question, timeout=24 * 3600, key=_QUESTION)
    else:
        answer = await apause_flow_run(
            wait_for_input=question, timeout=24 * 3600, poll_interval=2, key=_QUESTION
        )
    return answer.approve


async def _answer_before() -> bool | None:
    """What a person answered to an earlier process of this run; None: nothing, or the run ended since."""
    async with get_client() as client:
        states = await client.read_flow_run_states(UUID(str(flow_run.id)))
    # Retry may buy again what failed, which is more than the answer was about.
    if any(state.type in ENDS for state in states):
        return None
    # Only a suspended run goes on in another process.
    keyset = keyset_from_paused_state(Suspended(pause_key=_QUESTION))
    answer = await aread_flow_run_input(keyset["response"])
    return None if answer is None else bool(answer["approve"])


def refused() -> State[Any]:
    """Cancelled by a person who did not approve the price; nothing of it was bought."""
    return Cancelled(name="Refused", message="The price was not approved; nothing of it was bought.")
