"""A create whose answer was lost, and the claims: of others, of this attempt, broken, or all that is left of it."""

from __future__ import annotations

import asyncio
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from bench import Bench, last_attempt, leave_claimed, leave_unknown
from purchases import submit_and_leave
from records import bought

from footage.emulator import Emulator
from footage.errors import (
    AlreadyThere,
    BadRecord,
    GenerationFailed,
    NotThere,
    StorageProblem,
    SubmissionUnknown,
)
from footage.evidence.records import Claim
from footage.evidence.state import Permission


class _Silent:
    """A store that does not answer the first questions about claims."""

    def __init__(self, store: Any, *, times: int = 1) -> None:
        self._store = store
        self._times = times

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def read(self, path: str, *more: Any, **named: Any) -> bytes:
        if path.startswith("claims/") and self._times:
            self._times -= 1
            raise StorageProblem("Could not read: SlowDown.")
        return self._store.read(path, *more, **named)


def test_a_claim_that_could_not_be_read_for_a_moment_is_nobody_elses_and_nothing_is_bought_again(
    bench: Bench,
) -> None:
    bench.fault("create-accept-reset")
    clip = bench.clip(bench.context(wrap=_Silent))

    with pytest.raises(StorageProblem, match="SlowDown"):
        bench.make(clip)

    assert bench.make(bench.clip()) is not None
    assert len(bench.tasks()) == 1


class _Spoiled:
    """A store that has something in the place of every claim."""

    def __init__(self, store: Any) -> None:
        self._store = store

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def read(self, path: str, *more: Any, **named: Any) -> bytes:
        return b"{" if path.startswith("claims/") else self._store.read(path, *more, **named)

    def create(self, path: str, body: bytes) -> None:
        if path.startswith("claims/"):
            raise AlreadyThere(path)
        self._store.create(path, body)


def test_a_task_whose_claim_is_broken_is_not_taken_for_somebody_elses(bench: Bench) -> None:
    bench.fault("create-accept-reset")

    for says in ("was bought for clip", "does not fit"):
        with pytest.raises(StorageProblem, match=says):
            bench.make(bench.clip(bench.context(wrap=_Spoiled)))

    assert len(bench.tasks()) == 1


class _SpoiledFor:
    """A wrapper that has something in the place of the claims of another store's tasks."""

    def __init__(self, other: Bench) -> None:
        self._tasks = {str(task["task_id"]) for task in other.tasks()}

    def __call__(self, store: Any) -> Any:
        # As in a store of an earlier release, which had no index of claims by clip.
        store.delete("claimed/since.json")
        for task_id in self._tasks:
            store.create(f"claims/{task_id}.json", b"{")
        return store


@pytest.mark.parametrize(
    ("same_prompt", "paid_again"),
    [
        pytest.param(False, True, id="the task was asked for something else"),
        pytest.param(True, False, id="the task has our prompt: it may be ours"),
    ],
)
def test_before_it_is_paid_again_a_broken_claim_is_looked_into(
    bench: Bench, emulator: Emulator, tmp_path: Path, *, same_prompt: bool, paid_again: bool
) -> None:
    other = Bench(emulator, tmp_path / "other")
    if same_prompt:
        other.prompt = bench.prompt
    other.make()
    theirs = _SpoiledFor(other)
    bench.fault("failed-InternalError.Algo", times=1)
    with pytest.raises(GenerationFailed):
        bench.make(bench.clip(bench.context(max_attempts=1)))

    # The task of the other store is in the account's list, and here it has something in the place of a claim.
    clip = bench.clip(bench.context(wrap=theirs), Permission(retry_failed=True))
    if paid_again:
        assert bench.make(clip) is not None
    else:
        with pytest.raises(BadRecord, match="claims/"):
            bench.make(clip)
    other.close()


def test_a_task_that_is_claimed_for_this_attempt_is_ours_whenever_the_clock_says_it_was_made(
    bench: Bench,
) -> None:
    clip = bench.clip()
    task_id = clip.client().create(clip.wire_body()).task_id
    [row] = [row for row in clip.client().list_tasks().rows if row.task_id == task_id]
    # By the clock of the worker that wrote this, the task was there before its create was sent.
    leave_unknown(clip, written_at=row.created_at + timedelta(hours=2), clock_offset_s=0.0)
    claim = Claim(task_id=task_id, key=clip.key, attempt=1)
    clip.context.store.create(f"claims/{task_id}.json", claim.to_bytes())

    assert bench.buy(clip).task_id == task_id
    assert [task["task_id"] for task in bench.tasks()] == [task_id]
    # Nobody wrote down meanwhile that it was not bought.
    assert (last_attempt(clip).number, last_attempt(clip).outcome) == (1, None)


