"""The tools about storyboards: plan, buy within caps and with a person's yes, and tell how far a board is.

The board that was priced is kept as our own JSON in a file of this user, named by its content: what was approved is
what the worker reads. Its folder in the store is the handle; how far it is follows from the evidence of its shots.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shlex
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from flows.cli.clip_process import ChildProcess
from flows.cli.console import command_here
from flows.mcp.agent_words import of_command
from flows.mcp.clip_report import plain_price, short
from flows.mcp.purchase import RefusedByWorker
from flows.mcp.tool import Answer, Call
from flows.mcp.tool_inputs import BoardInput, BoardPlanInput, BoardStatusInput, BoardSubmitInput
from flows.mcp.tool_outputs import (
    BoardPlanOutput,
    BoardShotRow,
    BoardStatusOutput,
    BoardSubmitOutput,
    Money,
    Next,
    ShotRow,
)
from footage.errors import InvalidRequest, NotThere, OverBudget, Problem
from footage.errors.actions import ReadBoard
from footage.library.clip_index import cache_folder
from footage.spending.stop_switch import require_buying
from footage.storyboard import approval_reason, check_budget, grouped
from footage.storyboard.approved_plan import fingerprints
from footage.storyboard.folder import ROOT, claim_folder, folder_of, kept_board
from footage.storyboard.prepared_board import PreparedBoard, prepare_board
from footage.storyboard.read.settlement import from_plain
from footage.storyboard.to_buy import paid_shots, still_to_buy
from footage.values.money import Amount, amount_text, exact_money, total

if TYPE_CHECKING:
    from flows.mcp.server_context import ServerContext
    from footage.context import Context
    from footage.storyboard import BoardPlan, BoardQuote, ShotPlan

# An answer has room for so many; the rest is asked for with an offset.
MOST_SHOTS = 40
# How long a board's worker may take to find out that it cannot begin.
_BEGINNING_S = 20.0
_MOST_REPORT_BYTES = 20_000_000
_FEW = 20


@dataclass(frozen=True)
class BoardOffer:
    """A board that was read, checked and priced, and what of it is still to be bought."""

    prepared: PreparedBoard
    due: BoardQuote
    handle: str

    @property
    def price(self) -> Amount:
        """What is still to be bought, in the board's currency."""
        currency = self.prepared.plan.board.budget.currency
        return Amount(Decimal(amount_text(self.due.amount_in(currency))), currency)

    @property
    def bound(self) -> str:
        """What a person's answer is about: these shots with these pictures at these prices."""
        shots = json.dumps(fingerprints(self.prepared.plan), sort_keys=True)
        digest = hashlib.sha256(shots.encode()).hexdigest()
        return f"board {digest} {amount_text(self.price.amount)} {self.price.currency}"

    def question(self) -> str:
        board = self.prepared.plan.board
        clips = "1 clip" if self.due.clips == 1 else f"{self.due.clips} clips"
        return (
            f"Buy {clips} of the storyboard “{short(board.title, 100)}”, {self.due.seconds} s together, for "
            f"{self.due.price_in(self.price.currency)}? Board {self.handle}; what is stored or booked is free."
        )


def board_offer(context: Context, given: BoardInput) -> BoardOffer:
    """Read, check and price a board; nothing is sent or written.

    Raises:
        InvalidRequest: Names every problem, and how a guess is settled.
    """
    if (given.board is None) == (given.path is None):
        both = "both" if given.board is not None else "neither"
        problem = Problem("board", both, "give the board as text or the path of its file", "board or path")
        raise InvalidRequest(problems=(problem,))
    board = given.path if given.path is not None else (given.board or "").encode(errors="surrogatepass")
    settled = from_plain(given.answers, "answers") if given.answers else None
    defaults = {"model": given.model} if given.model else None
    prepared = prepare_board(context, board, defaults=defaults, settled=settled)
    handle = folder_of(context.store, prepared.plan.board).removeprefix(f"{ROOT}/")
    return BoardOffer(prepared, still_to_buy(context, prepared.plan), handle)


