"""What is written down about the takes of a board, in its folder of the store; each file is created once.

    takes/<shot>/<take>-<key>.json    a take was ordered: which clip it is, and from which clip it starts; with a hash
                                      behind the key, the same clip as a take of something else that the board asked
    retakes/<shot>/<take>.json        a person asked for a further take
    verdicts/<shot>/<n>.json          what a person says of a take; the last word counts, and a note changes no other

A verdict is about a key and the provider's very bytes: where another file has come in their place it is lost, and
another rendition of the same original keeps it.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, model_validator

from footage.evidence.records import Key, Moment, Name, Number, Record, Sha256
from footage.privacy.redact import redact
from footage.storyboard.graph import MAX_ID_CHARS

MAX_NOTE_CHARS = 2_000

ShotId = Annotated[str, Field(min_length=1, max_length=MAX_ID_CHARS)]
Note = Annotated[str, Field(min_length=1, max_length=MAX_NOTE_CHARS), AfterValidator(redact)]
Frame = Annotated[int, Field(ge=0, le=1_000_000)]
# A place in the picture, as fractions of its width and height.
Place = tuple[Annotated[float, Field(ge=0, le=1)], Annotated[float, Field(ge=0, le=1)]]
Verdict = Literal["keep", "pick", "retake", "reject", "note"]


class TakeRecord(Record):
    """A take of a shot was ordered; written before it can be bought."""

    shot: ShotId
    take: Number
    key: Key
    # What the board asked of the shot then, whichever take it is.
    shot_sha256: Sha256
    # The clip whose last frame it starts from.
    starts_from: Key | None = None
    ordered_at: Moment


class RetakeRecord(Record):
    """A person asked for a further take. The same words about the same take are the same retake."""

    shot: ShotId
    # The number of the new take, and that of the one that it is to be better than.
    take: Number
    of: Number
    shot_sha256: Sha256
    # What else is asked than the board does; a note is for people and never part of a prompt.
    prompt: Annotated[str, Field(max_length=20_000)] | None = None
    seed: Annotated[int, Field(ge=0, le=2**31 - 1)] | None = None
    note: Note
    by: Name

    @property
    def changes(self) -> dict[str, Any]:
        """The fields of the request that differ from the board's."""
        return {name: value for name in ("prompt", "seed") if (value := getattr(self, name)) is not None}

    def is_of(self, shot_id: str, shot_sha256: str) -> bool:
        """Whether it was asked of the shot as the board has it now."""
        return (self.shot, self.shot_sha256) == (shot_id, shot_sha256)

    def says_the_same_as(self, other: RetakeRecord) -> bool:
        """Whether both ask for the same; the number of the new take does not matter."""
        return self.model_dump(exclude={"take"}) == other.model_dump(exclude={"take"})


class VerdictRecord(Record):
    """What a person says of one take."""

    shot: ShotId
    number: Number
    take: Number
    key: Key
    # Of the bytes that the provider delivered.
    sha256: Sha256
    verdict: Verdict
    note: Note | None = None
    # One frame or the first and the last one, from 0, in frames of the delivered clip.
    frame: Frame | None = None
    last_frame: Frame | None = None
    place: Place | None = None
    by: Name
    at: Moment
    # Random: of two people who say the same at the same moment, each has a record.
    token: Name

    @model_validator(mode="after")
    def _whole(self) -> VerdictRecord:
        if self.verdict == "retake" and self.note is None:
            raise ValueError("a retake needs a note that says what to change")
        if self.verdict == "note" and self.note is None:
            raise ValueError("a note has words")
        if self.last_frame is not None and (self.frame is None or self.last_frame < self.frame):
            raise ValueError("a range of frames has a first one, and its last one is not before that")
        return self

    def says_the_same_as(self, other: VerdictRecord) -> bool:
        """Whether the same person says the same of the same bytes."""
        own = {"number", "at", "token"}
        return self.model_dump(exclude=own) == other.model_dump(exclude=own)
