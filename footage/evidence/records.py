"""What is written down about one clip; every record is a file that is created once.

Whoever can write the store can write these files, so every field has a type and bounds here; that a record fits
its path, its clip and the other records is checked where it is read (footage/evidence/reader.py).
"""

from __future__ import annotations

import json
from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field

# Raised when an older release would misread what this one writes.
FORMAT = 1

# A year that can be added to and subtracted from.
_FIRST_YEAR, _LAST_YEAR = 2000, 2999


def _sensible(moment: datetime) -> datetime:
    if not _FIRST_YEAR <= moment.year <= _LAST_YEAR:
        raise ValueError("not a time of this project")
    return moment


Key = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
TaskId = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
Name = Annotated[str, Field(max_length=256)]
Address = Annotated[str, Field(max_length=2_000)]
Number = Annotated[int, Field(ge=1, le=100_000)]
Count = Annotated[int, Field(ge=0, le=100_000)]
Bytes = Annotated[int, Field(ge=0, le=1 << 50)]
Moment = Annotated[AwareDatetime, AfterValidator(_sensible)]
# Larger than any clock is wrong, small enough to be added to a time.
Offset = Annotated[float, Field(ge=-1e9, le=1e9, allow_inf_nan=False)]
Measure = Annotated[float, Field(ge=0, le=1e9, allow_inf_nan=False)]
Money = Annotated[Decimal, Field(ge=0, le=1_000_000, allow_inf_nan=False)]


class Record(BaseModel):
    """A JSON document in the evidence; unknown fields of later versions are kept, not refused."""

    model_config = ConfigDict(frozen=True, extra="allow")

    # Evidence of 0.1.0 has none.
    format: int = FORMAT

    def to_bytes(self) -> bytes:
        """The record as indented JSON, UTF-8."""
        return (self.model_dump_json(indent=2) + "\n").encode()


class SpendingLine(BaseModel):
    """Where the ledger of the store has the price of a create (footage/spending/ledger.py)."""

    model_config = ConfigDict(frozen=True, extra="allow")

    month: Annotated[str, Field(pattern=r"^\d{4}-\d{2}$")]
    number: Annotated[int, Field(ge=1, le=999_999_999)]
    # Those that its price was reserved for.
    seconds: Annotated[Decimal, Field(ge=0, le=100_000, allow_inf_nan=False)]


class QuotedPrice(BaseModel):
    """The price of a create by the price list of its time; `known` is False where the highest one stood in."""

    model_config = ConfigDict(frozen=True, extra="allow")

    per_second: Money
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")]
    known: bool
    source: Annotated[str, Field(max_length=2_000)]
    read_on: date


class Intent(Record):
    """Written before the create is sent: from here on the clip may have been bought."""

    key: Key
    attempt: Number
    owner: Name
    lease: Annotated[int, Field(ge=0, le=999_999_999)]
    model: Name
    region: Name
    endpoint: Address
    workspace: Name | None = None
    key_fingerprint: Name
    # The operator's name for the main account of that key; None: the default one, or older evidence.
    account: Name | None = None
    written_at: Moment
    # Whether the endpoint said that it is the emulator; None in records that were written before it was asked.
    emulated: bool | None = None
    # Provider's clock minus ours as last seen; None when it never answered with a date.
    clock_offset_s: Offset | None = None
    # None in evidence that is older than the ledger.
    spending: SpendingLine | None = None
    # None in older evidence, of which the order alone tells it.
    price: QuotedPrice | None = None


class Receipt(Record):
    """Written after a create answered with a task id: everything that resuming needs, on any machine."""

    key: Key
    attempt: Number
    task_id: TaskId
    request_id: str | None
    model: Name
    region: Name
    endpoint: Address
    workspace: Name | None = None
    key_fingerprint: Name
    # As in the intent.
    account: Name | None = None
    submitted_at: Moment
    # Task record and result URL live 24 h (Model Studio: manage asynchronous tasks, read 2026-11).
    expires_at: Moment
    # True when the task was found in the provider's list instead of in the answer to our create.
    adopted: bool = False


class Claim(Record):
    """Says which attempt a task belongs to, so that no other attempt can adopt it."""

    task_id: TaskId
    key: Key
    attempt: Number