async def storyboard_plan(call: Call, given: BoardPlanInput) -> Answer:
    """Each shot as it would be bought, and the price."""

    def look() -> Answer:
        with call.server_context.provider() as context:
            offer = board_offer(context, given)
        plan = offer.prepared.plan
        shots = plan.takes[given.offset : given.offset + MOST_SHOTS]
        more = max(len(plan.takes) - given.offset - len(shots), 0)
        currency = plan.board.budget.currency
        words = (
            "show the person price, guesses and warnings; `storyboard_submit` the same board with caps, if they want it"
            if offer.due.clips
            else "everything is paid: `storyboard_submit` makes the cut and buys nothing"
        )
        return Answer(
            BoardPlanOutput(
                next=Next(words=words, tool="storyboard_submit"),
                state="new" if offer.due.clips else "booked",
                board=offer.handle,
                title=short(plan.board.title, 200),
                clips=plan.quote.clips,
                to_buy=offer.due.clips,
                seconds=offer.due.seconds,
                price=_price(offer),
                whole_price=plain_price(plan.quote.amount_in(currency), currency),
                shots=[_shot_row(shot) for shot in shots],
                more_shots=more,
                guesses=[short(str(guess)) for guess in grouped(offer.prepared.reading.guesses)[:_FEW]],
                warnings=[short(warning) for warning in plan.warnings[:_FEW]],
            )
        )

    return await call.in_thread(look)


def _price(offer: BoardOffer) -> Money:
    return Money(
        amount=amount_text(offer.price.amount),
        currency=offer.price.currency,
        source=", ".join(offer.due.sources)[:500],
        read_on=str(offer.due.read_on),
    )


def _shot_row(shot: ShotPlan) -> ShotRow:
    first = f"last frame of {shot.starts_from}" if shot.starts_from else None
    return ShotRow(
        id=short(shot.id, 80),
        model=shot.request.model,
        seconds=shot.expected.duration_s,
        size=f"{shot.expected.width}*{shot.expected.height}",
        first_frame=first or ("an image" if shot.request.reference_image is not None else None),
        price=Money(amount=amount_text(shot.quote.amount), currency=shot.quote.currency),
        prompt=short(shot.request.prompt, 120),
    )


async def storyboard_submit(call: Call, given: BoardSubmitInput) -> Answer:
    """Buy what is missing of a board, within its caps, and only with a person's yes."""
    offer = await call.in_thread(lambda: _offer(call.server_context, given))
    if over := _over(offer, given):
        return Answer(_output(offer, "over_cap", reason=over))
    if offer.due.clips and _has_to_be_asked(call.server_context, offer):
        verdict = await call.ask(offer.question(), offer.bound)
        if verdict == "declined":
            return Answer(_output(offer, "declined", reason="the person did not agree; nothing was bought"))
        if verdict == "unasked":
            return await call.in_thread(lambda: _needs_approval(offer))
    return await call.in_thread(lambda: _begun(call.server_context, offer, min(call.left_s, _BEGINNING_S)))


def _offer(server_context: ServerContext, given: BoardSubmitInput) -> BoardOffer:
    with server_context.provider() as context:
        offer = board_offer(context, given)
        if offer.due.clips:
            require_buying(context.store)
        return offer


def _over(offer: BoardOffer, given: BoardSubmitInput) -> str | None:
    """Which cap is passed, of this call or of the board itself."""
    price = total({offer.price.currency: offer.price.amount}, given.currency)
    if price > given.max_cost:
        cap = exact_money(given.max_cost, given.currency)
        return f"it costs {offer.due.price_in(given.currency)}, and at most {cap} may be spent (max_cost)"
    if offer.due.seconds > given.max_seconds:
        return (
            f"it takes {offer.due.seconds} s, and at most {given.max_seconds:g} s may be bought (max_seconds)"
        )
    try:
        check_budget(offer.due, offer.prepared.plan.board.budget)
    except OverBudget as error:
        return error.message
    return None


def _has_to_be_asked(server_context: ServerContext, offer: BoardOffer) -> bool:
    """Whether operator or board want a person to see this price."""
    limit = server_context.approve_above
    if limit is None or total({offer.price.currency: offer.price.amount}, limit.currency) > limit.amount:
        return True
    return approval_reason(offer.due, offer.prepared.plan.board.budget) is not None


def _needs_approval(offer: BoardOffer) -> Answer:
    options = [f"{name} {shlex.quote(value)}" for name, value in _caps(offer).items()]
    command = " ".join([command_here(ReadBoard(str(_kept(offer)))), *options])
    reason = "a person has to agree, and this client cannot ask one; nothing was bought"
    return Answer(_output(offer, "needs_approval", reason=reason, command=command))


