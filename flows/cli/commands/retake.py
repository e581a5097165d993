"""`wan-video retake`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from flows.cli.board_run import look_ahead, run_board
from flows.cli.console import show_progress, tell
from flows.cli.contexts import store_here
from flows.cli.emulator_client import emulated
from flows.cli.flags import BlockName, ModelName, Switch
from flows.cli.verdicts import By, FrameNumber, Note, board_file, who
from footage.errors import InvalidRequest, Problem

_Amount = Annotated[float | None, Parameter(metavar="AMOUNT")]


def retake(
    board: str,
    shot: str,
    take: str,
    /,
    *,
    note: Note = None,
    prompt: Annotated[str | None, Parameter(metavar="TEXT")] = None,
    seed: Annotated[int | None, Parameter(metavar="NUMBER")] = None,
    frame: FrameNumber = None,
    last_frame: FrameNumber = None,
    by: By = None,
    later: Switch = False,
    model: ModelName = None,
    map_file: Annotated[Path | None, Parameter(metavar="FILE")] = None,
    accept_guesses: Switch = False,
    run: Literal["inline", "deployments"] = "inline",
    max_seconds: Annotated[float | None, Parameter(metavar="SECONDS")] = None,
    max_cost: _Amount = None,
    approve_above: _Amount = None,
    quote: Annotated[str | None, Parameter(metavar="QUOTE")] = None,
    dry_run: Switch = False,
    emulator: Switch = False,
    json: Switch = False,
    retry_failed: Switch = False,
    buy_again: Switch = False,
    credentials_block: BlockName = None,
    storage_block: BlockName = None,
) -> int:
    """Ask for a further take of a shot, say why, and make it: one clip is bought, through the caps and the approval.

    The same words about the same take are the same retake: said again, it goes on and buys nothing twice. The note is
    for people and never part of the prompt.

    Args:
        board: The board's file.
        shot: Id of the shot.
        take: Number of the take that another one is wanted of, or the beginning of its key.
        note: What is to be better; a retake needs it.
        prompt: The prompt of the new take; the board's, if not given.
        seed: The seed of the new take; the next one, if not given.
        frame: The frame that the note is about, from 0.
        last_frame: The last frame that it is about, where it is about several.
        by: Who says so; the user of this machine, if not given.
        later: Write down that a retake is wanted, and make none now.
        model: As given to wan-video storyboard.
        map_file: As given to wan-video storyboard.
        accept_guesses: As given to wan-video storyboard.
        run: inline makes the take in this process; deployments lets a worker make it.
        max_seconds: Most seconds of video this run may buy.
        max_cost: Most money this run may spend, in the board's currency; USD if it names none.
        approve_above: Above this price, in the same currency, a person has to approve.
        quote: Buy only what was quoted so, as the review app does; anything else is refused.
        dry_run: Check and price the take; send nothing, write nothing.
        emulator: Use the local stand-in instead of the provider; no key needed, nothing is bought.
        json: Print the result as JSON, alone on stdout.
        retry_failed: Try again what the provider refused or failed for good.
        buy_again: Pay a second time for a take whose first purchase is lost or unknown.
        credentials_block: DashScope Credentials block of the Prefect server, or secret/NAME for a Secret block.
        storage_block: Name of a Video Storage block of the Prefect server.
    """
    show_progress()
    if not note:
        raise InvalidRequest(
            problems=(Problem("note", "(nothing)", "a retake needs a note", "what is to be better"),)
        )
    tell("Reading the board …", "dim")
    from footage.storyboard.folder import folder_of
    from footage.storyboard.plan_of_run import require_quoted
    from footage.storyboard.prepared_board import prepare_board
    from footage.storyboard.read.settlement import read_map, settle
    from footage.storyboard.retake_wish import RetakeWish
    from footage.storyboard.verdict_log import Words, say

    caps = {"max_seconds": max_seconds, "max_cost": max_cost, "approve_above": approve_above}
    settled = settle((), (), accept_guesses=accept_guesses)
    settled = settled.over(read_map(map_file)) if map_file is not None else settled
    defaults = {"model": model} if model else None
    wish = RetakeWish(shot, take, note, who(by), prompt, seed)
    with emulated(emulator):
        with store_here(storage_block) as context:
            prepared = prepare_board(
                context, board_file(board), defaults=defaults, settled=settled, caps=caps, wishes=(wish,)
            )
            if quote is not None:
                require_quoted(prepared.plan, quote)
            if dry_run:
                from flows.cli.plan_table import show_plan

                show_plan(context, prepared.plan, prepared.reading.mapping, buy_again, as_json=json)
                return 0
            folder = folder_of(context.store, prepared.plan.board)
            say(context.store, folder, shot, take, Words("retake", who(by), note, frame, last_frame))
            if later:
                tell(f"Shot {shot}, take {take}: a retake is wanted, says {who(by)}. None was made.", "bold")
                return 0
            contacts = look_ahead(context, prepared.plan, buy_again, ask_provider=credentials_block is None)
        parameters = {
            "board": board,
            "defaults": defaults,
            "mapping": prepared.reading.settlement.plain() or None,
            "accept_guesses": accept_guesses,
            "run": run,
            **caps,
            "retry_failed": retry_failed,
            "buy_again": buy_again,
            "credentials_block": credentials_block,
            "storage_block": storage_block,
            "retakes": [{name: value for name, value in vars(wish).items() if value is not None}],
        }
        return run_board(prepared, contacts, parameters, as_json=json)
