"""Everything that the page shows of a board, as one JSON document."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from footage.errors import FootageError
from footage.errors.actions import BOARD_FILE, Keep, Pick, Reject, Retake, command
from footage.evidence.clip_evidence import ClipEvidence
from footage.evidence.stored_order import stored_order
from footage.privacy.redact import redact
from footage.storyboard.take_list import chosen, state_of_shot
from footage.storyboard.take_rows import take_rows
from footage.values.frame_rate import exact_rate
from footage.values.money import exact_money, money

if TYPE_CHECKING:
    from footage.errors.actions import Action
    from footage.storage import Store
    from footage.storyboard.cut import ShotOutcome
    from footage.storyboard.plan import BoardPlan, ShotPlan
    from footage.storyboard.review_records import VerdictRecord
    from footage.storyboard.take_list import Take
    from footage.storyboard.take_rows import TakeRow

logger = logging.getLogger(__name__)


class Links(Protocol):
    """Where the page finds files."""

    def video(self, key: str) -> str: ...
    def poster(self, key: str) -> str: ...
    def film(self) -> str: ...


class FileLinks:
    """Beside the page, which lies in the board's folder, two levels below the clips' own."""

    def video(self, key: str) -> str:
        return f"../../videos/{key}.mp4"

    def poster(self, key: str) -> str:
        return f"../../videos/{key}.jpg"

    def film(self) -> str:
        return "film.mp4"


def review_document(
    store: Store,
    plan: BoardPlan,
    folder: str,
    takes: Mapping[str, Sequence[Take]],
    outcomes: Mapping[str, ShotOutcome],
    links: Links,
    write: Callable[[Action], str] = command,
    board: str | None = None,
) -> dict[str, Any]:
    """The document of a board.

    Args:
        store: Where the clips are.
        plan: The board.
        folder: Its folder in the store.
        takes: All takes that there are, by shot id.
        outcomes: What the cut has of each shot, by its id.
        links: Where the page finds clips, posters and the film.
        write: How a command is written for a person.
        board: The board's file, where it is known; else commands call it by its folder where they can.

    Raises:
        StorageProblem: A request cannot be read.
    """
    name = folder.rpartition("/")[2]
    budget = plan.board.budget
    after: dict[str, list[str]] = {}
    for shot in plan.shots:
        if shot.starts_from is not None:
            after.setdefault(shot.starts_from, []).append(shot.shot.id)
    above = budget.approve_above
    return {
        "title": plan.board.title,
        "folder": name,
        "approve_above": None if above is None else exact_money(above, budget.currency),
        "film": links.film(),
        "shots": [
            _shot(shot, takes.get(shot.id, ()), outcomes.get(shot.id), after.get(shot.id, []))
            | {"takes": _takes(store, shot, takes.get(shot.id, ()), links, write, name, board)}
            for shot in plan.shots
        ],
    }


def _shot(
    shot: ShotPlan,
    takes: Sequence[Take],
    outcome: ShotOutcome | None,
    goes_on_in: Sequence[str],
) -> dict[str, Any]:
    used = chosen(takes, shot.shot_sha256)
    return {
        "id": shot.id,
        "title": shot.shot.title or "",
        "prompt": redact(shot.request.prompt),
        "scene": shot.shot.scene or "",
        "dialogue": shot.shot.dialogue or "",
        "state": state_of_shot(takes, shot.shot_sha256),
        "reason": None if outcome is None else outcome.reason,
        "stale": None if outcome is None else outcome.stale,
        "used": None if used is None else used.key,
        "starts_from": shot.starts_from,
        "goes_on_in": list(goes_on_in),
        "price": money(shot.quote.amount, shot.quote.currency),
    }


def _takes(
    store: Store,
    shot: ShotPlan,
    takes: Sequence[Take],
    links: Links,
    write: Callable[[Action], str],
    folder: str,
    board: str | None,
) -> list[dict[str, Any]]:
    rows = take_rows(store, takes, shot.shot_sha256)
    return [
        _take(store, shot, take, row, links, write, folder, board)
        for take, row in zip(takes, rows, strict=True)
    ]


def _take(
    store: Store,
    shot: ShotPlan,
    take: Take,
    row: TakeRow,
    links: Links,
    write: Callable[[Action], str],
    folder: str,
    board: str | None,
) -> dict[str, Any]:
    clip = take.result.clip if take.result is not None else None
    fps = None if clip is None else float(exact_rate(clip.fps))
    there = take.result is not None
    named = (board or folder, shot.id, str(take.number))
    return {
        **row.to_json(),
        "prompt": _prompt(store, take, shot),
        "starts_from": take.record.starts_from,
        "video": links.video(take.key) if there else None,
        "poster": links.poster(take.key) if take.result is not None and take.result.files.poster else None,
        "fps": fps,
        "frames": None if clip is None or fps is None else max(1, round(clip.duration * fps)),
        "duration_s": None if clip is None else clip.duration,
        "size": None if clip is None else clip.size,
        "model": shot.request.model if clip is None else clip.model,
        "words": [_words(one) for one in take.words],
        "commands": {
            "pick": write(Pick(*named)),
            "keep": write(Keep(*named)),
            "reject": write(Reject(*named)),
            "retake": write(Retake(board or BOARD_FILE, *named[1:])),
        },
    }


def _prompt(store: Store, take: Take, shot: ShotPlan) -> str:
    own = range(shot.take, shot.take + shot.shot.takes)
    if take.is_of(shot.shot_sha256) and take.number in own:
        # The board's own; on a store over the network each look at a request takes its time.
        return redact(shot.request.prompt)
    try:
        return redact(stored_order(ClipEvidence(store, take.key)).request.prompt)
    except FootageError as error:
        logger.info("The request of clip %s is not known: %s", take.key[:12], error.message)
        return redact(shot.request.prompt)


def _words(said: VerdictRecord) -> dict[str, Any]:
    fields = ("verdict", "note", "frame", "last_frame", "place", "by")
    return {name: getattr(said, name) for name in fields} | {"at": f"{said.at:%Y-%m-%d %H:%M} UTC"}