def _caps(offer: BoardOffer) -> dict[str, str]:
    """What the person saw is the most that the run may buy, and needs no second yes."""
    price = amount_text(offer.price.amount)
    return {"--max-cost": price, "--max-seconds": str(offer.due.seconds), "--approve-above": price}


def _kept(offer: BoardOffer) -> Path:
    """The file of the board as it was priced; this user's alone, because prompts and pictures are in it."""
    text = offer.prepared.plan.board.model_dump_json(by_alias=True)
    folder = (cache_folder() or Path(tempfile.gettempdir()) / f"wan-video-{os.getpid()}") / "boards"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    path = folder / f"{hashlib.sha256(text.encode()).hexdigest()[:32]}.json"
    with contextlib.suppress(FileExistsError), path.open("x", encoding="utf-8") as file:
        os.chmod(path, 0o600)  # noqa: PTH101 - before anything is in it
        file.write(text)
    return path


def _begun(server_context: ServerContext, offer: BoardOffer, patience_s: float) -> Answer:
    """Let a worker make the board; how far it is once it has begun to buy, or ended.

    Raises:
        RefusedByWorker: It ended with an error of the board as a whole.
    """
    flags = [f"{name}={value}" for name, value in _caps(offer).items()]
    with server_context.provider() as context:
        # From here on the board is known by its name.
        claim_folder(context.store, offer.prepared.plan.board)
        arguments = ["storyboard", str(_kept(offer)), "--json", *server_context.flags, *flags]
        worker = server_context.workers.start(f"board {offer.handle}", lambda: ChildProcess(arguments))
        until_s = time.monotonic() + patience_s
        while (ended := worker.ended()) is None and time.monotonic() < until_s:
            if offer.due.clips and still_to_buy(context, offer.prepared.plan).clips < offer.due.clips:
                break
            time.sleep(0.5)
    if ended is not None and ended.document is not None and "error" in ended.document:
        raise RefusedByWorker(of_command(ended.document["error"]))
    return Answer(_output(offer, "delivered" if ended is not None and ended.exit_code == 0 else "booked"))


def _output(
    offer: BoardOffer,
    state: Literal["delivered", "booked", "ordered", "needs_approval", "declined", "over_cap"],
    *,
    reason: str | None = None,
    command: str | None = None,
) -> BoardSubmitOutput:
    words = {
        "needs_approval": f"show the person the price and this command, which buys it: {command}",
        "declined": "do not ask again unless the person wants the board after all",
        "over_cap": "take shots out, ask for less, or ask the person for a higher cap",
    }
    tool = None if state in words else "storyboard_status"
    return BoardSubmitOutput(
        next=Next(
            words=words.get(state, "it is made; look again in a minute"),
            tool=tool,
            arguments={"board": offer.handle} if tool else {},
        ),
        state=state,
        board=offer.handle,
        price=_price(offer),
        seconds=offer.due.seconds,
        to_buy=offer.due.clips,
        reason=reason,
        command=command,
    )


async def storyboard_status(call: Call, given: BoardStatusInput) -> Answer:
    """How far a board is, from the evidence of its shots."""

    def look() -> Answer:
        with call.server_context.provider() as context:
            return Answer(_status(call.server_context, context, given))

    return await call.in_thread(look)


def _status(server_context: ServerContext, context: Context, given: BoardStatusInput) -> BoardStatusOutput:
    plan = prepare_board(context, kept_board(context.store, given.board)).plan
    handle = folder_of(context.store, plan.board).removeprefix(f"{ROOT}/")
    report = _report(context, handle)
    rows, links = _rows(context, plan, report), _links(context, handle)
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
    told: dict[str, Any] = report.get("shots", {})
    rows: list[BoardShotRow] = []
    for take in plan.takes:
        clip = paid.get(take.same_as or take.id)
        state = "missing" if clip is None else "delivered" if clip.stored else "booked"
        reason = told.get(take.id, {}).get("reason") if state == "missing" else None
        rows.append(
            BoardShotRow(
                id=short(take.id, 80),
                state=state,
                key=clip.key if clip is not None else None,
                reason=short(reason) if reason else None,
            )
        )
    return rows


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
