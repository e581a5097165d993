"""The task state machine: PENDING, RUNNING, then SUCCEEDED, FAILED or CANCELED, in virtual time.

Pure: it reads no clock and does no I/O. Everything that happens is an event at a virtual second, so a clock
that jumps a day replays the day in order. What has to be done outside (look at an image, render a clip) is
left in `outbox`.
"""

import heapq
import math
import uuid
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from random import Random
from typing import Any

from footage.emulator.checks import judge, parameters_of
from footage.emulator.knobs import Knobs
from footage.emulator.model_specs import MODELS, Model, i2v_size
from footage.emulator.refusals import BY_CODE, RefusedError, new_request_id
from footage.emulator.task_index import TaskIndex, is_shown
from footage.emulator.tasks import Task

# The service gives a running task up after three hours (Model Studio docs, error codes).
GIVE_UP_S = 3 * 3600.0

# Account, model.
_Line = tuple[str, str]


def _line(task: Task) -> _Line:
    return task.account, task.model


def _has_media(row: Model, body: dict[str, Any]) -> bool:
    return row.kind in ("i2v", "r2v") or (row.kind == "media" and bool(body["input"].get("media")))


def _tells_rewritten(row: Model, knobs: Knobs) -> bool:
    if row.kind == "media":
        return knobs.actual_prompt_new == "present"
    return row.generation != "2.6"


