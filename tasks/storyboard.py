"""A storyboard's run in Prefect: plan, approval, shots here or on other workers, and what people see of it."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from prefect import task
from prefect.artifacts import acreate_markdown_artifact, acreate_table_artifact
from prefect.cache_policies import NO_CACHE
from prefect.runtime import flow_run
from prefect.states import Completed, Failed

from footage.concurrency.executors import in_heavy_thread, in_thread
from footage.order.hand_over import handed_over
from footage.privacy.display import one_line, plain
from footage.privacy.redact import redact
from footage.review.links import board_page_url
from footage.storyboard import BoardPlan, BoardQuote, Reading, check_budget, grouped, in_words
from footage.storyboard.crew import Crew, OnOutcome, patience_s
from footage.storyboard.folder import folder_of
from footage.storyboard.package import Package, make_package
from footage.storyboard.plan_of_run import paid_at_begin, require_same_board
from footage.storyboard.preflight import preflight
from footage.storyboard.prepared_board import PreparedBoard, prepare_board
from footage.storyboard.read.settlement import Settlement, from_plain
from footage.storyboard.recut import recut
from footage.storyboard.review_parameters import retakes_from, verdicts_from
from footage.storyboard.store_limits import limits_in_words
from footage.storyboard.to_buy import not_stored, still_to_buy
from footage.storyboard.verdict_log import Words, say
from footage.values.counted import counted
from footage.values.money import money
from tasks.approval import approved_price
from tasks.artifacts import CountProgress, published
from tasks.clip_runs import shot_runs
from tasks.local_crew import crew_here
from tasks.markdown import as_cell, as_link, as_text, slug

if TYPE_CHECKING:
    from prefect import State

    from footage.context import Context
    from footage.evidence.state import Permission
    from footage.storyboard import ShotOutcome, Statement

logger = logging.getLogger("footage.tasks")


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
    retakes: Sequence[Mapping[str, Any]] = (),
) -> tuple[Reading, BoardPlan, BoardQuote]:
    """Read a board, check, price and order all its shots, and find out what of it is still to be bought.

    Nothing is bought if a shot is wrong or a cap would be passed.
    """

    def read_and_plan() -> tuple[Reading, BoardPlan, BoardQuote]:
        wishes = retakes_from(retakes)
        if (given := handed_over(PreparedBoard)) is not None:
            prepared = given.for_key_of(context)
        else:
            prepared = prepare_board(
                context,
                board,
                board_format,
                defaults=defaults,
                settled=answers.settlement(),
                caps=caps,
                wishes=wishes,
            )
        board_plan, budget = prepared.plan, prepared.plan.board.budget
        preflight(board_plan)
        before = paid_at_begin(context.store, str(flow_run.id))
        due = still_to_buy(context, board_plan, buy_again=permission.buy_again, besides=before)
        logger.info("%s", in_words(board_plan.quote, due, budget))
        check_budget(due, budget)
        if given is None:
            folder = folder_of(context.store, board_plan.board)
            for wish in wishes:
                say(context.store, folder, wish.shot, wish.take, Words("retake", wish.by, wish.note))
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


async def require_same_as_begun(context: Context, board_plan: BoardPlan, due: BoardQuote) -> frozenset[str]:
    """Keep what the run makes; where it was started before, it must have found the same.

    Of a run with a cap or an approval it returns what was paid when it began, which is no part of these.

    Raises:
        InvalidRequest: A request, a picture or a price is not what it was when the run began; nothing more was bought.
    """

    def require_same() -> frozenset[str]:
        makes = due.clips > 0 or bool(not_stored(context, board_plan))
        return require_same_board(context.store, str(flow_run.id), board_plan, makes=makes, paid=due.paid)

    return await in_thread(require_same)


async def approved(board_plan: BoardPlan, due: BoardQuote) -> bool:
    """Whether what is due may be bought; waits for a person's answer where the board's budget asks for one."""
    return await approved_price(board_plan.board.title, due, board_plan.board.budget)


async def crew(
    context: Context,
    board_plan: BoardPlan,
    run: Literal["inline", "deployments"],
    permission: Permission,
    blocks: dict[str, Any],
    shots_per_run: int | None = None,
    running_tasks: Mapping[str, int] | None = None,
) -> Crew:
    """Who makes the shots of a board: this process, or runs of the `generate-videos` deployment anywhere.

    `running_tasks`: how many of a model the accounts may run now, where that is known.

    Raises:
        InvalidRequest: The Prefect server has no such deployment; nothing was bought.
    """
    title = one_line(board_plan.board.title)[:200]
    wait_s = patience_s(board_plan.clips_by_model, context.settings, running_tasks)
    here = crew_here(context, permission, title, wait_s)
    if run == "inline":
        return here
    runs = await shot_runs(context, board_plan, permission, blocks, title, shots_per_run, wait_s)
    return Crew(here.check, runs.make)


def board_progress(board_plan: BoardPlan) -> OnOutcome:
    """Shows how far the board is."""
    progress = CountProgress(len(board_plan.takes), "shots", "storyboard-progress")

    async def told(outcome: ShotOutcome) -> None:
        await progress.count(outcome.shot_id, outcome.state)

    return told


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
        context.settings.signing,
    )


def guesses_of(reading: Reading) -> list[str]:
    """What had to be guessed to read the board, in words."""
    return [str(guess) for guess in grouped(reading.guesses)]


async def judged(
    context: Context,
    board: str | dict[str, Any] | list[Any],
    board_format: str | None,
    defaults: Mapping[str, Any] | None,
    answers: Answers,
    verdicts: Sequence[Mapping[str, Any]],
) -> State[dict[str, Any]]:
    """Write down verdicts, and make the cut that follows from them."""

    def say_and_cut() -> Package:
        said = verdicts_from(verdicts)
        plan = prepare_board(
            context, board, board_format, defaults=defaults, settled=answers.settlement(), film_as_kept=True
        ).plan
        folder = folder_of(context.store, plan.board)
        for shot, take, words in said:
            say(context.store, folder, shot, take, words)
        return recut(context.store, plan, context.settings.labelling, context.settings.signing)

    package = await in_heavy_thread(say_and_cut)
    data = {"verdicts": [dict(verdict) for verdict in verdicts], "links": package.links}
    return Completed(
        message=f"{counted(len(verdicts), 'verdict')}; {redact(package.links['dailies.html'])}", data=data
    )


async def wrapped(
    context: Context,
    board_plan: BoardPlan,
    outcomes: dict[str, ShotOutcome],
    statement: Statement,
    package: Package,
) -> State[dict[str, Any]]:
    """Completed when every shot is there; else `Incomplete`, with what to do about each missing one."""
    counts = Counter(outcome.state for outcome in outcomes.values())
    total = ", ".join(f"{number} {state}" for state, number in counts.items())
    paid = statement.in_words()
    title = one_line(board_plan.board.title)
    message = f"{total}; {paid}; {redact(package.links['dailies.html'])}"
    review = board_page_url(context.settings, package.folder)
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
            markdown=_page(title, f"{total}, **{paid}**", outcomes.values(), package.links, review),
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
        "ties": {take.id: take.tied_by for take in board_plan.takes},
        "links": package.links,
        "film_s": package.film.duration_s if package.film else None,
    }
    if set(counts) == {"delivered"}:
        return Completed(message=message, data=data)
    return Failed(name="Incomplete", message=message, data=data)


def _page(
    title: str,
    total: str,
    outcomes: Iterable[ShotOutcome],
    links: Mapping[str, str],
    review: str | None = None,
) -> str:
    """What there is of a board, and about each shot that is missing why and what mends it."""
    missing = [outcome for outcome in outcomes if outcome.response is None]
    again = "Started again, the board makes what is missing and buys nothing twice."
    lines = [
        f"## {as_text(title)}",
        "",
        total,
        *(["", f"[Look at the takes]({review})"] if review else []),
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


def _row(board_plan: BoardPlan, outcome: ShotOutcome) -> dict[str, Any]:
    shot = board_plan.take(outcome.shot_id)
    response = outcome.response
    return {
        "shot": as_cell(outcome.shot_id),
        "model": shot.request.model,
        "tied by": as_cell(shot.tied_by if shot.tied_by != "nothing" else ""),
        "state": outcome.state,
        "asked": f"{shot.expected.duration_s} s",
        "delivered": f"{response.duration:g} s" if response else "",
        "cost": money(response.cost.amount, response.cost.currency) if response and response.cost else "",
        "what to know": as_cell(outcome.reason)
        if outcome.reason
        else plain(redact(response.video_url) if response else ""),
    }
