"""`wan-video review`."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from flows.cli.console import command_here, show_lines, tell
from flows.cli.contexts import store_here
from flows.cli.emulator_client import emulated
from flows.cli.flags import BlockName, ModelName, Switch
from flows.cli.verdicts import By, who

if TYPE_CHECKING:
    from footage.review.reviewed_boards import BoardFile

_Amount = Annotated[float | None, Parameter(metavar="AMOUNT")]


def review(
    board: str | None = None,
    /,
    *,
    model: ModelName = None,
    map_file: Annotated[Path | None, Parameter(metavar="FILE")] = None,
    accept_guesses: Switch = False,
    max_seconds: Annotated[float | None, Parameter(metavar="SECONDS")] = None,
    max_cost: _Amount = None,
    approve_above: _Amount = None,
    by: By = None,
    host: Annotated[str, Parameter(metavar="ADDRESS")] = "127.0.0.1",
    port: Annotated[int, Parameter(metavar="PORT")] = 0,
    emulator: Switch = False,
    credentials_block: BlockName = None,
    storage_block: BlockName = None,
) -> int:
    """Look at the takes of a board in a browser, compare, pick and ask for retakes, until Ctrl-C.

    Prints an address that lets one browser in; the page invites others. What is dearer than --approve-above is not
    bought from the page: it shows the command.

    Args:
        board: The board's file, or the name of its folder in the store, which is for looking and verdicts alone; all
            clips of the store, if not given.
        model: As given to wan-video storyboard.
        map_file: As given to wan-video storyboard.
        accept_guesses: As given to wan-video storyboard.
        max_seconds: Most seconds of video one retake may buy.
        max_cost: Most money one retake may cost, in the board's currency; USD if it names none.
        approve_above: Above this price, in the same currency, a retake is not bought from the page.
        by: Who speaks, where the page does not say; the user of this machine, if not given.
        host: Address to listen on; behind a proxy WAN_VIDEO_REVIEW_URL says how people reach it.
        port: Port to listen on; 0 takes a free one.
        emulator: The store of --emulator; retakes are made there, and nothing is bought.
        credentials_block: DashScope Credentials block of the Prefect server, or secret/NAME for a Secret block.
        storage_block: Name of a Video Storage block of the Prefect server.
    """
    from flows.cli.retake_process import RetakeProcess, retake_arguments
    from footage.review.review_server import serve_review
    from footage.review.reviewed_boards import ReviewedBoards

    # It waits for people, and that is no silence to be broken.
    show_lines()
    caps = {"max_seconds": max_seconds, "max_cost": max_cost, "approve_above": approve_above}
    file = _board_file(board, model, map_file, accept_guesses, caps)
    flags = _retake_flags(
        {
            "--model": model,
            "--map-file": map_file,
            "--max-seconds": max_seconds,
            "--approve-above": approve_above,
        }
        | {"--credentials-block": credentials_block, "--storage-block": storage_block},
        {"--accept-guesses": accept_guesses, "--emulator": emulator},
    )
    # As it is before the emulator's own values are put into it: the command puts them there itself.
    environment = dict(os.environ)

    def on_ready(address: str) -> None:
        tell("Open this in a browser; it lets one in, and the page invites others. Ctrl-C ends.", "bold")
        print(address, flush=True)

    with emulated(emulator), store_here(storage_block) as context:
        boards = ReviewedBoards(context, file, command_here, name=None if file else board)
        served = serve_review(
            context,
            boards,
            lambda of, wish, quoted: RetakeProcess(
                retake_arguments(of.path, wish, quoted, flags), environment
            ),
            host=host,
            port=port,
            reviewer=who(by),
            write=command_here,
            on_ready=on_ready,
        )
        # Ctrl-C is how it ends.
        with contextlib.suppress(KeyboardInterrupt):
            asyncio.run(served)
    return 0


def _board_file(
    board: str | None,
    model: str | None,
    map_file: Path | None,
    accept_guesses: bool,
    caps: Mapping[str, float | None],
) -> BoardFile | None:
    """The board, if it is a file, with how it is read; None where it is the name of a folder in the store."""
    from footage.review.reviewed_boards import BoardFile
    from footage.storyboard.read.settlement import read_map, settle

    if board is None or not Path(board).is_file():
        return None
    settled = settle((), (), accept_guesses=accept_guesses)
    settled = settled.over(read_map(map_file)) if map_file is not None else settled
    return BoardFile(board, {"model": model} if model else None, settled, caps)


def _retake_flags(values: Mapping[str, object], switches: Mapping[str, bool]) -> list[str]:
    """The options of this command that its retakes have, too."""
    given = [f"{name}={value}" for name, value in values.items() if value is not None]
    return [*given, *(name for name, on in switches.items() if on)]
