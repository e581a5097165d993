"""What is written down about one clip; every record is a file that is created once."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict


class Record(BaseModel):
    """A JSON document in the evidence; unknown fields of later versions are kept, not refused."""

    model_config = ConfigDict(frozen=True, extra="allow")

    def to_bytes(self) -> bytes:
        """The record as indented JSON, UTF-8."""
        return (self.model_dump_json(indent=2) + "\n").encode()


class Intent(Record):
    """Written before the create is sent: from here on the clip may have been bought."""

    key: str
    attempt: int
    owner: str
    lease: int
    model: str
    region: str
    endpoint: str
    workspace: str | None = None
    key_fingerprint: str
    written_at: datetime
    # Whether the endpoint said that it is the emulator; None in records that were written before it was asked.
    emulated: bool | None = None
    # Provider's clock minus ours as last seen; None when it never answered with a date.
    clock_offset_s: float | None = None


class Receipt(Record):
    """Written after a create answered with a task id: everything that resuming needs, on any machine."""

    key: str
    attempt: int
    task_id: str
    request_id: str | None
    model: str
    region: str
    endpoint: str
    workspace: str | None = None
    key_fingerprint: str
    submitted_at: datetime
    # Task record and result URL live 24 h (Model Studio: manage asynchronous tasks, read 2026-11).
    expires_at: datetime
    # True when the task was found in the provider's list instead of in the answer to our create.
    adopted: bool = False


class Claim(Record):
    """Says which attempt a task belongs to, so that no other attempt can adopt it."""

    task_id: str
    key: str
    attempt: int


class CancelWish(Record):
    """Somebody asked to cancel; written before the provider is asked."""

    key: str
    asked_at: datetime
    by: str


class Joined(Record):
    """A run began to work on a clip; a run that is started over finds its first one."""

    key: str
    joined_at: datetime
    # Attempts there were: a person's word to buy again is about those and not about this run's own.
    attempts: int


OutcomeStatus = Literal["succeeded", "failed", "canceled", "lost", "abandoned"]


class Outcome(Record):
    """How an attempt ended.

    `abandoned` runs on at the provider, and a `succeeded` result can still be lost before it was fetched; in
    both cases a second record of this kind, the settlement, has the last word.
    """

    key: str
    attempt: int
    status: OutcomeStatus
    decided_at: datetime
    code: str | None = None
    message: str | None = None
    # Whether a new attempt can help without anybody changing the request.
    may_retry: bool = False
    # None: nobody can know.
    billed: bool | None = None
    billed_seconds: Decimal | None = None
    usage: dict[str, Any] | None = None
    actual_prompt: str | None = None
