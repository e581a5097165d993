"""The tool that buys a storyboard: within its caps, with a person's yes, and in a process of its own.

The board that was priced is kept as our own JSON in a file of this user, named by its content: what was approved is
what the worker reads. Its folder in the store is the handle; how far it is follows from the evidence of its shots.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from flows.cli.clip_process import ChildProcess
from flows.mcp.agent_words import of_command
from flows.mcp.board_offer import BoardOffer, board_offer
from flows.mcp.command_anywhere import command_anywhere
from flows.mcp.purchase import RefusedByWorker
from flows.mcp.tool import Answer, Call
from flows.mcp.tool_inputs import BoardSubmitInput
from flows.mcp.tool_outputs import BoardSubmitOutput, Next
from footage.errors import InvalidRequest, OverBudget, Problem
from footage.errors.actions import ReadBoard, typed
from footage.library.clip_index import cache_folder
from footage.spending.stop_switch import require_buying
from footage.storyboard import approval_reason, check_budget
from footage.storyboard.folder import claim_folder
from footage.storyboard.to_buy import still_to_buy
from footage.values.money import amount_text, exact_money, total

if TYPE_CHECKING:
    from flows.cli.clip_process import ClipWorker
    from flows.mcp.server_context import ServerContext

# How long a board's worker may take to find out that it cannot begin.
_BEGINNING_S = 20.0


class _BoardProcess(ChildProcess):
    """Makes one version of a board."""

    def __init__(self, arguments: Sequence[str], version: str) -> None:
        self.version = version
        super().__init__(arguments)


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
        _require_none_or_same(server_context.workers.of(_name(offer)), offer)
        if offer.due.clips:
            require_buying(context.store)
        return offer


def _name(offer: BoardOffer) -> str:
    return f"board {offer.handle}"


def _require_none_or_same(worker: ClipWorker | None, offer: BoardOffer) -> None:
    """Refuse a board while another version of it is made here: its worker would leave out what is new."""
    if not isinstance(worker, _BoardProcess) or worker.version == offer.version or worker.ended() is not None:
        return
    why = "another version of this board is being made; nothing of this one was bought"
    raise InvalidRequest(
        f"Board {offer.handle}: {why}.",
        problems=(Problem("board", offer.handle, why),),
        next_step=f"`storyboard_status` with board {offer.handle} until it is made, then the same call again",
    )


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
    options = [typed(name, value) for name, value in _caps(offer).items()]
    command = command_anywhere(ReadBoard(str(_kept(offer))), *options)
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
        InvalidRequest: Another version of the board is being made.
        RefusedByWorker: It ended with an error of the board as a whole.
    """
    flags = [f"{name}={value}" for name, value in _caps(offer).items()]
    with server_context.provider() as context:
        # From here on the board is known by its name.
        claim_folder(context.store, offer.prepared.plan.board)
        arguments = ["storyboard", str(_kept(offer)), "--json", *server_context.flags, *flags]
        begin = partial(_BoardProcess, arguments, offer.version)
        worker = server_context.workers.start(_name(offer), begin)
        # Another call may have been quicker.
        _require_none_or_same(worker, offer)
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
        price=offer.money,
        seconds=offer.due.seconds,
        to_buy=offer.due.clips,
        reason=reason,
        command=command,
    )
