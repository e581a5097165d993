"""Queue, concurrency, cancelling and expiry, decided without a clock."""

from typing import Any

import pytest

from footage.emulator.engine import Engine
from footage.emulator.knobs import Knobs
from footage.emulator.refusals import RefusedError
from footage.emulator.tasks import Task

BODY = {"model": "wan2.2-t2v-plus", "input": {"prompt": "a cat"}, "parameters": {"size": "832*480"}}
DAY_S = 86400.0


def make(**knobs: Any) -> Engine:
    knobs = {"generation_s": 100, "generation_jitter": 0, "start_delay_s": 1, **knobs}
    return Engine(Knobs(**knobs), 0, lambda task: None)


def submit(engine: Engine, now_s: float = 0.0) -> Task:
    return engine.accept({**BODY, "parameters": dict(BODY["parameters"])}, now_s)  # type: ignore[call-overload]


def film_all(engine: Engine, now_s: float) -> None:
    while engine.outbox:
        what, task = engine.outbox.popleft()
        assert what == "render"
        engine.rendered(task.task_id, now_s, "clip.mp4")


def test_a_lone_task_starts_and_succeeds_after_its_generation_time() -> None:
    engine = make()
    task = submit(engine)

    engine.advance(0.5)
    assert task.status == "PENDING"
    engine.advance(1)
    assert (task.status, task.scheduled_s) == ("RUNNING", 1)
    film_all(engine, 2)
    engine.advance(101)
    assert (task.status, task.ended_s, task.billed_s) == ("SUCCEEDED", 101, 5)


def test_tasks_above_the_models_concurrency_wait_as_pending_in_order() -> None:
    engine = make()
    tasks = [submit(engine) for _ in range(5)]

    engine.advance(10)
    assert [task.status for task in tasks] == ["RUNNING"] * 2 + ["PENDING"] * 3
    film_all(engine, 10)
    engine.advance(101)
    assert [task.status for task in tasks] == ["SUCCEEDED"] * 2 + ["RUNNING"] * 2 + ["PENDING"]
    assert engine.most_running == {"wan2.2-t2v-plus": 2}


def test_a_full_queue_refuses_with_429_and_makes_no_task() -> None:
    engine = make(queue_limit=1)
    for _ in range(3):
        submit(engine)

    with pytest.raises(RefusedError) as refused:
        submit(engine)

    assert (refused.value.status, refused.value.code) == (429, "Throttling.Concurrency")
    assert len(engine.tasks) == 3


def test_a_cancelled_task_leaves_the_queue_to_the_next() -> None:
    engine = make()
    tasks = [submit(engine) for _ in range(4)]
    engine.advance(2)
    film_all(engine, 2)

    assert not engine.cancel(tasks[0].task_id, 2)
    assert engine.cancel(tasks[2].task_id, 2)
    engine.advance(101)

    assert [task.status for task in tasks] == ["SUCCEEDED", "SUCCEEDED", "CANCELED", "RUNNING"]


def test_a_task_does_not_succeed_before_its_clip_exists() -> None:
    engine = make()
    task = submit(engine)
    engine.advance(500)
    assert task.status == "RUNNING"

    film_all(engine, 510)

    assert (task.status, task.ended_s) == ("SUCCEEDED", 510)


def test_a_parameter_error_surfaces_within_three_seconds_and_occupies_no_slot() -> None:
    engine = make()
    wrong = [engine.accept({**BODY, "parameters": {"size": "1*1"}}, 0) for _ in range(20)]
    good = submit(engine)

    engine.advance(0.09)
    assert all(task.status == "PENDING" for task in wrong)
    engine.advance(3)
    assert all(task.status == "FAILED" and 0.1 <= (task.ended_s or 0) <= 3 for task in wrong)
    assert good.status == "RUNNING"


def test_a_jump_of_a_day_replays_what_was_due_in_order() -> None:
    engine = make()
    tasks = [submit(engine) for _ in range(4)]
    engine.advance(1)
    film_all(engine, 1)

    engine.advance(DAY_S)

    assert [task.ended_s for task in tasks[:2]] == [101, 101]
    assert [task.scheduled_s for task in tasks[2:]] == [101, 101]


def test_a_record_dies_24_hours_after_its_submission() -> None:
    engine = make()
    task = submit(engine)

    assert engine.visible(task.task_id, DAY_S - 1) is task
    assert engine.visible(task.task_id, DAY_S) is None
    assert list(engine.listed(DAY_S, 0, DAY_S)) == []


def test_a_record_may_also_live_24_hours_from_its_end() -> None:
    engine = make(retention_from="end")
    task = submit(engine)
    engine.advance(1)
    film_all(engine, 1)
    engine.advance(101)

    assert engine.visible(task.task_id, DAY_S + 100) is task
    assert engine.visible(task.task_id, DAY_S + 101) is None


def test_three_hours_of_running_end_in_a_timeout() -> None:
    engine = make(generation_s=4 * 3600)
    task = submit(engine)

    engine.advance(3 * 3600 + 1)

    assert (task.status, task.verdict and task.verdict[0]) == ("FAILED", "InternalError.Timeout")
    assert task.billed_s == 0


def test_restored_tasks_go_on_where_they_were() -> None:
    engine, again = make(), make()
    tasks = [submit(engine) for _ in range(3)]
    engine.advance(1)

    again.restore(engine.tasks.values())
    film_all(again, 50)
    again.advance(101)

    assert [task.status for task in tasks] == ["SUCCEEDED", "SUCCEEDED", "RUNNING"]


def test_the_list_shows_what_was_made_within_its_span_newest_first() -> None:
    engine = make(concurrency=1)
    tasks = [submit(engine, now_s) for now_s in (0.0, 5.0, 5.0, 9.0)]
    other = engine.accept({**BODY, "model": "wanx2.1-t2v-turbo"}, 9.0)
    engine.advance(10)

    assert list(engine.listed(10, 0, 10)) == [other, *tasks[::-1]]
    assert list(engine.listed(10, 5, 8)) == tasks[2:0:-1]
    shown = engine.listed(10, 0, 10, BODY["model"])
    assert (len(shown), shown[0], shown[1:3]) == (4, tasks[3], [tasks[2], tasks[1]])
    assert list(engine.listed(10, 0, 10, BODY["model"], "RUNNING")) == [tasks[0]]
    assert list(engine.listed(10, 0, 10, status="PENDING")) == [*tasks[:0:-1]]
    assert list(engine.listed(10, 0, 10, status="SUCCEEDED")) == []
    film_all(engine, 11)
    engine.advance(110)
    assert list(engine.listed(110, 0, 110, status="SUCCEEDED")) == [other, tasks[0]]


def test_a_task_that_is_listed_late_comes_to_its_own_place() -> None:
    engine = make()
    early, late, never, last = (submit(engine, now_s) for now_s in (0.0, 1.0, 2.0, 3.0))
    late.listed_from_s, never.unknown_polls = 50.0, -1

    assert list(engine.listed(49, 0, 49)) == [last, early]
    assert list(engine.listed(50, 0, 50)) == [last, late, early]
    assert list(engine.listed(50, 0, 50, status="PENDING")) == [last, late, early]
