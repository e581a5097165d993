"""What the provider says of an earlier task of a clip, before money is spent again."""

from __future__ import annotations

import shutil
from typing import Any

import pytest
from bench import Bench, last_attempt, leave_unknown
from countedstore import CountedStore

from footage.clip import Clip
from footage.emulator import Emulator
from footage.errors import AccountProblem, BadRecord, GenerationFailed, SubmissionUnknown
from footage.evidence.records import Intent, Outcome
from footage.evidence.state import Permission
from footage.steps.booking import receipt_of
from footage.storage import Store


def leave_failed(clip: Clip, task_id: str, account: str | None = None) -> None:
    """Records that say that a task failed and was not billed; of an account whose key is not here, if named."""
    now = clip.context.provider_now()
    intent = Intent(
        key=clip.key,
        attempt=1,
        owner="dead",
        lease=1,
        model=clip.order.model,
        region=clip.order.region,
        endpoint=clip.endpoint,
        key_fingerprint="0" * 12 if account else clip.context.api_key.fingerprint,
        account=account,
        written_at=now,
        clock_offset_s=0.0,
    )
    clip.evidence.write_intent(intent)
    clip.evidence.book(receipt_of(intent, task_id, None, now))
    failed = Outcome(key=clip.key, attempt=1, status="failed", billed=False, may_retry=True, decided_at=now)
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


def test_a_task_of_an_account_whose_key_is_gone_stops_another_purchase_for_a_day(bench: Bench) -> None:
    leave_failed(bench.clip(), "of-studio-b", account="studio-b")

    with pytest.raises(AccountProblem, match="of account studio-b"):
        bench.buy()
    assert bench.tasks() == []
    bench.emulator.advance(25 * 3600)

    receipt = bench.buy()

    assert [task["task_id"] for task in bench.tasks()] == [receipt.task_id]


@pytest.mark.parametrize("also_gone", ["nothing else", "its leases", "the index of all claims", "its note"])
def test_a_claim_of_a_clip_whose_records_are_gone_is_found_before_it_is_bought_again(
    bench: Bench, emulator: Emulator, also_gone: str
) -> None:
    bought = bench.clip()
    receipt = bench.buy(bought)
    folder = bench.folder / "alicloud-ai-video-wan-video"
    shutil.rmtree(folder / f"{bought.evidence.folder}/attempt-1")
    gone = {"its leases": f"leases/{bought.key}", "the index of all claims": "claimed"}
    if also_gone in gone:
        shutil.rmtree(folder / gone[also_gone])
    if also_gone == "its note":
        (folder / "claimed/since.json").unlink()
    # More than any clock may be wrong by.
    emulator.advance(7200)
    # Who has the clip next gives it back without having bought anything.
    between = bench.clip()
    assert between.lease.take(between.lease.look())
    between.lease.release()

    assert bench.buy(bench.clip()).task_id == receipt.task_id
    assert [task["task_id"] for task in bench.tasks()] == [receipt.task_id]


def test_before_another_purchase_only_the_claims_of_the_clip_are_read(bench: Bench) -> None:
    other = bench.buy(bench.clip(take=1))
    first = bench.clip(take=2)
    assert first.lease.take(first.lease.look())
    first.lease.release()
    counted: list[CountedStore] = []

    def count(store: Store) -> Any:
        counted.append(CountedStore(store))
        return counted[0]

    lists = bench.emulator.ledger(tasks=False)["lists"]
    context = bench.context(wrap=count)
    probed = bench.emulator.ledger(tasks=False)["lists"]
    bench.buy(bench.clip(context, take=2))

    assert f"claims/{other.task_id}.json" not in {path for _, path in counted[0].asked}
    assert ("list", f"claimed/{first.key}") in counted[0].asked
    # The provider's list, a day long, was asked for by nobody.
    assert bench.emulator.ledger(tasks=False)["lists"] == probed > lists
    assert len(bench.tasks()) == 2


def test_a_broken_claim_of_a_clip_whose_records_are_gone_stops_another_purchase(bench: Bench) -> None:
    bought = bench.clip()
    receipt = bench.buy(bought)
    folder = bench.folder / "alicloud-ai-video-wan-video"
    shutil.rmtree(folder / f"{bought.evidence.folder}/attempt-1")
    (folder / f"claims/{receipt.task_id}.json").write_bytes(b"{")

    with pytest.raises(BadRecord, match=f"claims/{receipt.task_id}"):
        bench.make(bench.clip())

    assert [task["task_id"] for task in bench.tasks()] == [receipt.task_id]


