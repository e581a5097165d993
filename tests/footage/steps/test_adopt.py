"""A task that a person says is the clip whose answer was lost."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from bench import Bench, last_attempt
from harvests import book

from footage.errors import InvalidRequest, SubmissionUnknown, TakenOver
from footage.evidence.lease import Lease, Worker
from footage.steps.adopt import adopt_task


def lose(bench: Bench, **request: Any) -> Any:
    """A clip whose create was taken and whose answer was lost, not settled yet."""
    bench.fault("create-accept-reset")
    clip = bench.clip(bench.context(deadline_s=0.05, reconcile_grace_s=60.0), **request)
    with pytest.raises(SubmissionUnknown):
        bench.make(clip)
    return clip


def test_an_adopted_task_is_delivered_as_the_clip(bench: Bench) -> None:
    clip = lose(bench)
    task_id = bench.tasks()[0]["task_id"]

    receipt = adopt_task(bench.context(), clip.key[:12], task_id)
    response = bench.make(bench.clip())

    assert receipt.adopted
    assert response.task_id == task_id
    assert len(bench.tasks()) == 1


@pytest.mark.parametrize("written_at", ["2000-01-01T00:00:00Z", "2999-12-31T00:00:00Z"])
def test_an_adopted_task_is_no_older_than_the_provider_keeps_it(bench: Bench, written_at: str) -> None:
    clip = lose(bench)
    path = f"{clip.evidence.folder}/attempt-1/intent.json"
    intent = json.loads(clip.context.store.read(path))
    offset_s = -1e9 if written_at.startswith("2000") else 1e9
    clip.context.store.replace(
        path, json.dumps({**intent, "written_at": written_at, "clock_offset_s": offset_s}).encode()
    )
    context = bench.context()

    receipt = adopt_task(context, clip.key[:12], bench.tasks()[0]["task_id"])

    assert abs(receipt.submitted_at - context.provider_now()) <= timedelta(hours=25)


def test_a_task_with_another_prompt_is_not_adopted(bench: Bench) -> None:
    clip = lose(bench)
    other = bench.make(bench.clip(prompt=f"{bench.prompt}, and a dog"))

    with pytest.raises(InvalidRequest, match="another prompt"):
        adopt_task(bench.context(), clip.key, other.task_id)

    assert last_attempt(clip).unknown


def test_a_task_of_another_clip_is_not_adopted(bench: Bench) -> None:
    clip = lose(bench)
    other = bench.make(bench.clip(take=2))

    with pytest.raises(InvalidRequest, match="belongs to another clip"):
        adopt_task(bench.context(), clip.key, other.task_id)


def test_a_task_that_does_not_exist_is_not_adopted(bench: Bench) -> None:
    clip = lose(bench)

    with pytest.raises(InvalidRequest, match="knows no such task"):
        adopt_task(bench.context(), clip.key, "0385dc79-5ff8-4d82-bcb6-0a1b2c3d4e5f")


def test_where_nothing_is_unknown_nothing_is_adopted(bench: Bench) -> None:
    clip = book(bench)

    with pytest.raises(InvalidRequest, match="nothing to settle"):
        adopt_task(bench.context(), clip.key, bench.tasks()[0]["task_id"])


def test_nobody_adopts_while_a_living_worker_makes_the_clip(bench: Bench) -> None:
    clip = lose(bench)
    owner = Worker(clip.context.store, 1.0)
    lease = Lease(clip.context.store, clip.key, owner)
    lease.take(lease.look())

    with pytest.raises(TakenOver):
        adopt_task(bench.context(), clip.key, bench.tasks()[0]["task_id"])

    owner.stop()
    assert adopt_task(bench.context(), clip.key, bench.tasks()[0]["task_id"]).adopted
