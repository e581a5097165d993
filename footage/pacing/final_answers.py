"""What the provider answered about tasks that ended: asked once for all clips that look among the same tasks."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from footage.concurrency.executors import in_question_thread
from footage.concurrency.shared_answers import SharedAnswers
from footage.provider.results import TaskAnswer, TaskStatus

if TYPE_CHECKING:
    from footage.provider import WanClient


class FinalAnswers:
    """Keeps the answers about tasks that the provider will never change again."""

    def __init__(self) -> None:
        self._answers: SharedAnswers[TaskAnswer] = SharedAnswers(math.inf, _never_changes)

    async def of(self, client: WanClient, task_id: str) -> TaskAnswer:
        """The answer about a task, asked for as long as none is final.

        Raises:
            AccountProblem, Unreachable, Throttled: The provider could not be asked.
        """
        line = client.asks_as
        return await self._answers.ask(
            (*line, task_id), lambda: in_question_thread(line, client.fetch, task_id)
        )


def _never_changes(answer: TaskAnswer) -> bool:
    # UNKNOWN is also said of a task that does not show yet.
    return answer.status.final and answer.status is not TaskStatus.UNKNOWN
