"""What the provider tells, as typed values. Its own words stay inside `TaskStatus` and the raw answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any


class TaskStatus(StrEnum):
    """The provider's words, verbatim; UNKNOWN is said of a task that does not exist or is older than 24 h."""

    PENDING = "PENDING"
    RUNNING = "RUNNING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    CANCELED = "CANCELED"
    UNKNOWN = "UNKNOWN"
    # In the SDK's list, never seen for video; a task that may go on.
    SUSPENDED = "SUSPENDED"

    @property
    def final(self) -> bool:
        """Whether the provider will never change it again."""
        return self in (TaskStatus.SUCCEEDED, TaskStatus.FAILED, TaskStatus.CANCELED, TaskStatus.UNKNOWN)

    @property
    def unbilled(self) -> bool:
        """Whether the task was not billed and never will be; UNKNOWN tells nothing about that."""
        return self in (TaskStatus.FAILED, TaskStatus.CANCELED)


@dataclass(frozen=True)
class RawAnswer:
    """What came back over the wire: lower-case header names, body without its compression."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    asked_at: datetime
    received_at: datetime
    # Why the body is not whole; None when it is.
    cut: str | None = None


@dataclass(frozen=True)
class Created:
    """The provider accepted the order: from here on the clip is paid for if it succeeds."""

    task_id: str
    request_id: str | None
    answered_at: datetime
    answer: dict[str, Any]


@dataclass(frozen=True)
class Usage:
    """What is billed, and what the provider says about the clip; which fields are there differs per model."""

    billed_seconds: Decimal | None
    width: int | None
    height: int | None
    sr: int | None
    audio: bool | None
    fps: Decimal | None
    raw: dict[str, Any]


@dataclass(frozen=True)
class TaskAnswer:
    """One look at a task. `video_url` dies 24 h after the end; `code` and `message` tell why it FAILED."""

    task_id: str
    status: TaskStatus
    video_url: str | None
    usage: Usage | None
    code: str | None
    message: str | None
    orig_prompt: str | None
    actual_prompt: str | None
    request_id: str | None
    answer: dict[str, Any]


# Slots: of a busy account there are a hundred thousand.
@dataclass(frozen=True, slots=True)
class TaskRow:
    """One task of the account's list, which tells no prompt, no seed and no result."""

    task_id: str
    request_id: str | None
    model: str
    status: TaskStatus
    created_at: datetime


@dataclass(frozen=True)
class TaskPage:
    """One page of the list; `total_pages` and `total` are the provider's, before rows were left out here."""

    rows: tuple[TaskRow, ...]
    page: int
    total_pages: int
    total: int


@dataclass(frozen=True)
class Quota:
    """Limits of the main account for one model; None where the provider does not say."""

    model: str
    requests: int | None
    request_period_s: int | None
    concurrent_tasks: int | None
    queued_tasks: int | None
    answer: dict[str, Any]

    @property
    def creates_per_second(self) -> float | None:
        """How many creates a second are taken; None where it does not say, or says nonsense."""
        if not self.requests or self.request_period_s == 0:
            return None
        return self.requests / (self.request_period_s or 1)


@dataclass(frozen=True)
class ModelListing:
    """What the list of models says about one; None where the service does not say."""

    # Whether the key sees it.
    listed: bool | None
    # When it stops to take creates.
    offline_at: datetime | None = None


@dataclass(frozen=True)
class Probe:
    """Key, region and network are fine; `clock_offset_s` is the provider's clock minus ours."""

    clock_offset_s: float | None
    latency_s: float