class Engine:
    """All tasks, and who runs next. Every method first needs `advance(now_s)`; the caller sees to it."""

    def __init__(self, knobs: Knobs, seed: int, on_change: Callable[[Task], None]) -> None:
        self.knobs = knobs
        self.tasks: dict[str, Task] = {}
        self.outbox: deque[tuple[str, Task]] = deque()
        self.most_running: dict[str, int] = {}
        self._index = TaskIndex()
        self._rng = Random(seed)
        self._changed = on_change
        self._events: list[tuple[float, int, str, str]] = []
        self._event_count = 0
        # By account and model, as limits are.
        self._live: dict[_Line, set[str]] = {}
        self._running: dict[_Line, set[str]] = {}
        self._waiting: dict[_Line, deque[str]] = {}

    def concurrency(self, model: str) -> int:
        usual = self.knobs.concurrency if self.knobs.concurrency is not None else MODELS[model].rate
        left = self.knobs.limit_of(model)
        return usual if left is None else min(usual, left)

    def accept(self, body: dict[str, Any], now_s: float, account: str = "") -> Task:
        """Make a task. Raises RefusedError when the account's queue for the model is full."""
        model = str(body["model"])
        live = self._live.setdefault((account, model), set())
        if len(live) >= self.concurrency(model) + self.knobs.queue_limit:
            raise RefusedError(self.knobs.overflow_code, status=429)
        row = MODELS[model]
        usual_s = row.generation_s if self.knobs.generation_s is None else self.knobs.generation_s
        jitter = 1 + self.knobs.generation_jitter * (2 * self._rng.random() - 1)
        plan, verdict = judge(body, self.knobs, self._rng)
        delay_s = self._rng.uniform(self.knobs.check_delay_min_s, self.knobs.check_delay_max_s)
        task = Task(
            # Never from the seed: two emulators must not give out the same id.
            task_id=str(uuid.uuid4()),
            request_id=new_request_id(),
            model=model,
            body=body,
            submitted_s=now_s,
            checks_until_s=now_s + delay_s,
            generation_s=usual_s * jitter,
            plan=plan,
            verdict=verdict,
            media_pending=verdict is None and (_has_media(row, body) or bool(plan and plan.sound)),
            listed_from_s=now_s + self.knobs.list_lag_s,
            account=account,
        )
        if _tells_rewritten(row, self.knobs) and parameters_of(body).get("prompt_extend") is not False:
            task.expanded = f"{task.prompt} (rewritten by the emulator)"
        self.tasks[task.task_id] = task
        self._index.add(task)
        live.add(task.task_id)
        self._schedule(task)
        return task

    def restore(self, tasks: Iterable[Task]) -> None:
        """Take up tasks of an earlier life, in the order of their making."""
        for task in tasks:
            self.tasks[task.task_id] = task
            self._index.add(task)
            if task.final:
                continue
            self._live.setdefault(_line(task), set()).add(task.task_id)
            if task.status == "RUNNING" and task.scheduled_s is not None:
                self._run(task, task.scheduled_s)
            else:
                self._schedule(task)

    def advance(self, now_s: float) -> None:
        while self._events and self._events[0][0] <= now_s:
            at_s, _, what, task_id = heapq.heappop(self._events)
            task = self.tasks[task_id]
            if what == "reject" and task.status == "PENDING":
                self._end(task, "FAILED", at_s)
            elif what == "queue" and task.status == "PENDING" and not task.stuck_pending:
                self._waiting.setdefault(_line(task), deque()).append(task_id)
                self._fill(_line(task), at_s)
            elif what == "finish" and task.status == "RUNNING":
                self._finish(task, at_s)

    def next_event_s(self) -> float | None:
        return self._events[0][0] if self._events else None

    def media_passed(
        self,
        task_id: str,
        now_s: float,
        sides: tuple[int, int] | None,
        image: str | None,
        **more: Any,
    ) -> None:
        """The reference media are in order: `sides` in pixels and the image's SHA-256, when there is one.

        `more` is what else of the plan follows from them.
        """
        task = self.tasks[task_id]
        if not task.media_pending or task.plan is None:
            return
        task.media_pending = False
        if sides is not None:
            task.plan.width, task.plan.height = i2v_size(*sides, task.plan.tier, self.knobs.i2v_rounding)
            task.plan.zoom_from = image
        for name, value in more.items():
            setattr(task.plan, name, value)
        self._changed(task)
        self._schedule(task, not_before_s=now_s)

    def media_refused(self, task_id: str, now_s: float, code: str, message: str) -> None:
        task = self.tasks[task_id]
        task.media_pending, task.plan, task.verdict = False, None, (code, message)
        self._changed(task)
        self._schedule(task, not_before_s=now_s)

    def rendered(self, task_id: str, now_s: float, video: str) -> None:
        """The clip exists: a task that is due for it succeeds now."""
        task = self.tasks[task_id]
        task.video = video
        self._changed(task)
        if task.overdue and task.status == "RUNNING":
            self._finish(task, now_s)

    def render_failed(self, task_id: str, now_s: float) -> None:
        task = self.tasks[task_id]
        task.verdict = ("InternalError.Algo", BY_CODE["InternalError.Algo"].message)
        if task.overdue:
            self._finish(task, now_s)

    def cancel(self, task_id: str, now_s: float, account: str = "") -> bool:
        """Whether the task was PENDING and is CANCELED now."""
        task = self.visible(task_id, now_s, account)
        if task is None or task.status != "PENDING":
            return False
        self._end(task, "CANCELED", now_s)
        return True

    def visible(self, task_id: str, now_s: float, account: str = "") -> Task | None:
        """The task, or none when it never was, is another account's, or its record has expired."""
        task = self.tasks.get(task_id)
        if task is None or task.account != account or self._expired(task, now_s):
            return None
        return task

    def listed(
        self, now_s: float, start_s: float, end_s: float, model: str = "", status: str = "", account: str = ""
    ) -> Sequence[Task]:
        """Tasks that the list shows of an account's that were made from `start_s` to `end_s`, newest first."""
        if status in ("PENDING", "RUNNING"):
            # Those that are at work are few, however many there were.
            lines = [(account, model)] if model else [line for line in self._live if line[0] == account]
            at_work = (self._live.get(line, ()) for line in lines)
            ids = self._index.newest_first(task_id for live in at_work for task_id in live)
            found: Sequence[Task] = [self.tasks[task_id] for task_id in ids]
            found = [task for task in found if is_shown(task, now_s) and start_s <= task.submitted_s <= end_s]
        else:
            submitted = self.knobs.retention_from != "end"
            born_after_s = now_s - self.knobs.retention_s if submitted else -math.inf
            found = self._index.shown(account, model, now_s, start_s, end_s, born_after_s)
            if submitted and not status:
                return found
        return [task for task in found if status in ("", task.status) and not self._expired(task, now_s)]

    def _expired(self, task: Task, now_s: float) -> bool:
        from_end = self.knobs.retention_from == "end"
        born_s = (task.ended_s or now_s) if from_end else task.submitted_s
        return now_s >= born_s + self.knobs.retention_s

    def _event(self, at_s: float, what: str, task: Task) -> None:
        self._event_count += 1
        heapq.heappush(self._events, (at_s, self._event_count, what, task.task_id))

    def _schedule(self, task: Task, not_before_s: float = 0.0) -> None:
        if task.media_pending:
            self.outbox.append(("inspect", task))
        elif task.plan is None:
            self._event(max(task.checks_until_s, not_before_s), "reject", task)
        else:
            ready_s = task.submitted_s + self.knobs.start_delay_s
            self._event(max(ready_s, not_before_s), "queue", task)

    def _fill(self, line: _Line, at_s: float) -> None:
        waiting, running = self._waiting.setdefault(line, deque()), self._running.setdefault(line, set())
        while waiting and len(running) < self.concurrency(line[1]):
            task = self.tasks[waiting.popleft()]
            if task.status == "PENDING":
                self._run(task, at_s)

    def _run(self, task: Task, at_s: float) -> None:
        running = self._running.setdefault(_line(task), set())
        running.add(task.task_id)
        self.most_running[task.model] = max(len(running), self.most_running.get(task.model, 0))
        task.status, task.scheduled_s = "RUNNING", at_s
        self._changed(task)
        if task.verdict is None and task.video is None:
            self.outbox.append(("render", task))
        self._event(at_s + min(task.generation_s, GIVE_UP_S), "finish", task)

    def _finish(self, task: Task, at_s: float) -> None:
        if task.verdict is None and task.generation_s >= GIVE_UP_S:
            task.verdict = ("InternalError.Timeout", BY_CODE["InternalError.Timeout"].message)
        if task.verdict is not None:
            self._end(task, "FAILED", at_s)
        elif task.video is None:
            task.overdue = True
        else:
            task.billed_s = task.plan.duration_s + task.plan.billed_input_s if task.plan else 0
            self._end(task, "SUCCEEDED", at_s)

    def _end(self, task: Task, status: str, at_s: float) -> None:
        task.status, task.ended_s = status, at_s
        if status == "FAILED" and task.scheduled_s is None:
            task.scheduled_s = task.submitted_s
        self._live.setdefault(_line(task), set()).discard(task.task_id)
        self._running.setdefault(_line(task), set()).discard(task.task_id)
        self._changed(task)
        self._fill(_line(task), at_s)
