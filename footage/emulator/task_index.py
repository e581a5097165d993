"""Which tasks the list shows, found without a walk over all there ever were: a day may have a hundred thousand."""

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterable, Sequence
from typing import overload

from footage.emulator.tasks import Task


class NewestFirst(Sequence[Task]):
    """A part of a list of tasks that are in the order of their making."""

    def __init__(self, tasks: list[Task], first: int, end: int) -> None:
        self._tasks, self._first, self._end = tasks, first, max(first, end)

    def __len__(self) -> int:
        return self._end - self._first

    @overload
    def __getitem__(self, index: int) -> Task: ...
    @overload
    def __getitem__(self, index: slice) -> list[Task]: ...
    def __getitem__(self, index: int | slice) -> Task | list[Task]:
        places = range(self._end - 1, self._first - 1, -1)[index]
        return self._tasks[places] if isinstance(places, int) else [self._tasks[place] for place in places]


class TaskIndex:
    """The tasks by model and age; times are virtual seconds, and tasks come in the order of their making."""

    def __init__(self) -> None:
        self._number: dict[str, int] = {}
        # By account and model, "" for all: what the list shows, and what it does not show yet, or never.
        self._shown: dict[tuple[str, str], list[Task]] = {}
        self._hidden: dict[tuple[str, str], list[Task]] = {}

    def add(self, task: Task) -> None:
        """Take up a task that was just made."""
        self._number[task.task_id] = len(self._number)
        for model in ("", task.model):
            self._hidden.setdefault((task.account, model), []).append(task)

    def shown(
        self, account: str, model: str, now_s: float, start_s: float, end_s: float, born_after_s: float
    ) -> NewestFirst:
        """What is listed by now of a model, or of all, made from `start_s` to `end_s`, and after `born_after_s`."""
        of = account, model
        shown, hidden = self._shown.setdefault(of, []), self._hidden.get(of, [])
        self._hidden[of] = [task for task in hidden if not is_shown(task, now_s)]
        for task in hidden:
            if is_shown(task, now_s):
                insort(shown, task, key=self._place)
        first = max(bisect_left(shown, start_s, key=_made_s), bisect_right(shown, born_after_s, key=_made_s))
        return NewestFirst(shown, first, bisect_right(shown, end_s, key=_made_s))

    def newest_first(self, task_ids: Iterable[str]) -> list[str]:
        """These tasks in the order of the list."""
        return sorted(task_ids, key=self._number.__getitem__, reverse=True)

    def _place(self, task: Task) -> int:
        return self._number[task.task_id]


def is_shown(task: Task, now_s: float) -> bool:
    """Whether the list shows a task at all."""
    return task.listed_from_s <= now_s and task.unknown_polls >= 0


def _made_s(task: Task) -> float:
    return task.submitted_s
