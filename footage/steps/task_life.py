"""How long the provider keeps a task: what is over is over for every key, and whoever has none for it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from footage.steps.booking import TASK_LIFE

if TYPE_CHECKING:
    from footage.context import Context
    from footage.evidence.records import Receipt

# Our own clock is not believed to be more wrong than this.
_CLOCK_MARGIN = timedelta(days=1)


def forgotten_at(receipt: Receipt) -> datetime:
    """From when on, by its clock, the provider knows nothing of a task."""
    return max(receipt.submitted_at + TASK_LIFE, receipt.expires_at)


def surely_forgotten(context: Context, receipt: Receipt) -> bool:
    """Whether that time has come, also where ours is the only clock and wrong."""
    margin = _CLOCK_MARGIN if context.clock_offset_s is None else timedelta(0)
    return context.provider_now() >= forgotten_at(receipt) + margin
