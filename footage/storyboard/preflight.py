"""What a board leaves behind, made once with the planned lengths before anything is bought.

A text or a number that a timeline cannot hold would otherwise stop the cut when every shot is paid for, at each
run again.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from footage.errors import InvalidRequest, Problem
from footage.request import VideoResponse
from footage.storyboard.budget import Ledger
from footage.storyboard.cut import ShotOutcome
from footage.storyboard.dailies import render_dailies
from footage.storyboard.edl import edl
from footage.storyboard.folder import board_json, claim_folder
from footage.storyboard.kept_music import keep_music
from footage.storyboard.timeline import timeline_otio

if TYPE_CHECKING:
    from footage.storage import Store
    from footage.storyboard.plan import BoardPlan, ShotPlan


def preflight(plan: BoardPlan) -> None:
    """Make board.json, timeline, edit list and dailies as if every shot had come as planned, and drop them.

    Raises:
        InvalidRequest: One of them cannot be made of this board; it names the file and, if it is one, the shot.
    """
    for name, make in _DOCUMENTS.items():
        if (error := _failure(make, plan)) is None:
            continue
        reason = f"{name} cannot be made of this ({type(error).__name__}); nothing was bought"
        found = [shot for shot in plan.shots if _failure(make, _alone(plan, shot)) is not None]
        # Where no shot fails by itself it is the board's own title or metadata.
        culprits = found if len(found) < len(plan.shots) or len(found) == 1 else []
        places = [f"shots[{shot.id}]" for shot in culprits] or ["storyboard"]
        raise InvalidRequest(
            problems=tuple(Problem(place, "its texts and metadata", reason) for place in places),
            next_step="take the fields out that this program does not know, or write them as text",
        ) from error


def prove_store(store: Store, plan: BoardPlan) -> str:
    """Write board and music where the cut will be, so that a store that takes none is known now; the folder.

    Raises:
        InvalidRequest: The music is not the one that was checked; nothing was bought.
        StorageProblem: The store cannot be read or written; nothing was bought.
    """
    folder = claim_folder(store, plan.board)
    keep_music(store, folder, plan.music)
    return folder


def _failure(
    make: Callable[[BoardPlan, Mapping[str, ShotOutcome]], object], plan: BoardPlan
) -> Exception | None:
    try:
        make(plan, {shot.id: _as_planned(shot) for shot in plan.shots})
    except Exception as error:  # noqa: BLE001 - OpenTimelineIO's errors share no base class
        return error
    return None


def _alone(plan: BoardPlan, shot: ShotPlan) -> BoardPlan:
    board = plan.board.model_copy(update={"shots": (shot.shot,), "metadata": {}, "title": "one shot"})
    return replace(plan, board=board, shots=(replace(shot, starts_from=None),))


def _as_planned(shot: ShotPlan) -> ShotOutcome:
    asked = shot.expected
    clip = VideoResponse(
        video_url="", duration=float(asked.duration_s), fps=float(asked.fps), seed=shot.request.seed or 0,
        key="", model=shot.request.model, region=shot.region, task_id="", size=f"{asked.width}*{asked.height}",
        size_bytes=0, sha256="", cost=None, cached=False, evidence_url="",
    )  # fmt: skip
    return ShotOutcome(shot.id, "delivered", clip, audio=True)


def _media(plan: BoardPlan) -> dict[str, str]:
    return {shot.id: f"../../videos/{shot.number}.mp4" for shot in plan.shots}


def _dailies(plan: BoardPlan, outcomes: Mapping[str, ShotOutcome]) -> bytes:
    page = render_dailies(
        plan,
        outcomes,
        made_at=datetime.datetime.now(datetime.UTC),
        clips=_media(plan),
        posters={},
        statement=Ledger(plan.board.budget).statement(),
    )
    return page.encode()


# Not timeline.xml: it leaves out what XML has no character for, and takes a fifth of a second for 500 shots.
_DOCUMENTS: dict[str, Callable[[BoardPlan, Mapping[str, ShotOutcome]], object]] = {
    "board.json": lambda plan, _: board_json(plan.board),
    "timeline.otio": lambda plan, outcomes: timeline_otio(plan, outcomes, _media(plan)),
    "timeline.edl": lambda plan, outcomes: "".join(edl(plan, outcomes, _media(plan))).encode(),
    "dailies.html": _dailies,
}
