"""What pick, keep, reject and retake share: the board that is meant, who speaks, and the cut that follows."""

from __future__ import annotations

import contextlib
import getpass
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from flows.cli.console import print_json, tell
from flows.cli.contexts import store_here
from flows.cli.emulator_client import emulated
from footage.errors import InvalidRequest

if TYPE_CHECKING:
    from footage.context import Context
    from footage.storyboard.prepared_board import PreparedBoard
    from footage.storyboard.review_records import Verdict, VerdictRecord

Note = Annotated[str | None, Parameter(metavar="TEXT")]
By = Annotated[str | None, Parameter(metavar="NAME")]
FrameNumber = Annotated[int | None, Parameter(metavar="NUMBER")]


def _flag(help: str, metavar: str | None = None) -> Parameter:
    return Parameter(metavar=metavar, help=help, negative="", show_default=False)


@dataclass(frozen=True, kw_only=True)
class VerdictFlags:
    """The options that pick, keep and reject have in common."""

    note: Annotated[str | None, _flag("What to say about it, for people.", "TEXT")] = None
    frame: Annotated[int | None, _flag("The frame that the note is about, from 0.", "NUMBER")] = None
    last_frame: Annotated[
        int | None, _flag("The last frame that it is about, where it is about several.", "NUMBER")
    ] = None
    by: Annotated[str | None, _flag("Who says so; the user of this machine, if not given.", "NAME")] = None
    no_cut: Annotated[
        bool, _flag("Make no new film and timeline now; the next cut follows all the same.")
    ] = False
    emulator: Annotated[bool, _flag("The store of --emulator.")] = False
    json: Annotated[bool, _flag("Print the verdict as JSON, alone on stdout.")] = False
    storage_block: Annotated[
        str | None, _flag("Name of a Video Storage block of the Prefect server.", "NAME")
    ] = None


GivenFlags = Annotated[VerdictFlags | None, Parameter(name="*")]


def who(by: str | None) -> str:
    """The person that was named, else the user of this machine."""
    if by:
        return by
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        # In a container the user often has no name.
        return "somebody"


def reviewed_board(context: Context, board: str) -> PreparedBoard:
    """The board of a file, or of the folder of that name in the store, planned without asking anybody.

    Of a file that asks for other clips than were made of it, such as one that was made with options which it does not
    say itself, it is the board that the store keeps.

    Raises:
        InvalidRequest: There is neither, or the board cannot be made.
    """
    from footage.storyboard.folder import asks_the_same, folder_of, kept_board
    from footage.storyboard.prepared_board import prepare_board
    from footage.storyboard.read import Settlement, read_board

    # Nothing is bought, so nobody has to say yes to a guess.
    settled = Settlement(accept_guesses=True)
    given: str | dict[str, Any] = board
    if Path(board).is_file():
        read = read_board(board, roots=context.input_roots, settled=settled).board
        with contextlib.suppress(InvalidRequest):
            kept = kept_board(context.store, folder_of(context.store, read).rpartition("/")[2])
            given = board if asks_the_same(read, kept) else kept
    else:
        given = kept_board(context.store, board)
    return prepare_board(context, given, settled=settled, film_as_kept=True)


def give_verdict(verdict: Verdict, board: str, shot: str, take: str, flags: VerdictFlags | None) -> int:
    """Write down a verdict, make the cut that follows from it, and say so; nothing is bought."""
    from footage.storyboard.folder import folder_of
    from footage.storyboard.verdict_log import Words, say

    flags = flags or VerdictFlags()
    words = Words(verdict, who(flags.by), flags.note, flags.frame, flags.last_frame)
    with emulated(flags.emulator), store_here(flags.storage_block) as context:
        prepared = reviewed_board(context, board)
        folder = folder_of(context.store, prepared.plan.board)
        said = say(context.store, folder, shot, take, words)
        tell(f"Shot {said.shot}, take {said.take}: {said.verdict}, says {said.by}.", "bold")
        links = {} if flags.no_cut else _cut_again(context, prepared)
    if flags.json:
        print_json(_document(said, links))
    elif "film.mp4" in links:
        print(links["film.mp4"])
    return 0


def _cut_again(context: Context, prepared: PreparedBoard) -> dict[str, str]:
    from footage.storyboard.recut import recut

    tell("Cutting …", "dim")
    settings = context.settings
    return recut(context.store, prepared.plan, settings.labelling, settings.signing).links


def _document(said: VerdictRecord, links: dict[str, str]) -> dict[str, Any]:
    return {**said.model_dump(mode="json", exclude={"format", "token"}, exclude_none=True), "links": links}


def board_file(board: str) -> str:
    """The board, which has to be a file: what is kept of it in a store has no secrets, which a request may need.

    Raises:
        InvalidRequest: There is no such file.
    """
    from footage.errors import Problem
    from footage.privacy.display import shown

    if not Path(board).is_file():
        why = "a retake is bought from the board's own file, and there is none of that name"
        raise InvalidRequest(problems=(Problem("board", shown(board), why, "the file of the board"),))
    return board
