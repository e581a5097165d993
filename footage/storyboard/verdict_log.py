"""Say something of a take: one exclusively created record a verdict, so that of two reviewers at once none is lost."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from footage.errors import AlreadyThere, InvalidRequest, Problem
from footage.privacy.display import shown
from footage.storyboard.review_records import Verdict, VerdictRecord
from footage.storyboard.take_list import Take, provider_sha256, read_takes, read_verdicts, shot_folder

if TYPE_CHECKING:
    from footage.storage import Store
    from footage.storyboard.review_records import Place

# Somebody else's of the same moment come first; more of them than this are no people.
_MOST_TRIES = 1_000


@dataclass(frozen=True)
class Words:
    """What a person says: the verdict, who says it, and where it is about a place in the clip, which one."""

    verdict: Verdict
    by: str
    note: str | None = None
    frame: int | None = None
    last_frame: int | None = None
    place: Place | None = None


def say(store: Store, folder: str, shot_id: str, take: str, words: Words) -> VerdictRecord:
    """Write down a verdict about a delivered take, named by its number or the beginning of its key.

    Who says the same again of the same bytes, as their last word, has said it once.

    Raises:
        InvalidRequest: There is no such take, it is not delivered, or the words are not a verdict.
        StorageProblem: The store cannot be read or written; nothing was said.
    """
    # All others are listed only for who named a shot that there is not.
    found = find_take(read_takes(store, folder, shot_id) or read_takes(store, folder), shot_id, take)
    if found.result is None:
        raise refusal(
            "take", take, f"take {found.number} of shot {shot_id} is not delivered", "a delivered take"
        )
    said = list(read_verdicts(store, folder, shot_id))
    record = _record(found, words, provider_sha256(found.result))
    own = [verdict for verdict in said if (verdict.key, verdict.sha256) == (record.key, record.sha256)]
    if own and own[-1].says_the_same_as(record) and words.verdict in ("note", found.state):
        return own[-1]
    last = max((verdict.number for verdict in said), default=0)
    for number in range(last + 1, last + _MOST_TRIES):
        record = record.model_copy(update={"number": number})
        try:
            store.create(f"{folder}/verdicts/{shot_folder(shot_id)}/{number}.json", record.to_bytes())
        except AlreadyThere:
            continue
        return record
    raise refusal(
        "shot",
        shot_id,
        f"its verdicts {last + 1} and the next were all taken meanwhile",
        "try again",
    )


def find_take(takes: Mapping[str, Sequence[Take]], shot_id: str, take: str) -> Take:
    """The take of that number, or whose key begins so.

    Raises:
        InvalidRequest: There is none, or there is more than one.
    """
    of_shot = takes.get(shot_id, ())
    if not of_shot:
        allowed = (
            ", ".join(list(takes)[:20]) or "none yet: run the board again, which buys nothing that is there"
        )
        raise refusal("shot", shot_id, "no take of it is known here", allowed)
    matching = [one for one in of_shot if str(one.number) == take] or [
        one for one in of_shot if len(take) >= 6 and one.key.startswith(take)
    ]
    if len(matching) == 1:
        return matching[0]
    why = (
        "is no take of this shot" if not matching else "is more than one take, of requests that were changed"
    )
    listed = ", ".join(f"{one.number} ({one.key[:12]})" for one in matching or of_shot)
    raise refusal("take", take, why, f"a number, or the beginning of a key: {listed}")


def picks_jsonl(verdicts: tuple[VerdictRecord, ...]) -> bytes:
    """All verdicts of a board, one a line, for other programs."""
    rows = (
        verdict.model_dump(mode="json", exclude={"format", "token"}, exclude_none=True)
        for verdict in verdicts
    )
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()


def _record(take: Take, words: Words, sha256: str) -> VerdictRecord:
    try:
        return VerdictRecord(
            shot=take.record.shot, number=1, take=take.number, key=take.key, sha256=sha256,
            verdict=words.verdict, note=words.note or None, frame=words.frame, last_frame=words.last_frame,
            place=words.place, by=words.by, at=datetime.now(UTC), token=secrets.token_hex(8),
        )  # fmt: skip
    except ValidationError as error:
        problems = tuple(problem_of(dict(found)) for found in error.errors(include_url=False))
        raise InvalidRequest(problems=problems) from None


def problem_of(found: dict[str, Any]) -> Problem:
    """One thing that pydantic finds wrong with what a person said."""
    # What is wrong with the whole is the note that is missing, or the range of frames.
    field, value = (str(found["loc"][0]), shown(found["input"])) if found["loc"] else ("verdict", "as given")
    return Problem(field, value, found["msg"].removeprefix("Value error, "))


def refusal(field: str, value: str, why: str, allowed: str) -> InvalidRequest:
    """The refusal of one value."""
    return InvalidRequest(problems=(Problem(field, shown(value), why, allowed),))
