"""Ask for a further take of a shot: its number follows from those that there are, its request from the board's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pydantic import ValidationError

from footage.errors import InvalidRequest
from footage.storyboard.review_records import RetakeRecord
from footage.storyboard.take_list import Take
from footage.storyboard.verdict_log import find_take, problem_of, refusal

if TYPE_CHECKING:
    from footage.storyboard.plan import BoardPlan


@dataclass(frozen=True)
class RetakeWish:
    """What a person asks for: of which take another one is wanted, why, and what is to be asked instead."""

    shot: str
    # A number, or the beginning of a key.
    take: str
    note: str
    by: str
    prompt: str | None = None
    seed: int | None = None


def retake_records(
    plan: BoardPlan,
    takes: Mapping[str, Sequence[Take]],
    stored: Sequence[RetakeRecord],
    wishes: Sequence[RetakeWish],
) -> tuple[RetakeRecord, ...]:
    """The wishes with the numbers of their takes; one that was asked for before keeps its number.

    Raises:
        InvalidRequest: A shot or take is not there, a note is missing, or a shot is named twice.
    """
    records: list[RetakeRecord] = []
    for wish in wishes:
        if any(record.shot == wish.shot for record in records):
            raise refusal("retakes", wish.shot, "a run makes one retake of a shot", "each shot once")
        records.append(_record(plan, takes, stored, wish))
    return tuple(records)


def _record(
    plan: BoardPlan,
    takes: Mapping[str, Sequence[Take]],
    stored: Sequence[RetakeRecord],
    wish: RetakeWish,
) -> RetakeRecord:
    shots = {shot.id: shot for shot in plan.shots}
    if wish.shot not in shots:
        raise refusal("shot", wish.shot, "the board has no such shot", ", ".join(list(shots)[:20]))
    shot = shots[wish.shot]
    of = find_take(takes, wish.shot, wish.take)
    own = [record for record in stored if record.shot == wish.shot]
    known = [take.number for take in takes.get(wish.shot, ())] + [record.take for record in own]
    last = max([*known, shot.take + shot.shot.takes - 1])
    try:
        record = RetakeRecord(
            shot=wish.shot, take=last + 1, of=of.number, shot_sha256=shot.shot_sha256,
            prompt=wish.prompt, seed=wish.seed, note=wish.note, by=wish.by,
        )  # fmt: skip
    except ValidationError as error:
        problems = tuple(problem_of(dict(found)) for found in error.errors(include_url=False))
        raise InvalidRequest(problems=problems) from None
    return next((one for one in own if one.says_the_same_as(record)), record)
