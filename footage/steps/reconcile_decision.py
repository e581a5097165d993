"""Was it bought? Decides an unknown submission from the provider's task list; no clock, no I/O.

The list names model, creation time and status of every task of the account, but no prompt
(Model Studio: manage asynchronous tasks, read 2026-11). A finished task tells its `orig_prompt`. So a
candidate is a task of the same model, created after our intent, that no attempt has claimed; it is ours
when it is the only one with our prompt, and nobody else can have lost the same one.

The two mistakes do not weigh the same: a person can settle a doubt, nobody returns what was paid twice. So
whatever is not proved to be somebody else's keeps an attempt from counting as not bought.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from footage.steps.same_prompt import beginning_of_prompt, same_prompt

if TYPE_CHECKING:
    from footage.provider import TaskAnswer, TaskRow


@dataclass(frozen=True)
class Adopt:
    """Exactly one task can be ours."""

    task_id: str


@dataclass(frozen=True)
class NotBought:
    """No task can be ours, and the list had the time to show one."""


@dataclass(frozen=True)
class LookAgain:
    """Not decided yet: fetch `task_ids`, which ended, wait, list again."""

    why: str
    task_ids: tuple[str, ...] = ()


@dataclass(frozen=True)
class Ambiguous:
    """More than one explanation is left; a person has to choose among `task_ids`."""

    why: str
    task_ids: tuple[str, ...]


Decision = Adopt | NotBought | LookAgain | Ambiguous


@dataclass(frozen=True)
class Lost:
    """What is known about the submission whose answer was lost."""

    prompt: str
    width: int | None
    height: int | None
    seconds: float | None
    # By the earlier of the provider's clock and ours; None when its clock is not known, then every listed task counts.
    not_before: datetime | None
    # Other unresolved intents in this store with the same model and prompt, as `key/attempt`.
    rivals: tuple[str, ...] = ()


def candidates_in(lost: Lost, rows: Sequence[TaskRow]) -> list[TaskRow]:
    """The listed tasks that can be ours as far as the list tells, whoever claimed them.

    Whether one that is not billed was ours does not matter. What is listed exists, also where its query answers
    UNKNOWN because it lags behind.
    """
    return [
        row
        for row in rows
        if not row.status.unbilled and (lost.not_before is None or row.created_at >= lost.not_before)
    ]


def decide(
    lost: Lost,
    rows: Sequence[TaskRow],
    answers: Mapping[str, TaskAnswer],
    listed_for_s: float,
    grace_s: float,
) -> Decision:
    """Judge an unknown submission by what the list shows after `listed_for_s` seconds of looking.

    `rows` are tasks of the right model, without those that other attempts own, or that the list showed for the first
    time after the grace; `answers` what fetching them gave.
    """
    matching: list[str] = []
    unlike: list[str] = []
    cut: list[str] = []
    unreadable: list[str] = []
    pending = 0
    untold: list[str] = []
    for row in candidates_in(lost, rows):
        answer = answers.get(row.task_id)
        if answer is None or not answer.status.final or answer.status.value == "UNKNOWN":
            pending += 1
            # Before its end a task does not tell its prompt, and the list tells when that is.
            if row.status.final:
                untold.append(row.task_id)
        elif answer.status.unbilled:
            continue
        elif answer.orig_prompt is None:
            unreadable.append(row.task_id)
        elif same_prompt(answer.orig_prompt, lost.prompt):
            (matching if _fits(lost, answer) else unlike).append(row.task_id)
        elif beginning_of_prompt(answer.orig_prompt, lost.prompt):
            cut.append(row.task_id)
    if pending:
        return LookAgain(f"{pending} task(s) of this model are still at work", tuple(untold))
    if listed_for_s < grace_s:
        # Even a match waits: a second one may not be listed yet.
        return LookAgain("the list may lag behind")
    if unreadable:
        return Ambiguous("a finished task does not tell its prompt", (*matching, *unreadable))
    if cut and not matching:
        return Ambiguous(
            "a task tells only the beginning of its prompt, which is that of this one", tuple(cut)
        )
    if unlike and not matching:
        return Ambiguous("the task with this prompt has another length or size", tuple(unlike))
    if not matching:
        return NotBought()
    if len(matching) > 1:
        return Ambiguous("more than one task has this prompt", tuple(matching))
    if lost.rivals and listed_for_s < 3 * grace_s:
        return LookAgain("another submission with this prompt is about to be settled")
    if lost.rivals:
        return Ambiguous(
            f"another unknown submission has the same prompt ({', '.join(lost.rivals)})", tuple(matching)
        )
    return Adopt(matching[0])


def _fits(lost: Lost, answer: TaskAnswer) -> bool:
    """Whether length and size, where they are known, are what was ordered."""
    usage = answer.usage
    if usage is None:
        return True
    if usage.billed_seconds and lost.seconds and round(float(usage.billed_seconds)) != round(lost.seconds):
        return False
    sizes_known = usage.width is not None and lost.width is not None
    return not sizes_known or (usage.width, usage.height) == (lost.width, lost.height)
