"""Cut a board anew from what is delivered; nothing is bought, and nobody is asked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from footage.evidence.response import response_of
from footage.marks import UNNAMED, Labelling, Signing
from footage.storyboard.budget import Ledger
from footage.storyboard.folder import folder_of
from footage.storyboard.package import Package, make_package
from footage.storyboard.take_list import read_takes

if TYPE_CHECKING:
    from footage.storage import Store
    from footage.storyboard.plan import BoardPlan


def recut(
    store: Store, plan: BoardPlan, labelling: Labelling = UNNAMED, signing: Signing | None = None
) -> Package:
    """Film, timeline, edit list and dailies of the takes that are picked now, else of the newest ones.

    Raises:
        StorageProblem: The store cannot be read or written.
    """
    ledger = Ledger(plan.board.budget)
    takes = read_takes(store, folder_of(store, plan.board))
    for take in {one.key: one for of_shot in takes.values() for one in of_shot}.values():
        if (
            take.result is not None
            and (cost := response_of(store, take.result, cached=True).cost) is not None
        ):
            ledger.settle(take.key, cost)
    return make_package(store, plan, {}, ledger.statement(), labelling=labelling, signing=signing)
