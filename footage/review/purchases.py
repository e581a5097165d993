"""Retakes that are bought from the page: quoted, bought with that quote and no other, by a command of their own.

The command goes through the caps, the ledger and the store's stop switch as if it had been typed. It outlives the app:
killed with it or started twice it buys nothing twice, because the same words of the same person are the same retake.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from footage.errors import OverBudget
from footage.errors.actions import Retake
from footage.storyboard.board_quote import approval_reason, check_budget
from footage.storyboard.plan_of_run import quote_token, require_quoted
from footage.storyboard.to_buy import still_to_buy
from footage.values.money import amount_text, money

if TYPE_CHECKING:
    from footage.context import Context
    from footage.errors.actions import Action
    from footage.review.reviewed_boards import BoardFile, ReviewedBoards
    from footage.storyboard.retake_wish import RetakeWish

logger = logging.getLogger(__name__)


class Command(Protocol):
    """A command that was started."""

    def poll(self) -> int | None:
        """Its exit code; None while it runs."""
        ...

    def error(self) -> str | None:
        """What it says went wrong, with the next step."""
        ...


@dataclass(frozen=True)
class QuotedRetake:
    """What one retake costs: `quote` stands for the request with its picture and price."""

    quote: str
    words: str
    price: str
    # In the board's currency.
    amount: str
    # What a person types, where this is not bought from the page.
    command: str | None

    def to_json(self) -> dict[str, Any]:
        return dict(vars(self))


# Starts the command that makes a retake.
Start = Callable[["BoardFile", "RetakeWish", QuotedRetake], Command]


class Purchases:
    """Quotes retakes, starts their commands, and knows what becomes of those that it started."""

    def __init__(
        self,
        context: Context,
        boards: ReviewedBoards,
        start: Start,
        write: Callable[[Action], str],
    ) -> None:
        self._context = context
        self._boards = boards
        self._start = start
        self._write = write
        self._lock = threading.Lock()
        self._started: list[tuple[str, RetakeWish, Command]] = []

    def quote(self, name: str, wish: RetakeWish) -> QuotedRetake:
        """What the retake costs now; nothing is sent or written.

        Raises:
            InvalidRequest: The wish is none.
            OverBudget: A cap is passed.
            StorageProblem: The evidence cannot be read.
        """
        return self._quoted(name, wish)[1]

    def buy(self, name: str, wish: RetakeWish, quote: str) -> None:
        """Start the command that makes the retake, if it still is what was quoted.

        Raises:
            InvalidRequest: It is another request, picture or price by now; nothing was bought.
            OverBudget: A cap is passed, or what may be bought from the page; the next step has the command then.
            StorageProblem: The evidence cannot be read.
        """
        # One at a time: a second press finds the first one's command.
        with self._lock:
            if any(one[:2] == (name, wish) and one[2].poll() is None for one in self._started):
                return
            file, quoted = self._quoted(name, wish, quote)
            if quoted.command is not None:
                raise OverBudget(quoted.words, next_step=quoted.command)
            self._started.append((name, wish, self._start(file, wish, quoted)))
        logger.info("Shot %s of %s: a retake for %s, says %s.", wish.shot, name, quoted.price, wish.by)

    def of(self, name: str) -> list[dict[str, Any]]:
        """What became of the retakes of a board that were started here."""
        with self._lock:
            return [_told(wish, command) for board, wish, command in self._started if board == name]

    def _quoted(
        self, name: str, wish: RetakeWish, quote: str | None = None
    ) -> tuple[BoardFile, QuotedRetake]:
        file, prepared = self._boards.for_retake(name, wish)
        plan = prepared.plan
        if quote is not None:
            require_quoted(plan, quote)
        budget = plan.board.budget
        due = still_to_buy(self._context, plan)
        check_budget(due, budget)
        reason = approval_reason(due, budget)
        amount = due.amount_in(budget.currency)
        take = plan.takes[0]
        words = f"Take {take.take} of shot {take.shot.id}: {due.seconds} s, {due.price_in(budget.currency)}."
        if not due.clips:
            words = f"Take {take.take} of shot {take.shot.id} is paid already; nothing more is bought."
        return file, QuotedRetake(
            quote=quote_token(plan),
            words=words if reason is None else f"{reason} Not from this page: type",
            price=money(amount, budget.currency),
            amount=amount_text(amount),
            command=None if reason is None else self._write(_action(file, wish)),
        )


def _action(file: BoardFile, wish: RetakeWish) -> Retake:
    return Retake(file.path, wish.shot, wish.take, wish.note, wish.prompt, wish.seed, wish.by)


def _told(wish: RetakeWish, command: Command) -> dict[str, Any]:
    code = command.poll()
    state = "running" if code is None else "done" if code == 0 else "failed"
    message = "A retake is being made." if code is None else None
    if code:
        message = f"The retake ended with {code}: {command.error() or 'see the terminal of wan-video review'}"
    return {"shot": wish.shot, "state": state, "message": message}
