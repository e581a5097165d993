"""Boards, and what became of their shots, without buying anything."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from footage.request import Cost, VideoResponse
from footage.storyboard.board import Board
from footage.storyboard.cut import ShotOutcome
from footage.storyboard.plan import BoardPlan, ShotPlan, plan_board
from footage.storyboard.read import read_board

# Model and region of this base: text to video, 5 s, 480P and 720P.
BASE = {"model": "wanx2.1-t2v-turbo", "region": "cn-beijing", "prompt": "A quiet harbour"}
IMAGE_MODEL = "wan2.6-i2v-flash"


def board(*shots: Mapping[str, Any], **fields: Any) -> Board:
    """A board of our own schema; every shot has what BASE says unless it says otherwise."""
    defaults = BASE | fields.pop("defaults", {})
    return read_board(
        {"schema": "wan-video/storyboard/1", "defaults": defaults, "shots": list(shots), **fields}
    ).board


def planned(*shots: Mapping[str, Any], **fields: Any) -> BoardPlan:
    """The plan of such a board."""
    return plan_board(board(*shots, **fields), no_links)


def chained(shot_id: str, start_from: str, **fields: Any) -> dict[str, Any]:
    """A shot that starts from another's last frame."""
    return {
        "id": shot_id,
        "start_from": start_from,
        "model": IMAGE_MODEL,
        "prompt": f"{shot_id} goes on",
    } | fields


def no_links(url: str) -> bytes:
    raise AssertionError(f"nothing here should fetch {url}")


def response(shot: ShotPlan, **measured: Any) -> VideoResponse:
    """A clip exactly as asked, except for what `measured` says."""
    key = hashlib.sha256(f"{shot.id} {shot.request}".encode()).hexdigest()
    cost = Cost(
        amount=shot.quote.amount,
        currency=shot.quote.currency,
        billed_seconds=Decimal(shot.quote.seconds),
        source=shot.quote.source,
        read_on=shot.quote.read_on,
    )
    said = {
        "video_url": f"videos/{key}.mp4",
        "duration": float(shot.expected.duration_s),
        "fps": float(shot.expected.fps),
        "seed": 7,
        "key": key,
        "model": shot.request.model,
        "region": shot.region,
        "task_id": f"task-{shot.id}",
        "size": f"{shot.expected.width}*{shot.expected.height}",
        "size_bytes": 123_456,
        "sha256": key,
        "cost": cost,
        "cached": False,
        "evidence_url": f"evidence/{key}",
    }
    return VideoResponse.model_validate(said | measured)


def delivered(shot: ShotPlan, *, audio: bool = False, **measured: Any) -> ShotOutcome:
    return ShotOutcome(shot.id, "delivered", response(shot, **measured), audio=audio)


def all_delivered(plan: BoardPlan) -> dict[str, ShotOutcome]:
    return {shot.id: delivered(shot) for shot in plan.shots}
