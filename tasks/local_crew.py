"""The crew of a run that makes many clips in its own process, through the same tasks as a run of one clip."""

from __future__ import annotations

from typing import TYPE_CHECKING

from footage.clip import Clip, follow
from footage.concurrency.priority_semaphore import PrioritySemaphore
from footage.steps.harvest import DELIVERIES_AT_ONCE
from footage.storyboard.crew import BeforeBuying, Crew
from tasks.check import check
from tasks.steps import STEPS

if TYPE_CHECKING:
    from footage.context import Context
    from footage.evidence.state import Permission
    from footage.order.clip_by_key import ClipByKey
    from footage.order.prepared import Prepared
    from footage.request import VideoRequest, VideoResponse


def crew_here(context: Context, permission: Permission, board: str | None, wait_s: float) -> Crew:
    """Makes each clip here; each is waited for `wait_s` seconds at the least, and a few are delivered at once."""
    gate = PrioritySemaphore(DELIVERIES_AT_ONCE)

    async def check_clip(
        asked: Prepared | VideoRequest | ClipByKey, name: str, before_buying: BeforeBuying
    ) -> Clip:
        return await check(
            context,
            asked,
            permission,
            name,
            before_buying=before_buying,
            board=board,
            wait_s=wait_s,
            delivery_gate=lambda: gate.opened(0.0),
        )

    return Crew(check_clip, make_here, here=True)


async def make_here(clip: Clip) -> VideoResponse | None:
    """Drive a clip to its end by the tasks."""
    return await follow(clip, STEPS)