def test_it_is_ours_as_well_while_another_clip_is_looked_for_among_many_tasks_of_others(
    unhurried: Bench,
) -> None:
    unhurried.emulator.turn(generation_s=80_000.0)
    context = unhurried.context(reconcile_grace_s=0.5)
    first, second = (unhurried.clip(context, take=take) for take in (1, 2))
    for _ in range(120):
        bought(context.store, first.client().create(first.wire_body()).task_id)
    ours = first.client().create(first.wire_body()).task_id
    # By the clock of its worker the task of the first was there before its create; by that of the second's worker all
    # may be its, and by the provider's none.
    leave_unknown(first, written_at=context.provider_now() + timedelta(hours=2))
    leave_claimed(first, ours)
    leave_unknown(
        second,
        written_at=context.provider_now() - timedelta(hours=2),
        clock_offset_s=3 * 3600,
    )

    async def settle() -> list[Any]:
        return await asyncio.gather(
            *(submit_and_leave(unhurried.clip(context, take=take)) for take in (1, 2))
        )

    receipt, another = asyncio.run(settle())

    assert (receipt.task_id, last_attempt(first).number, last_attempt(first).outcome) == (ours, 1, None)
    assert (another.attempt, len(unhurried.tasks())) == (2, 122)


def test_a_claim_that_is_older_than_the_second_lease_and_its_intent_is_found_before_it_is_bought_again(
    bench: Bench,
) -> None:
    first = bench.clip()
    assert first.lease.take(first.lease.look())
    task_id = first.client().create(first.wire_body()).task_id
    [row] = [row for row in first.client().list_tasks().rows if row.task_id == task_id]
    leave_unknown(first, written_at=row.created_at + timedelta(hours=2), clock_offset_s=0.0)
    leave_claimed(first, task_id)
    first.lease.release()

    assert bench.buy(bench.clip()).task_id == task_id
    assert [task["task_id"] for task in bench.tasks()] == [task_id]


def test_a_claimed_task_that_the_provider_does_not_list_is_left_to_a_person(bench: Bench) -> None:
    clip = bench.clip()
    leave_unknown(clip)
    leave_claimed(clip, "not-listed")

    with pytest.raises(SubmissionUnknown, match="claimed for it") as unknown:
        bench.buy(bench.clip())

    assert unknown.value.task_ids == ("not-listed",)
    assert bench.tasks() == []


def test_a_broken_claim_of_this_attempt_is_told_before_it_is_bought_again(bench: Bench) -> None:
    clip = bench.clip()
    leave_unknown(clip)
    leave_claimed(clip, "not-listed")
    clip.context.store.replace("claims/not-listed.json", b"{")

    with pytest.raises(BadRecord, match="claims/not-listed"):
        bench.buy(bench.clip())

    assert bench.tasks() == []


class _ClaimedMeanwhile:
    """A store in which a task gets its claim right after it was looked for without one for half of the grace."""

    def __init__(self, store: Any, task_id: str, claim: Claim, after_s: float) -> None:
        self._store = store
        self._path, self._claim, self._after_s = f"claims/{task_id}.json", claim, after_s
        self._first_s: float | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def read(self, path: str, **named: Any) -> bytes:
        try:
            return self._store.read(path, **named)
        except NotThere:
            if path == self._path:
                self._first_s = time.monotonic() if self._first_s is None else self._first_s
                if time.monotonic() - self._first_s >= self._after_s:
                    self._store.create(path, self._claim.to_bytes())
            raise


def test_a_verdict_is_given_with_the_claims_that_were_made_while_nobody_looked_for_them(bench: Bench) -> None:
    grace_s = 1.0
    plain = bench.clip()
    siblings, ours = (plain.client().create(plain.wire_body()).task_id for _ in range(2))
    bench.emulator.advance(3600)
    claim = Claim(task_id=siblings, key="ab" * 32, attempt=1)
    context = bench.context(
        reconcile_grace_s=grace_s,
        wrap=lambda store: _ClaimedMeanwhile(store, siblings, claim, grace_s / 2),
    )
    clip = bench.clip(context)
    leave_unknown(clip, written_at=context.provider_now() - timedelta(hours=2))

    # Without the claim there are two tasks with its prompt.
    assert bench.buy(clip).task_id == ours
