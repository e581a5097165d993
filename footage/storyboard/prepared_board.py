"""A board that was read, checked and priced, with the pictures that its shots will be bought with."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from footage.reference import ReferenceImage
from footage.steps.check import reference_fetcher
from footage.storyboard.board import Board
from footage.storyboard.budget import capped
from footage.storyboard.folder import folder_of, kept_film
from footage.storyboard.kept_music import kept_music
from footage.storyboard.plan import BoardPlan, plan_board
from footage.storyboard.read import Reading, Settlement, read_board
from footage.storyboard.read.own import FORMAT as OUR_FORMAT
from footage.storyboard.retake_wish import RetakeWish, retake_records
from footage.storyboard.review_records import RetakeRecord
from footage.storyboard.take_list import read_retakes, read_takes

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
    # Further takes that people asked for, and whether nothing else is made.
    retakes: tuple[RetakeRecord, ...] = ()
    only: frozenset[tuple[str, int]] | None = None

    def for_key_of(self, context: Context) -> PreparedBoard:
        """The same board for the key of `context`, whose region may have other prices.

        Raises:
            InvalidRequest: A model is not offered in that region.
        """
        if context.region == self.region:
            return self
        images = dict(self.images)
        plan = _planned(context, self.plan.board, images, self.retakes, only=self.only)
        return dataclasses.replace(self, plan=plan, region=context.region, images=images)


def prepare_board(
    context: Context,
    board: str | bytes | dict[str, Any] | list[Any],
    board_format: str | None = None,
    *,
    defaults: Mapping[str, Any] | None = None,
    settled: Settlement | None = None,
    caps: Mapping[str, Any] | None = None,
    wishes: Sequence[RetakeWish] = (),
    film_as_kept: bool = False,
) -> PreparedBoard:
    """Read a board and check and price all its takes; nothing is sent but the fetches of picture links.

    Where there are `wishes`, the plan has these takes and no others. With them, or `film_as_kept`, a board that cannot
    say anything of its film, such as a table, has the film that was said when it was made.

    Raises:
        InvalidRequest: Names every problem of the board, its shots and the wishes.
        Unreachable: A picture's server does not answer now.
        StorageProblem: The store cannot say which further takes people asked for.
    """
    reading = read_board(board, board_format, defaults=defaults, roots=context.input_roots, settled=settled)
    budget = capped(reading.board.budget, caps or {})
    images: dict[tuple[Any, ...], ReferenceImage | None] = {}
    folder = folder_of(context.store, reading.board)
    film = reading.board.film
    if (wishes or film_as_kept) and reading.format != OUR_FORMAT and not reading.settlement.film:
        film = kept_film(context.store, folder) or film
    board_in_budget = reading.board.model_copy(update={"budget": budget, "film": film})
    stored = read_retakes(context.store, folder)
    plan = _planned(context, board_in_budget, images, stored)
    if not wishes:
        return PreparedBoard(reading, plan, context.region, images, stored)
    asked = retake_records(plan, read_takes(context.store, folder), stored, wishes)
    only = frozenset((record.shot, record.take) for record in asked)
    plan = _planned(context, board_in_budget, images, asked, only=only)
    return PreparedBoard(reading, plan, context.region, images, asked, only)


def _planned(
    context: Context,
    board: Board,
    images: dict[tuple[Any, ...], ReferenceImage | None],
    retakes: Sequence[RetakeRecord],
    *,
    only: frozenset[tuple[str, int]] | None = None,
) -> BoardPlan:
    plan = plan_board(
        board, reference_fetcher(context), default_region=context.region,
        roots=context.input_roots, images=images, retakes=retakes,
        kept_music=lambda: kept_music(context.store, folder_of(context.store, board)),
    )  # fmt: skip
    return plan if only is None else plan.of(take for take in plan.takes if (take.shot.id, take.take) in only)