def _lose_the_records_of_a_purchase(bench: Bench, *, and_the_video: bool) -> str:
    """Make a clip of which a day later only order, log and claim are left, and perhaps the video; its task."""
    made = bench.make()
    folder = bench.folder / "alicloud-ai-video-wan-video"
    evidence = folder / f"evidence/{made.key}"
    shutil.rmtree(evidence / "attempt-1")
    for name in ("delivered.json", "result.json"):
        (evidence / name).unlink()
    # Flows collect it, and nobody does here.
    (evidence / "run.log").write_text("a line\n")
    if and_the_video:
        (folder / f"videos/{made.key}.mp4").unlink()
    bench.emulator.advance(25 * 3600)
    return made.task_id


def test_a_clip_is_not_bought_again_whose_video_is_there_and_whose_receipt_is_gone(bench: Bench) -> None:
    task_id = _lose_the_records_of_a_purchase(bench, and_the_video=False)

    for permission in (Permission(), Permission(buy_again=True)):
        with pytest.raises(BadRecord, match="nothing in it says that the clip was bought"):
            bench.make(bench.clip(permission=permission))

    assert [task["task_id"] for task in bench.tasks()] == [task_id]


def test_a_claimed_task_that_neither_records_nor_list_tell_of_is_left_to_a_person(bench: Bench) -> None:
    task_id = _lose_the_records_of_a_purchase(bench, and_the_video=True)

    with pytest.raises(SubmissionUnknown, match=f"nothing of task {task_id}") as unknown:
        bench.make()

    assert unknown.value.task_ids == (task_id,)
    assert [task["task_id"] for task in bench.tasks()] == [task_id]
    again = bench.make(bench.clip(permission=Permission(buy_again=True)))
    assert [task["task_id"] for task in bench.tasks()] == [task_id, again.task_id]


def _leave_only_the_claim(bench: Bench) -> str:
    """Make a clip whose evidence and video are gone then, as its lease is since it was sealed; its task."""
    made = bench.make()
    folder = bench.folder / "alicloud-ai-video-wan-video"
    shutil.rmtree(folder / f"evidence/{made.key}")
    for video in (folder / "videos").glob(f"{made.key}.*"):
        video.unlink()
    return made.task_id


def test_a_finished_clip_of_which_only_the_claim_is_left_is_found_in_the_list(bench: Bench) -> None:
    task_id = _leave_only_the_claim(bench)

    assert bench.make().task_id == task_id
    assert [task["task_id"] for task in bench.tasks()] == [task_id]


def test_a_finished_clip_of_which_only_the_claim_is_left_is_left_to_a_person_a_day_later(
    bench: Bench,
) -> None:
    task_id = _leave_only_the_claim(bench)
    bench.emulator.advance(25 * 3600)

    with pytest.raises(SubmissionUnknown, match=f"nothing of task {task_id}"):
        bench.make()

    assert [task["task_id"] for task in bench.tasks()] == [task_id]


def test_a_claimed_task_that_the_list_calls_failed_keeps_nothing_from_being_bought(bench: Bench) -> None:
    bench.fault("failed-InternalError.Algo", times=1)
    failed = bench.clip(bench.context(max_attempts=1))
    with pytest.raises(GenerationFailed):
        bench.make(failed)
    shutil.rmtree(bench.folder / f"alicloud-ai-video-wan-video/evidence/{failed.key}")

    response = bench.make()

    assert [task["status"] for task in bench.tasks()] == ["FAILED", "SUCCEEDED"]
    assert bench.tasks()[1]["task_id"] == response.task_id


def test_a_claimed_task_that_somebody_gave_up_is_not_asked_about_twice(bench: Bench) -> None:
    clip = bench.clip()
    leave_unknown(clip)
    unlisted = receipt_of(last_attempt(clip).intent, "not-listed", None, clip.context.provider_now())
    assert clip.evidence.claims.make(unlisted)
    bench.fault("failed-InternalError.Algo", times=1)
    with pytest.raises(GenerationFailed):
        bench.make(bench.clip(bench.context(max_attempts=1), Permission(buy_again=True)))

    response = bench.make(bench.clip(permission=Permission(retry_failed=True)))

    assert [task["task_id"] for task in bench.tasks()][1:] == [response.task_id]
