"""Making a board's shots as the flow does, without Prefect; its takes, and what is said of them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from boards import board
from plainsteps import PLAIN_STEPS

from footage.clip import Clip, follow
from footage.concurrency.executors import in_thread
from footage.context import Context
from footage.emulator import Emulator
from footage.evidence.state import Permission
from footage.order.clip_by_key import ClipByKey
from footage.order.prepared import Prepared
from footage.request import VideoRequest, VideoResponse
from footage.steps.check import enter, prepare, reopen
from footage.storage import Store
from footage.storyboard import Budget, Ledger, ShotOutcome
from footage.storyboard.crew import BeforeBuying, Crew, MakeClip
from footage.storyboard.package import make_package
from footage.storyboard.prepared_board import prepare_board
from footage.storyboard.production import produce
from footage.storyboard.read import Settlement
from footage.storyboard.retake_wish import RetakeWish
from footage.storyboard.verdict_log import Words, say

FOLDER = "storyboards/Film"


async def follow_plainly(clip: Clip) -> VideoResponse | None:
    """Drive a clip to its response."""
    return await follow(clip, PLAIN_STEPS)


def plain_crew(context: Context, make: MakeClip = follow_plainly, *, here: bool = False) -> Crew:
    """Who makes shots without Prefect."""

    async def check_shot(
        asked: Prepared | VideoRequest | ClipByKey, name: str, before_buying: BeforeBuying
    ) -> Clip:
        if isinstance(asked, ClipByKey):
            return await in_thread(
                reopen, context, asked.key, Permission(), name=name, before_buying=before_buying
            )
        if isinstance(asked, VideoRequest):
            asked = await in_thread(prepare, context, asked)
        return await in_thread(enter, context, asked, Permission(), name=name, before_buying=before_buying)

    return Crew(check_shot, make, here)


def film(*shots: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """A board called Film, as a file has it."""
    return board(*shots, title="Film", **fields).model_dump(mode="json", by_alias=True)


async def make_film(
    context: Context,
    document: dict[str, Any] | str,
    *,
    settled: Settlement | None = None,
    wishes: Sequence[RetakeWish] = (),
    budget: Budget | None = None,
    approve_shots: bool = False,
) -> dict[str, ShotOutcome]:
    """Make a board, and cut it."""
    prepared = await in_thread(prepare_board, context, document, settled=settled, wishes=wishes)
    ledger = Ledger(budget or Budget(currency="CNY"))
    crew = plain_crew(context)
    outcomes = await produce(context, prepared.plan, ledger, crew, approve_shots=approve_shots)
    marks = {"labelling": context.settings.labelling, "signing": context.settings.signing}
    await in_thread(make_package, context.store, prepared.plan, outcomes, ledger.statement(), **marks)
    return outcomes


def report_of(context: Context) -> dict[str, Any]:
    """What the last cut says."""
    return json.loads(context.store.read(f"{FOLDER}/report.json"))


def in_cut(context: Context) -> dict[str, int | None]:
    """Which take of each shot is in it."""
    return {shot: facts["take"] for shot, facts in report_of(context)["shots"].items()}


def accepted(emulator: Emulator) -> int:
    """How many tasks the provider took."""
    return int(emulator.ledger()["accepted"])


def pick(store: Store, shot: str, take: int | str, by: str = "ana") -> None:
    """Say that this take is the one."""
    say(store, FOLDER, shot, str(take), Words("pick", by))
