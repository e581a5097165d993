"""A board that was read, checked and priced, with the pictures that its shots will be bought with."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from footage.reference import ReferenceImage
from footage.steps.check import reference_fetcher
from footage.storyboard.budget import capped
from footage.storyboard.plan import BoardPlan, plan_board
from footage.storyboard.read import Reading, Settlement, read_board

if TYPE_CHECKING:
    from footage.context import Context


@dataclass(frozen=True)
class PreparedBoard:
    """What was quoted is what is bought: neither the board nor a picture of it is read again."""

    reading: Reading
    plan: BoardPlan
    # The key's, for which the plan was made.
    region: str | None
    images: dict[tuple[Any, ...], ReferenceImage | None]

    def for_key_of(self, context: Context) -> PreparedBoard:
        """The same board for the key of `context`, whose region may have other prices.

        Raises:
            InvalidRequest: A model is not offered in that region.
        """
        if context.region == self.region:
            return self
        images = dict(self.images)
        plan = plan_board(
            self.plan.board, reference_fetcher(context), default_region=context.region,
            roots=context.input_roots, images=images,
        )  # fmt: skip
        return dataclasses.replace(self, plan=plan, region=context.region, images=images)


def prepare_board(
    context: Context,
    board: str | dict[str, Any] | list[Any],
    board_format: str | None = None,
    *,
    defaults: Mapping[str, Any] | None = None,
    settled: Settlement | None = None,
    caps: Mapping[str, Any] | None = None,
) -> PreparedBoard:
    """Read a board and check and price all its shots; nothing is sent but the fetches of picture links.

    Raises:
        InvalidRequest: Names every problem of the board and of its shots.
        Unreachable: A picture's server does not answer now.
    """
    reading = read_board(board, board_format, defaults=defaults, roots=context.input_roots, settled=settled)
    budget = capped(reading.board.budget, caps or {})
    images: dict[tuple[Any, ...], ReferenceImage | None] = {}
    plan = plan_board(
        reading.board.model_copy(update={"budget": budget}), reference_fetcher(context),
        default_region=context.region, roots=context.input_roots, images=images,
    )  # fmt: skip
    return PreparedBoard(reading, plan, context.region, images)
