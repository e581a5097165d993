"""A storyboard's run in Prefect: plan, approval, shots here or on other workers, and what people see of it."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import httpx
from prefect import task
from prefect.artifacts import acreate_markdown_artifact, acreate_table_artifact
from prefect.cache_policies import NO_CACHE
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import WorkPoolStatus
from prefect.deployments import arun_deployment
from prefect.exceptions import ObjectNotFound
from prefect.flow_runs import apause_flow_run, asuspend_flow_run
from prefect.input import RunInput
from prefect.runtime import deployment, flow_run
from prefect.states import Cancelled, Completed, Failed
from pydantic import Field

from footage.clip import Clip, follow
from footage.concurrency.executors import in_heavy_thread, in_thread
from footage.emulated_environment import emulated_here
from footage.errors import InvalidRequest, NotFinished, Problem, Unreachable
from footage.errors.actions import Approve, NextStep, Rerun, Setup, command
from footage.evidence.paid import with_what_is_booked
from footage.evidence.response import response_of
from footage.evidence.state import Permission, decide
from footage.order.hand_over import handed_over
from footage.order.prepared import Prepared
from footage.privacy.display import one_line, plain
from footage.privacy.redact import redact
from footage.request import VideoRequest, VideoResponse
from footage.storyboard import (
    BoardPlan,
    BoardQuote,
    Reading,
    approval_reason,
    check_budget,
    grouped,
    in_words,
)
from footage.storyboard.approved_plan import require_shown
from footage.storyboard.package import Package, make_package
from footage.storyboard.preflight import preflight
from footage.storyboard.prepared_board import PreparedBoard, prepare_board
from footage.storyboard.production import BeforeBuying, Crew
from footage.storyboard.read.settlement import Settlement, from_plain
from footage.storyboard.store_limits import limits_in_words
from footage.storyboard.to_buy import still_to_buy
from footage.values.money import money
from tasks.artifacts import ProgressArtifact, published
from tasks.check import check
from tasks.final_states import UNREACHABLE
from tasks.markdown import as_cell, as_link, as_text, slug
from tasks.steps import STEPS

if TYPE_CHECKING:
    from prefect import State

    from footage.context import Context
    from footage.storyboard import ShotOutcome, Statement

logger = logging.getLogger("footage.tasks")

FINISH_DEPLOYMENT = "finish-video/finish-video"
# Its twin of `wan-video setup --emulator`, which works with the emulator and its output.
EMULATED_FINISH_DEPLOYMENT = "finish-video/emulated"


class Answers(NamedTuple):
    """What the parameters of a run say about how its board is meant."""

    mapping: dict[str, Any] | None
    accept_guesses: bool

    def settlement(self) -> Settlement:
        said = from_plain(self.mapping, "mapping") if self.mapping else Settlement()
        return replace(said, accept_guesses=self.accept_guesses or said.accept_guesses)


@task(name="plan", task_run_name="plan", cache_policy=NO_CACHE, persist_result=False)
async def plan(
    context: Context,
    board: str | dict[str, Any] | list[Any],
    board_format: str | None,
    defaults: Mapping[str, Any] | None,
    answers: Answers,
    caps: Mapping[str, Any],
    permission: Permission,
) -> tuple[Reading, BoardPlan, BoardQuote]:
    """Read a board, check, price and order all its shots, and find out what of it is still to be bought.

    Nothing is bought if a shot is wrong or a cap would be passed.
    """

    def read_and_plan() -> tuple[Reading, BoardPlan, BoardQuote]:
        if (given := handed_over(PreparedBoard)) is not None:
            prepared = given.for_key_of(context)
        else:
            prepared = prepare_board(
                context, board, board_format, defaults=defaults, settled=answers.settlement(), caps=caps
            )
        board_plan, budget = prepared.plan, prepared.plan.board.budget
        preflight(board_plan)
        due = still_to_buy(context, board_plan, buy_again=permission.buy_again)
        logger.info("%s", in_words(board_plan.quote, due, budget))
        check_budget(due, budget)
        for warning in limits_in_words(context, due):
            logger.warning("%s", warning)
        return prepared.reading, board_plan, due

    return await in_thread(read_and_plan)


def board_name() -> str:
    """What the run is called: the board's title, or its file's name."""
    board = flow_run.parameters.get("board")
    if isinstance(board, dict):
        return one_line(f"storyboard {board.get('title', '')}")[:200]
    return one_line(f"storyboard {PurePath(board).stem}")[:200] if isinstance(board, str) else "storyboard"


class Approval(RunInput):
    """A person's answer to the price of a board."""

    # No default: Prefect takes an empty answer for the defaults, and any web page can send an empty one.
    approve: bool = Field(description="Ticked: buy at this price. Not ticked: refuse it; nothing is bought.")


