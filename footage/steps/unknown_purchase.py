"""A create whose answer was lost: when its task can have been made, until when it is listed, what a person is told."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from footage.errors import SubmissionUnknown
from footage.errors.actions import AdoptTask, NextStep, Rerun
from footage.steps.booking import TASK_LIFE

if TYPE_CHECKING:
    from footage.evidence.records import Intent

# Our intent may be this much younger by the provider's clock than its task: clocks are read to the second.
CLOCK_SLACK = timedelta(seconds=120)
_LISTED = TASK_LIFE - 2 * CLOCK_SLACK
TOO_OLD = "it is more than a day old, and the provider lists one day"
NO_CLOCK = "no clock that was compared with the provider's tells its age, and the provider lists one day"


def not_before_by_provider(intent: Intent) -> datetime | None:
    """From when on, by the provider's clock as it was told, its task can have been made."""
    if intent.clock_offset_s is None:
        return None
    return intent.written_at + timedelta(seconds=intent.clock_offset_s) - CLOCK_SLACK


def not_before(intent: Intent) -> datetime | None:
    """From when on its task can have been made, by the earlier of two clocks; None where they were not compared.

    A gateway in between may answer with a clock of its own that is ahead, and a task that is left out may be ours.
    """
    if intent.clock_offset_s is None:
        return None
    return intent.written_at + timedelta(seconds=min(intent.clock_offset_s, 0.0)) - CLOCK_SLACK


def listed_until(intent: Intent) -> datetime:
    """Until when, by the provider's clock, its list tells of the task; by ours where that clock was not known."""
    return intent.written_at + timedelta(seconds=intent.clock_offset_s or 0.0) + _LISTED


def surely_listed(intent: Intent, provider_now: datetime, now: datetime) -> bool:
    """Whether the list still tells of its task by the provider's clock and by ours: either may have been set since."""
    return provider_now <= listed_until(intent) and now <= intent.written_at + _LISTED


def unknown_purchase(
    key: str, attempt: int, why: str, task_ids: tuple[str, ...] = (), first: str | None = None
) -> SubmissionUnknown:
    """What a person is told of an attempt that may have been bought, and can do; `first`: what to try before that."""
    listed = f" Candidates: {', '.join(task_ids)}." if task_ids else ""
    return SubmissionUnknown(
        f"Clip {key[:12]}, attempt {attempt}: it is not known whether it was bought, because {why}.{listed}",
        next_step=NextStep.of(
            f"{first}; or " if first else "",
            AdoptTask(key),
            " if one of the account's tasks is it, or ",
            Rerun(key, buy_again=True),
            " to pay for a new one",
        ),
        key=key,
        task_ids=task_ids,
    )
