"""What the provider says of an earlier task of a clip, before money is spent again."""

from __future__ import annotations

import shutil
from typing import Any

import pytest
from bench import Bench, last_attempt
from countedstore import CountedStore

from footage.clip import Clip
from footage.emulator import Emulator
from footage.errors import SubmissionUnknown
from footage.evidence.records import Intent, Outcome
from footage.evidence.state import Permission
from footage.steps.booking import receipt_of
from footage.storage import Store


def leave_failed(clip: Clip, task_id: str, number: int = 1) -> None:
    """Records that say that a task failed and was not billed."""
    now = clip.context.provider_now()
    intent = Intent(
        key=clip.key,
        attempt=number,
        owner="dead",
        lease=1,
        model=clip.order.model,
        region=clip.order.region,
        endpoint=clip.endpoint,
        key_fingerprint=clip.context.api_key.fingerprint,
        written_at=now,
        clock_offset_s=0.0,
    )
    clip.evidence.write_intent(intent)
    clip.evidence.book(receipt_of(intent, task_id, None, now))
    failed = Outcome(
        key=clip.key, attempt=number, status="failed", billed=False, may_retry=True, decided_at=now
    )
    clip.evidence.write_outcome(failed)


def test_a_task_that_the_provider_should_remember_and_does_not_is_left_to_a_person(bench: Bench) -> None:
    leave_failed(bench.clip(), "not-of-this-account")

    with pytest.raises(SubmissionUnknown, match="the provider does not know the task") as unknown:
        bench.buy()

    assert unknown.value.task_ids == ("not-of-this-account",)
    assert bench.tasks() == []


def test_who_may_pay_again_is_not_asked_about_a_task_that_the_provider_does_not_know(bench: Bench) -> None:
    leave_failed(bench.clip(), "not-of-this-account")
    clip = bench.clip(permission=Permission(buy_again=True))

    receipt = bench.buy(clip)

    assert [task["task_id"] for task in bench.tasks()] == [receipt.task_id]
    assert last_attempt(clip).number == 2


def test_what_was_bought_before_anybody_had_the_clip_is_not_looked_into(
    bench: Bench, emulator: Emulator
) -> None:
    earlier = bench.buy(bench.clip(take=1))
    # Times of the provider pass four hundred times as quickly: this is more than the slack of two minutes.
    emulator.advance(600)
    first = bench.clip(take=2)
    assert first.lease.take(first.lease.look(), first.context.provider_now())
    first.lease.release()
    counted: list[CountedStore] = []

    def count(store: Store) -> Any:
        counted.append(CountedStore(store))
        return counted[0]

    bench.buy(bench.clip(bench.context(wrap=count), take=2))

    read = {path for method, path in counted[0].asked if method == "read"}
    assert f"claims/{earlier.task_id}.json" not in read
    assert len(bench.tasks()) == 2


@pytest.mark.parametrize("left", ["a second lease", "an attempt of somebody else"])
def test_a_claim_of_a_clip_whose_records_are_gone_is_found_again(bench: Bench, left: str) -> None:
    bought = bench.clip()
    receipt = bench.buy(bought)
    bought.context.close()
    folder = bench.folder / "alicloud-ai-video-wan-video"
    shutil.rmtree(folder / bought.evidence.folder)
    if left == "an attempt of somebody else":
        # With the leases it is not known any more since when the clip was held.
        shutil.rmtree(folder / f"leases/{bought.key}")
        clip = bench.clip()
        leave_failed(clip, "not-of-this-account", number=2)
        clip = bench.clip(permission=Permission(buy_again=True))
    else:
        clip = bench.clip()

    assert bench.buy(clip).task_id == receipt.task_id
    assert [task["task_id"] for task in bench.tasks()] == [receipt.task_id]
