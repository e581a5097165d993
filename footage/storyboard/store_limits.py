"""What the store's own limits say to a board before its first shot is bought: the switch, the caps of day and month."""

from __future__ import annotations

from typing import TYPE_CHECKING

from footage.spending.stop_switch import require_buying
from footage.values.money import each_money, total

if TYPE_CHECKING:
    from footage.context import Context
    from footage.storyboard.board_quote import BoardQuote


def limits_in_words(context: Context, due: BoardQuote) -> list[str]:
    """Which caps are too low for all that is due: shots beyond them are held, and bought by a later run.

    Raises:
        BuyingStopped: Somebody stopped all buying, and something is to be bought.
        BadRecord, StorageProblem: The ledger cannot be read.
    """
    if not due.clips:
        return []
    require_buying(context.store)
    if not context.caps:
        return []
    spent = context.spending.spent(context.provider_now())
    return [
        f"{each_money(due.amounts)} are due, and {cap.left_in_words(spent)} ({cap.variable}): shots beyond that are "
        "held, and bought by a run after it"
        for cap in context.caps
        if cap.model is None and total(due.amounts, cap.most.currency) > cap.left(spent)
    ]