async def approved(context: Context, board_plan: BoardPlan, due: BoardQuote) -> bool:
    """Whether what is due may be bought; waits for a person's answer where the board's budget asks for one.

    Raises:
        InvalidRequest: The answer came, and the board or a picture is not what it was about.
    """
    reason = approval_reason(due, board_plan.board.budget)
    if reason is None:
        return True
    await in_thread(require_shown, context.store, str(flow_run.id), board_plan)
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
            key=f"{slug(board_plan.board.title)}-approval",
            markdown=f"## {as_text(board_plan.board.title)}: waiting for approval\n\n{as_text(reason)}\n\nPress "
            f"**Resume** on [this run]({flow_run.ui_url}) and tick **approve**, or: `{approve}`. Cancel the run to "
            "refuse.",
            description="Waiting for approval",
        )
    )
    question = Approval.with_initial_data(description=reason)
    # A deployed run gives its worker back while it waits; a run in a terminal has nobody to start it again.
    if deployment.id is not None:
        answer = await asuspend_flow_run(wait_for_input=question, timeout=24 * 3600)
    else:
        answer = await apause_flow_run(wait_for_input=question, timeout=24 * 3600, poll_interval=2)
    return answer.approve


async def crew(
    context: Context,
    run: Literal["inline", "deployments"],
    permission: Permission,
    blocks: dict[str, Any],
    title: str,
    wait_s: float,
) -> Crew:
    """Who makes the shots of the board called `title`: this process, or runs of the `finish-video` deployment anywhere.

    Each is waited for `wait_s` seconds at the least.

    Raises:
        InvalidRequest: The Prefect server has no such deployment; nothing was bought.
    """
    finish = EMULATED_FINISH_DEPLOYMENT if emulated_here() else FINISH_DEPLOYMENT
    board = one_line(title)[:200]
    if run == "deployments":
        await require_deployment(finish)

    async def check_shot(asked: Prepared | VideoRequest, name: str, before_buying: BeforeBuying) -> Clip:
        return await check(
            context, asked, permission, name, before_buying=before_buying, board=board, wait_s=wait_s
        )

    async def make_here(clip: Clip) -> VideoResponse | None:
        return await follow(clip, STEPS)

    async def make_elsewhere(clip: Clip) -> VideoResponse | None:
        if clip.order.audio_link is not None:
            # A link with a signature stays in this process, and the evidence has it without.
            return await make_here(clip)
        # The order and its image are in the evidence; the run needs no more than the key.
        parameters = {
            "key": clip.key,
            "retry_failed": permission.retry_failed,
            "buy_again": permission.buy_again,
            "board": board,
            **blocks,
        }
        last = (await clip.state()).last
        go_on = Rerun(clip.key)
        try:
            child = await arun_deployment(
                finish,
                parameters=parameters,
                flow_run_name=f"{one_line(clip.name)}: {clip.order.model}",
                # The same shot of the same attempt of this run is the same child, however often this is asked.
                idempotency_key=f"{flow_run.id}:{flow_run.run_count}:{clip.key}",
                poll_interval=2,
            )
        except httpx.HTTPError as error:
            # The run may have been made all the same, and may buy.
            message = f"Prefect does not say what became of the run of this shot ({type(error).__name__})."
            raise NotFinished(message, next_step=go_on, key=clip.key) from None
        document = await in_thread(clip.evidence.result)
        if document is not None:
            return response_of(context.store, document, cached=False)
        # The run's own error stays on its worker; the evidence tells the same.
        before = replace(clip.permission, attempts_before=last.number if last else 0)
        decide(await clip.state(), before)
        name, message = (child.state.name, child.state.message) if child.state else ("unknown", None)
        told = f"Run {child.name} ended as {name}: {message}"
        if name == UNREACHABLE:
            error = Unreachable(told, next_step=go_on, key=clip.key)
            raise await in_thread(with_what_is_booked, error, context.store, [clip.key])
        raise NotFinished(told, next_step=go_on, key=clip.key)

    return Crew(check_shot, make_here if run == "inline" else make_elsewhere)


async def require_deployment(name: str) -> None:
    """Raises InvalidRequest when the Prefect server has no deployment of this name; called before buying."""
    async with get_client() as client:
        try:
            found = await client.read_deployment_by_name(name)
        except ObjectNotFound:
            message = f"there is no deployment {name} on this Prefect server; nothing was bought"
            raise InvalidRequest(
                problems=(Problem("run", "deployments", message, "inline"),),
                next_step=NextStep.of(Setup(), ", and start a worker as it says"),
            ) from None
        known: dict[str, Any] = (found.parameter_openapi_schema or {}).get("properties", {})
        if "board" not in known:
            message = f"the deployment {name} is of an earlier version; nothing was bought"
            raise InvalidRequest(problems=(Problem("run", "deployments", message),), next_step=Setup())
        pool = await client.read_work_pool(found.work_pool_name) if found.work_pool_name else None
    if pool is not None and pool.status is not WorkPoolStatus.READY:
        logger.warning(
            "No worker takes runs of the pool %s now; the shots wait for: prefect worker start --pool %s",
            pool.name,
            pool.name,
        )


