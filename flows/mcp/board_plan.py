"""The tool that plans a storyboard: each shot as it would be bought, and the price."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flows.mcp.board_offer import MOST_SHOTS, board_offer
from flows.mcp.clip_report import first_of, plain_price, short
from flows.mcp.tool import Answer, Call
from flows.mcp.tool_inputs import BoardPlanInput
from flows.mcp.tool_outputs import BoardPlanOutput, Money, Next, ShotRow
from footage.storyboard import grouped
from footage.values.money import amount_text

if TYPE_CHECKING:
    from footage.storyboard import ShotPlan


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
                price=offer.money,
                whole_price=plain_price(plan.quote.amount_in(currency), currency),
                shots=[_shot_row(shot) for shot in shots],
                more_shots=more,
                guesses=first_of(map(str, grouped(offer.prepared.reading.guesses))),
                warnings=first_of(plan.warnings),
            )
        )

    return await call.in_thread(look)


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
