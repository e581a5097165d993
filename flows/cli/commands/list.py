"""`wan-video list`."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from flows.cli.console import print_json, tell
from flows.cli.contexts import store_here
from flows.cli.emulator_client import emulated
from flows.cli.flags import BlockName, ModelName, Switch, offering
from footage.catalogue import known_models
from footage.errors import InvalidRequest, Problem
from footage.privacy.display import one_line, shown

if TYPE_CHECKING:
    from footage.library import FoundClips, LibraryClip

# Those of footage.library, which --help must not wait for; a test keeps them the same.
STATES = ("open", "finished", "failed", "canceled", "lost", "ordered", "unreadable")
_PROMPT_CHARS = 60
_AGO = re.compile(r"(\d{1,5})([dh])")


def list(
    *words: str,
    model: ModelName = None,
    state: Annotated[str | None, offering(STATES, "STATE")] = None,
    board: Annotated[str | None, Parameter(metavar="NAME")] = None,
    since: Annotated[str | None, Parameter(metavar="DATE")] = None,
    limit: Annotated[int, Parameter(metavar="NUMBER")] = 50,
    json: Switch = False,
    emulator: Switch = False,
    storage_block: BlockName = None,
) -> int:
    """List the clips of the store: the open ones first, then the newest.

    Reads the evidence, keeps an index of it in this user's cache folder, and asks no provider.

    Args:
        words: Words that all have to be in the prompt, whatever their case.
        model: Only clips of this model.
        state: Only open (bought, or perhaps, and not finished), finished, failed, canceled, lost, ordered (never
            bought) or unreadable ones.
        board: Only clips of the storyboard whose folder in the store has this name.
        since: Only clips since that day (2026-11-28), or of the last days or hours (7d, 12h).
        limit: At most so many.
        json: Print them as JSON, alone on stdout.
        emulator: The store of --emulator.
        storage_block: Name of a Video Storage block of the Prefect server.
    """
    from footage.library import LIBRARY_STATES, ClipQuery, find_clips, state_named

    for name, value, allowed in (("model", model, known_models()), ("state", state, LIBRARY_STATES)):
        if value is not None and value not in allowed:
            problem = Problem(name, shown(value), f"there is no such {name}", ", ".join(allowed))
            raise InvalidRequest(problems=(problem,))
    if limit < 1:
        raise InvalidRequest(problems=(Problem("limit", str(limit), "is no number of clips", "1 or more"),))
    wanted = None if state is None else state_named(state)
    query = ClipQuery(words, model, wanted, board, None if since is None else _moment(since), limit=limit)
    with emulated(emulator), store_here(storage_block) as context:
        found = find_clips(context.store, query)
        links = {clip.key: context.store.url_of(clip.video) for clip in found.clips if clip.video}
    if board is not None and board not in found.boards:
        known = ", ".join(found.boards[:20]) or "none yet"
        raise InvalidRequest(problems=(Problem("board", shown(board), "no clip is of such a board", known),))
    if json:
        clips = [{**clip.to_json(), "video_url": links.get(clip.key)} for clip in found.clips]
        print_json({"total": found.total, "clips": clips})
        return 0
    _print(found)
    return 0


def _moment(text: str) -> datetime:
    """The time that `--since` means."""
    if match := _AGO.fullmatch(text):
        amount = int(match[1])
        return datetime.now(UTC) - (timedelta(days=amount) if match[2] == "d" else timedelta(hours=amount))
    try:
        moment = datetime.fromisoformat(text)
        return moment if moment.tzinfo is not None else moment.astimezone()
    except (ValueError, OverflowError, OSError):
        problem = Problem("since", shown(text), "is no date", "2026-11-28, 2026-11-28T09:30, 7d or 12h")
        raise InvalidRequest(problems=(problem,)) from None


def _print(found: FoundClips) -> None:
    for clip in found.clips:
        print(_line(clip))
    if found.total > len(found.clips):
        tell(f"{len(found.clips)} of {found.total} clips; --limit {found.total} shows all.", "dim")
    elif not found.total:
        tell("No clip of this store fits.", "dim")


def _line(clip: LibraryClip) -> str:
    from footage.values.money import money

    at = "" if clip.at is None else f"{clip.at.astimezone():%Y-%m-%d %H:%M}"
    price = "–" if clip.amount is None else money(clip.amount, clip.currency)
    length = "" if clip.duration_s is None else f"{clip.duration_s:.3g} s"
    boards = " ".join(f"{place.board}/{place.shot}" for place in clip.boards[:2])
    prompt = one_line(clip.prompt if clip.prompt else f"({clip.detail})")
    prompt = prompt if len(prompt) <= _PROMPT_CHARS else prompt[: _PROMPT_CHARS - 1] + "…"
    cells = (
        clip.key[:12],
        f"{clip.state:<10}",
        f"{at:<16}",
        f"{clip.model:<17}",
        f"{length:>6}",
        f"{price:>10}",
    )
    return "  ".join([*cells, prompt, *([f"[{one_line(boards)}]"] if boards else [])]).rstrip()
