"""A storyboard becomes finished shots, a film, a timeline and dailies.

    read ─► plan ─► probe ─► approval? ─► all shots at once ─► cut
            every shot is           chains wait for          film.mp4, timeline.otio(z), .edl,
            checked before          the last frame           dailies.html
            the first is bought     they start from

Started again after any interruption, with what it began with, it makes what is missing and buys nothing twice.

Requires: what generate.py requires; for run=deployments also the deployment "generate-videos" and workers.
"""

from __future__ import annotations

from typing import Any, Literal

from prefect import State, flow
from prefect.runtime import flow_run

from footage.errors import FootageError
from footage.evidence.state import Permission
from footage.storyboard import Ledger
from footage.storyboard.production import produce
from tasks.approval import refused
from tasks.board_parameters import BoardData, BoardFormat, BoardPath, Cap, Retakes, ShotsPerRun, Verdicts
from tasks.context import context_of
from tasks.final_states import stopped
from tasks.hooks import cancel_clips
from tasks.region_probes import probe_board
from tasks.storyboard import (
    Answers,
    approved,
    board_name,
    board_progress,
    crew,
    cut,
    guesses_of,
    judged,
    plan,
    require_same_as_begun,
    wrapped,
)


@flow(
    name="storyboard",
    flow_run_name=board_name,
    on_cancellation=[cancel_clips],
    persist_result=True,
    result_serializer="json",
)
async def storyboard(
    board: BoardPath | BoardData,
    board_format: BoardFormat | None = None,
    defaults: dict[str, Any] | None = None,
    mapping: dict[str, Any] | None = None,
    accept_guesses: bool = False,
    run: Literal["inline", "deployments"] = "inline",
    shots_per_run: ShotsPerRun | None = None,
    max_seconds: Cap | None = None,
    max_cost: Cap | None = None,
    approve_above: Cap | None = None,
    credentials_block: str | None = None,
    storage_block: str | None = None,
    retry_failed: bool = False,
    buy_again: bool = False,
    approve_shots: bool = False,
    retakes: Retakes | None = None,
    verdicts: Verdicts | None = None,
) -> State[dict[str, Any]]:
    """Make every shot of a storyboard, and the cut.

    Args:
        board: Path of a storyboard file on the worker (below a folder of WAN_VIDEO_INPUT_ROOTS), or the storyboard
            itself.
        board_format: One of the formats that are read; empty: found from the shape.
        defaults: Request fields for all shots, such as a model; a shot's own fields win.
        mapping: What a person says about the board: {column: field}, or the contents of a map file (map, set, film,
            encoding, assets). A board with a guess in what is bought is refused; the refusal says what to put here.
        accept_guesses: Buy also what is only guessed about the board.
        run: inline makes the shots in this process; deployments spreads them over workers, by runs of
            generate-videos.
        shots_per_run: How many shots each of those runs makes; 1 gives each shot a run of its own. Empty: an equal
            share for each worker that is online, at most 50.
        max_seconds: Most seconds of video this run may buy; empty: the board's own cap.
        max_cost: Most money this run may spend, in the board's currency (USD if it names none); empty: the
            board's own cap.
        approve_above: Above this price, in the same currency, a person has to approve; empty: the board's own
            limit.
        credentials_block: Credentials block, or secret/NAME for a Secret block; several between commas; empty:
            "dashscope" of either kind, else the environment.
        storage_block: Name of a Video Storage block; empty: OUTPUT_DIR.
        retry_failed: Try again what the provider refused or failed for good.
        buy_again: Pay a second time for shots whose first purchase is lost or unknown.
        approve_shots: Make what starts from another shot only once a take of that one is picked.
        retakes: Make these further takes and nothing else of the board; each says of which take another one is wanted
            and, as a note for people, why. A prompt or a seed stands in place of the board's.
        verdicts: Write down what people say of takes, and make the cut that follows; nothing is made or bought.
    """
    caps = {"max_seconds": max_seconds, "max_cost": max_cost, "approve_above": approve_above}
    blocks = {"credentials_block": credentials_block, "storage_block": storage_block}
    permission = Permission(retry_failed=retry_failed, buy_again=buy_again)
    try:
        async with context_of(flow_run.id, credentials_block, storage_block) as context:
            answers = Answers(mapping, accept_guesses)
            if verdicts:
                return await judged(context, board, board_format, defaults, answers, verdicts)
            reading, board_plan, due = await plan(
                context, board, board_format, defaults, answers, caps, permission, retakes or []
            )
            running_tasks = await probe_board(context, board_plan)
            makers = await crew(context, board_plan, run, permission, blocks, shots_per_run, running_tasks)
            paid_before = await require_same_as_begun(context, board_plan, due)
            if not await approved(board_plan, due):
                return refused()
            ledger = Ledger(board_plan.board.budget, paid_before=paid_before)
            outcomes = await produce(
                context, board_plan, ledger, makers, board_progress(board_plan), approve_shots=approve_shots
            )
            package = await cut(context, board_plan, outcomes, ledger.statement(), guesses_of(reading))
            return await wrapped(context, board_plan, outcomes, ledger.statement(), package)
    except FootageError as error:
        return await stopped("The storyboard", error)
