"""The tool that tells how far a storyboard is, from the evidence of its shots."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Any

from flows.mcp.agent_words import of_command
from flows.mcp.board_offer import MOST_SHOTS
from flows.mcp.clip_report import short
from flows.mcp.tool import Answer, Call
from flows.mcp.tool_inputs import BoardStatusInput
from flows.mcp.tool_outputs import BoardShotRow, BoardStatusOutput, Money, Next
from footage.errors import InvalidRequest, NotThere, Unreachable
from footage.storyboard.cut import file_name
from footage.storyboard.folder import ROOT, folder_of, kept_board
from footage.storyboard.prepared_board import prepare_board
from footage.storyboard.take_list import read_takes
from footage.storyboard.to_buy import bought_clip, paid_shots

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flows.mcp.server_context import ServerContext
    from footage.context import Context
    from footage.storyboard import BoardPlan
    from footage.storyboard.to_buy import BoughtClip

_MOST_REPORT_BYTES = 20_000_000


async def storyboard_status(call: Call, given: BoardStatusInput) -> Answer:
    """How far a board is, from the evidence of its shots."""

    def look() -> Answer:
        with call.server_context.provider() as context:
            return Answer(_status(call.server_context, context, given))

    return await call.in_thread(look)


def _status(server_context: ServerContext, context: Context, given: BoardStatusInput) -> BoardStatusOutput:
    board = kept_board(context.store, given.board)
    try:
        plan = prepare_board(context, board).plan
    except (InvalidRequest, Unreachable):
        # It is kept without secrets, so a picture inside of it or behind a signed link cannot be read again; nor can
        # one that is gone by now.
        plan = None
        handle = file_name(given.board, otherwise="storyboard")
    else:
        handle = folder_of(context.store, plan.board).removeprefix(f"{ROOT}/")
    report = _report(context, handle)
    rows = _ordered(context, board, handle, report) if plan is None else _rows(context, plan, report)
    links = _links(context, handle)
    worker = server_context.workers.of(f"board {handle}")
    ended = worker.ended() if worker is not None else None
    working = worker is not None and ended is None
    counts = Counter(row.state for row in rows)
    done = set(counts) == {"delivered"} and "film.mp4" in links and not working
    state = "delivered" if done else "booked" if working or counts["booked"] else "incomplete"
    listed = [row for row in rows if not given.failed_only or row.state == "missing"]
    shown_rows = listed[given.offset : given.offset + MOST_SHOTS]
    error = ended.document.get("error") if ended is not None and ended.document is not None else None
    words = {
        "delivered": "give the person the links",
        "booked": "look again in a minute",
        "incomplete": "tell the person what is missing and why; `storyboard_submit` the board again makes only that",
    }
    return BoardStatusOutput(
        next=Next(
            words=words[state], tool=None if done else "storyboard_status", arguments={"board": handle}
        ),
        state=state,
        board=handle,
        counts=dict(counts),
        shots=shown_rows,
        more_shots=max(len(listed) - given.offset - len(shown_rows), 0),
        spent=_spent(report),
        links=links,
        reason=short(of_command(error)) if error else None,
    )


def _rows(context: Context, plan: BoardPlan, report: dict[str, Any]) -> list[BoardShotRow]:
    """Each take of the board."""
    paid = paid_shots(context, plan, buy_again=False)
    return [_row(take.id, paid.get(take.same_as or take.id), report) for take in plan.takes]


def _ordered(
    context: Context, board: Mapping[str, Any], handle: str, report: dict[str, Any]
) -> list[BoardShotRow]:
    """Each take that was ordered, and the shots of which none was, where the board cannot be planned again."""
    takes, rows = read_takes(context.store, f"{ROOT}/{handle}"), list[BoardShotRow]()
    for shot in (str(shot["id"]) for shot in board["shots"]):
        newest = {take.number: take.key for take in takes.get(shot, ())}
        first = min(newest, default=None)
        if first is None:
            rows.append(_row(shot, None, report))
        for number, key in newest.items():
            clip = bought_clip(context, key)
            rows.append(_row(shot if number == first else f"{shot}:{number}", clip, report))
    return rows


def _row(take_id: str, clip: BoughtClip | None, report: dict[str, Any]) -> BoardShotRow:
    state = "missing" if clip is None else "delivered" if clip.stored else "booked"
    told: dict[str, Any] = report.get("shots", {})
    reason = told.get(take_id, {}).get("reason") if state == "missing" else None
    return BoardShotRow(
        id=short(take_id, 80),
        state=state,
        key=clip.key if clip is not None else None,
        reason=short(reason) if reason else None,
    )


def _report(context: Context, handle: str) -> dict[str, Any]:
    """What the last cut said of the board; empty where there was none."""
    try:
        found = context.store.read(f"{ROOT}/{handle}/report.json", max_bytes=_MOST_REPORT_BYTES)
        report = json.loads(found)
    except (NotThere, ValueError):
        return {}
    return report if isinstance(report, dict) else {}


def _spent(report: dict[str, Any]) -> Money | None:
    cost = report.get("cost")
    if not isinstance(cost, dict):
        return None
    return Money(amount=str(cost.get("together", "0.00")), currency=str(cost.get("currency", "")))


def _links(context: Context, handle: str) -> dict[str, str]:
    """What there is of the cut: its films first, then what editors and people open."""
    there = {path.removeprefix(f"{ROOT}/{handle}/") for path in context.store.list(f"{ROOT}/{handle}")}
    films = sorted(name for name in there if name.startswith("film.") and name.endswith(".mp4"))
    subtitles = sorted(name for name in there if name.startswith("subtitles."))
    timelines = ("timeline.otio", "timeline.otioz", "timeline.xml", "timeline.edl")
    names = (*films, *subtitles, *timelines, "thumbnail.jpg", "dailies.html", "report.json")
    return {name: context.store.url_of(f"{ROOT}/{handle}/{name}") for name in names if name in there}
