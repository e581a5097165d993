"""The tool that finishes what was bought and left."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from flows.mcp.clip_report import first_of, short
from flows.mcp.tool import Answer, Call
from flows.mcp.tool_inputs import HarvestInput
from flows.mcp.tool_outputs import HarvestOutput, Next

if TYPE_CHECKING:
    from footage.steps.harvest import Harvest

# How long one harvest waits for clips that are still made.
_HARVEST_WAIT_S = 20.0


async def harvest(call: Call, given: HarvestInput) -> Answer:
    """Finish what was bought and left; buys nothing."""

    def finish() -> Answer:
        from footage.steps.open_clips import look
        from footage.steps.plain_steps import PLAIN_STEPS

        with call.server_context.provider() as context:
            context.settings = context.settings.model_copy(update={"deadline_s": _HARVEST_WAIT_S})
            unfinished = sorted(
                look(context.store).unfinished,
                key=lambda clip: clip.expires_at or datetime.max.replace(tzinfo=UTC),
            )
            keys = tuple(clip.key for clip in unfinished[: given.limit])
            if not keys:
                return Answer(_harvested(None))
            from footage.steps.harvest import harvest_store

            return Answer(_harvested(asyncio.run(harvest_store(context, PLAIN_STEPS, keys=keys))))

    return await call.in_thread(finish)


def _harvested(report: Harvest | None) -> HarvestOutput:
    if report is None:
        return HarvestOutput(
            next=Next(words="nothing is left to finish"),
            state="done",
            delivered=[],
            waiting={},
            failed={},
            warnings=[],
        )
    waiting = {key: short(why) for key, why in report.waiting.items()}
    words = (
        "call `harvest` again later for what waits" if waiting else "fetch what was delivered with `result`"
    )
    return HarvestOutput(
        next=Next(words=words, tool="harvest" if waiting else "result"),
        state="waiting" if waiting else "done",
        delivered=report.delivered,
        waiting=waiting,
        failed={key: short(why) for key, why in report.failed.items()},
        warnings=first_of(report.warnings),
    )
