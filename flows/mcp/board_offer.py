"""A storyboard as an agent gives it: read, checked, priced, and what of it is still to be bought."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from flows.mcp.clip_report import short
from flows.mcp.tool_inputs import BoardInput
from flows.mcp.tool_outputs import Money
from footage.errors import InvalidRequest, Problem
from footage.storyboard.folder import ROOT, folder_of
from footage.storyboard.plan_of_run import fingerprints
from footage.storyboard.prepared_board import PreparedBoard, prepare_board
from footage.storyboard.read.settlement import from_plain
from footage.storyboard.to_buy import still_to_buy
from footage.values.counted import counted
from footage.values.money import Amount, amount_text

if TYPE_CHECKING:
    from footage.context import Context
    from footage.storyboard import BoardQuote

# An answer has room for so many; the rest is asked for with an offset.
MOST_SHOTS = 40


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
    def money(self) -> Money:
        """The same for an answer, with where the prices were read."""
        return Money(
            amount=amount_text(self.price.amount),
            currency=self.price.currency,
            source=", ".join(self.due.sources)[:500],
            read_on=str(self.due.read_on),
        )

    @property
    def bound(self) -> str:
        """What a person's answer is about: these shots with these pictures at these prices."""
        shots = json.dumps(fingerprints(self.prepared.plan), sort_keys=True)
        digest = hashlib.sha256(shots.encode()).hexdigest()
        return f"board {digest} {amount_text(self.price.amount)} {self.price.currency}"

    @property
    def version(self) -> str:
        """What tells the board as it was priced, with its pictures, from a changed one of the same folder."""
        plan = self.prepared.plan
        shots = json.dumps(fingerprints(plan), sort_keys=True)
        return hashlib.sha256(f"{plan.board.model_dump_json(by_alias=True)} {shots}".encode()).hexdigest()

    def question(self) -> str:
        """What a person is asked before it is bought."""
        board = self.prepared.plan.board
        clips = counted(self.due.clips, "clip")
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