class ClaimIndexNote(Record):
    """`claimed/since.json`: since when each claim of this store is found by its clip, too; None: since ever."""

    complete_since: Moment | None


class CancelWish(Record):
    """Somebody asked to cancel; written before the provider is asked."""

    key: Key
    asked_at: Moment
    by: str


class Joined(Record):
    """A run began to work on a clip; a run that is started over finds its first one."""

    key: Key
    joined_at: Moment
    # Attempts there were: a person's word to buy again is about those and not about this run's own.
    attempts: Count


class Promise(BaseModel):
    """The line of the ledger that a worker is about to write for an attempt that it is about to open.

    It is there only if the line at this place has this token: two workers may have wanted the same number.
    """

    model_config = ConfigDict(frozen=True, extra="allow")

    attempt: Number
    line: SpendingLine
    token: Name


class OpenMarker(Record):
    """Something of this clip was bought, or is about to be, and is not finished."""

    key: Key
    opened_at: Moment
    # None in markers that are older than the ledger, or that no purchase was begun with.
    promise: Promise | None = None


class StoreNote(Record):
    """`store.json`: every open clip of this store has had its marker since then."""

    marked_since: Moment


class LeaseRecord(Record):
    """Which worker took a clip, and as its how manyeth holder."""

    owner: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,150}$")]
    number: Annotated[int, Field(ge=1)]
    # Random, so that a lease is told from one of the same number that was made after it was deleted.
    taken: Annotated[str, Field(max_length=64)] | None = None


class WorkerRecord(Record):
    """What a living worker rewrites again and again."""

    id: Name
    beat: Annotated[int, Field(ge=0)]
    # Longer than this no worker's word is waited for.
    lease_s: Annotated[float, Field(ge=0, le=3600, allow_inf_nan=False)] = 0.0


class PollLine(BaseModel):
    """One line of `polls.jsonl`: what one question about a task gave, or how often the line before came again."""

    model_config = ConfigDict(frozen=True, populate_by_name=True)

    at: str | None = None
    # What the question was for, where it was not the wait.
    purpose: Annotated[str | None, Field(alias="for")] = None
    # The whole answer, redacted; or the status that the provider's list has; or why there was none.
    answer: Any = None
    listed: str | None = None
    request_id: str | None = None
    error: str | None = None
    message: str | None = None
    unchanged: int | None = None
    first_at: str | None = None
    last_at: str | None = None

    def says_the_same_as(self, other: PollLine | None) -> bool:
        """Whether both are the same answer; each has its own time and request id."""
        return other is not None and self._said() == other._said()

    def _said(self) -> dict[str, Any]:
        said = self.model_dump(exclude={"at", "request_id"})
        if isinstance(self.answer, dict):
            said["answer"] = {name: value for name, value in self.answer.items() if name != "request_id"}
        return said

    def to_bytes(self) -> bytes:
        """The line as JSON, with its end."""
        fields = self.model_dump(by_alias=True, exclude_none=True)
        return (json.dumps(fields, ensure_ascii=False, default=str) + "\n").encode()


OutcomeStatus = Literal["succeeded", "failed", "canceled", "lost", "abandoned"]


class Outcome(Record):
    """How an attempt ended, as far as was known then.

    `abandoned` runs on at the provider, a `succeeded` result can still be lost before it was fetched, and the
    provider may contradict any outcome. Then a further record of this kind, a settlement, has the last word.
    """

    key: Key
    attempt: Number
    status: OutcomeStatus
    decided_at: Moment
    code: str | None = None
    message: str | None = None
    # Whether a new attempt can help without anybody changing the request.
    may_retry: bool = False
    # None: nobody can know.
    billed: bool | None = None
    billed_seconds: Annotated[Decimal, Field(ge=0, le=100_000, allow_inf_nan=False)] | None = None
    usage: dict[str, Any] | None = None
    actual_prompt: str | None = None


class OrderRecord(Record):
    """`request.json`: what was ordered; the order inside is read by `footage.order`."""

    key: Key
    key_version: Annotated[int, Field(ge=1)]
    request: dict[str, Any]