class BoardProgress:
    """How far the board is, as a progress artifact of the run."""

    def __init__(self, total: int) -> None:
        self._total = total
        self._ended = 0
        self._artifact = ProgressArtifact("storyboard-progress")

    async def __call__(self, outcome: ShotOutcome) -> None:
        self._ended += 1
        logger.info("%s: %s (%d of %d shots)", outcome.shot_id, outcome.state, self._ended, self._total)
        if self._artifact.due or self._ended == self._total:
            await self._artifact.show(self._ended / self._total, f"{self._total} shots")


@task(name="cut", task_run_name="cut", cache_policy=NO_CACHE, persist_result=False)
async def cut(
    context: Context,
    board_plan: BoardPlan,
    outcomes: dict[str, ShotOutcome],
    statement: Statement,
    notices: list[str],
) -> Package:
    """Join the film and write timeline, edit list and dailies."""
    return await in_heavy_thread(
        make_package,
        context.store,
        board_plan,
        outcomes,
        statement,
        notices,
        context.settings.labelling,
    )


def guesses_of(reading: Reading) -> list[str]:
    """What had to be guessed to read the board, in words."""
    return [str(guess) for guess in grouped(reading.guesses)]


async def wrapped(
    board_plan: BoardPlan, outcomes: dict[str, ShotOutcome], statement: Statement, package: Package
) -> State[dict[str, Any]]:
    """Completed when every shot is there; else `Incomplete`, with what to do about each missing one."""
    counts = Counter(outcome.state for outcome in outcomes.values())
    total = ", ".join(f"{number} {state}" for state, number in counts.items())
    paid = statement.in_words()
    title = one_line(board_plan.board.title)
    message = f"{total}; {paid}; {package.links['dailies.html']}"
    await published(
        acreate_table_artifact(
            key=f"{slug(title)}-shots",
            table=[_row(board_plan, outcome) for outcome in outcomes.values()],
            description=f"{as_cell(title)}: {total}, {paid}",
        )
    )
    await published(
        acreate_markdown_artifact(
            key=f"{slug(title)}-storyboard",
            markdown=_page(title, f"{total}, **{paid}**", outcomes.values(), package.links),
            description=f"{as_cell(title)}: {total}",
        )
    )
    data = {
        "title": board_plan.board.title,
        "shots": {shot_id: outcome.state for shot_id, outcome in outcomes.items()},
        "keys": {o.shot_id: o.response.key for o in outcomes.values() if o.response is not None},
        "reasons": {o.shot_id: o.reason for o in outcomes.values() if o.reason},
        "unreachable": [o.shot_id for o in outcomes.values() if o.unreachable],
        "commands": {o.shot_id: o.command for o in outcomes.values() if o.command},
        "cost": statement.to_json(),
        "cost_in_words": paid,
        "links": package.links,
        "film_s": package.film.duration_s if package.film else None,
    }
    if set(counts) == {"delivered"}:
        return Completed(message=message, data=data)
    return Failed(name="Incomplete", message=message, data=data)


def _page(title: str, total: str, outcomes: Iterable[ShotOutcome], links: Mapping[str, str]) -> str:
    """What there is of a board, and about each shot that is missing why and what mends it."""
    missing = [outcome for outcome in outcomes if outcome.response is None]
    again = "Started again, the board makes what is missing and buys nothing twice."
    lines = [
        f"## {as_text(title)}",
        "",
        total,
        *(["", "### What is missing", ""] if missing else []),
        *(
            f"- **{as_text(outcome.shot_id)}** ({outcome.state}): {as_text(outcome.reason or '', 1_000)}"
            + (f" **Next:** {as_text(outcome.command, 1_000)}" if outcome.command else "")
            for outcome in missing
        ),
        *(["", again, "", "### What there is"] if missing else []),
        "",
        *(f"- {name}: {as_link(redact(url))}" for name, url in links.items()),
    ]
    return "\n".join(lines)


def refused() -> State[Any]:
    """Cancelled by a person who did not approve the price; nothing was bought."""
    return Cancelled(name="Refused", message="The price was not approved; nothing was bought.")


def _row(board_plan: BoardPlan, outcome: ShotOutcome) -> dict[str, Any]:
    shot = board_plan.shot(outcome.shot_id)
    response = outcome.response
    return {
        "shot": as_cell(outcome.shot_id),
        "model": shot.request.model,
        "starts from": as_cell(shot.starts_from or ""),
        "state": outcome.state,
        "asked": f"{shot.expected.duration_s} s",
        "delivered": f"{response.duration:g} s" if response else "",
        "cost": money(response.cost.amount, response.cost.currency) if response and response.cost else "",
        "what to know": as_cell(outcome.reason)
        if outcome.reason
        else plain(redact(response.video_url) if response else ""),
    }
