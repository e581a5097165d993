"""Clips that are bought and left, and creates that workers are about to send (for tests of the ledger)."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from footage.clip import Clip
from footage.context import Context
from footage.evidence.records import Receipt
from footage.evidence.state import Permission, Step
from footage.spending.ledger_lines import Purchase
from footage.steps.check import enter, prepare
from footage.steps.submit import submit_clip

MODEL = "wan2.2-t2v-plus"


def purchase(
    number: int = 0, model: str = MODEL, price: str = "0.14", seconds: int = 5, **more: str
) -> Purchase:
    per_second = Decimal(price)
    fields = {"currency": "CNY", "account": "abc123", "board": "Lighthouse", **more}
    return Purchase(
        key=f"{number:064x}",
        attempt=1,
        owner="worker",
        model=model,
        region="cn-beijing",
        workspace=None,
        seconds=seconds,
        price_per_second=per_second,
        amount=per_second * seconds,
        **fields,
    )


async def buy_and_leave(context: Context, request: dict[str, Any]) -> Clip:
    """What is left of a run that was killed once it had bought: a clip that nobody works on."""
    clip = enter(context, prepare(context, request), Permission())
    await submit_and_leave(clip)
    return clip


async def submit_and_leave(clip: Clip) -> Receipt | None:
    """Drive a clip as far as a purchase, if it comes to one, and no further."""
    async with clip.held():
        while await clip.next_step() is Step.SUBMIT:
            await submit_clip(clip)
        last = (await clip.state()).last
        return last.receipt if last else None
