from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from footage.errors import AlreadyThere, BadRecord, StorageProblem
from footage.evidence.clip_evidence import ClipEvidence
from footage.evidence.delivered_records import ResultRecord
from footage.evidence.records import CancelWish, Intent, Joined, Outcome, PollLine, Receipt
from footage.evidence.stored_clips import keys_in, unfinished
from footage.storage import Store, open_store

NOW = datetime(2026, 11, 1, tzinfo=UTC)
KEY = "ab" * 32
PLACE: dict[str, Any] = {
    "model": "wan2.2-t2v-plus",
    "region": "ap-southeast-1",
    "endpoint": "https://x/api/v1",
    "key_fingerprint": "f",
}


@pytest.mark.parametrize(
    ("other", "same"),
    [
        ({"at": "later", "request_id": "2", "answer": {"status": "RUNNING", "request_id": "2"}}, True),
        ({"answer": {"status": "SUCCEEDED", "request_id": "1"}}, False),
        ({"listed": "RUNNING"}, False),
    ],
)
def test_an_answer_is_the_same_whatever_its_time_and_request_id(other: dict[str, Any], same: bool) -> None:
    said = {"at": "now", "request_id": "1", "answer": {"status": "RUNNING", "request_id": "1"}}

    assert PollLine(**(said | other)).says_the_same_as(PollLine(**said)) is same
    assert not PollLine(**said).says_the_same_as(None)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return open_store(str(tmp_path))


@pytest.fixture
def clip(store: Store) -> ClipEvidence:
    return ClipEvidence(store, KEY)


def intent(owner: str = "w", attempt: int = 1) -> Intent:
    return Intent(**PLACE, key=KEY, attempt=attempt, owner=owner, lease=1, written_at=NOW)


def receipt(task_id: str = "t1", attempt: int = 1, key: str = KEY) -> Receipt:
    times: dict[str, Any] = {"submitted_at": NOW, "expires_at": NOW}
    return Receipt(**PLACE, **times, key=key, attempt=attempt, task_id=task_id, request_id=None)


def result(key: str = KEY, **more: Any) -> ResultRecord:
    clip = {"duration": 5.0, "fps": 30.0, "seed": 1, "model": PLACE["model"], "region": PLACE["region"]}
    clip |= {"key": key, "task_id": "t1", "size": "832*480", "size_bytes": 3, "sha256": "0" * 64}
    document = {"key": key, "clip": clip, "files": {"clip": f"videos/{key}.mp4"}, **more}
    return ResultRecord.model_validate(document)


def outcome(status: Any, attempt: int = 1) -> Outcome:
    return Outcome(key=KEY, attempt=attempt, status=status, decided_at=NOW)


def wish(by: str = "me") -> CancelWish:
    return CancelWish(key=KEY, asked_at=NOW, by=by)


def test_of_many_workers_one_opens_the_attempt(clip: ClipEvidence) -> None:
    def open_attempt(number: int) -> bool:
        try:
            clip.write_intent(intent(owner=f"w{number}"))
        except AlreadyThere:
            return False
        return True

    with ThreadPoolExecutor(8) as threads:
        won = list(threads.map(open_attempt, range(8)))

    last = clip.state().last
    assert sum(won) == 1
    assert last is not None
    assert last.intent.owner == f"w{won.index(True)}"


def test_an_attempt_goes_from_unknown_to_booked_to_ended(clip: ClipEvidence) -> None:
    clip.write_intent(intent())
    before = clip.state().attempts[0]
    clip.book(receipt())
    booked = clip.state().attempts[0]
    clip.write_outcome(outcome("succeeded"))
    ended = clip.state().attempts[0]

    assert (before.unknown, booked.unknown) == (True, False)
    assert (booked.ended, ended.ended and ended.ended.status) == (None, "succeeded")


@pytest.mark.parametrize("lost", ["claims/t1.json", "attempt-1/receipt.json"])
def test_a_booking_that_was_cut_off_is_found_again_without_the_provider(
    clip: ClipEvidence, store: Store, lost: str
) -> None:
    clip.write_intent(intent())
    clip.book(receipt())
    store.delete(f"evidence/{KEY}/attempt-1/receipt.json")
    store.delete(lost)

    cut_off = clip.state().attempts[0]
    again = clip.book(cut_off.found[0])

    assert cut_off.unknown
    assert again == receipt()
    assert not clip.state().attempts[0].unknown
    assert store.exists("claims/t1.json")


def test_an_intent_that_is_lost_is_told_from_its_receipt(clip: ClipEvidence) -> None:
    place = PLACE | {"workspace": "ws-1a2b3c", "account": "account-2"}
    clip.book(receipt().model_copy(update=place))

    (attempt,) = clip.state().attempts

    assert {name: getattr(attempt.intent, name) for name in place} == place


def test_a_task_belongs_to_one_attempt(clip: ClipEvidence, store: Store) -> None:
    other = ClipEvidence(store, "cd" * 32)
    other.book(receipt(key="cd" * 32))
    clip.write_intent(intent())

    assert clip.book(receipt()) is None
    assert clip.state().attempts[0].receipt is None


def test_the_first_receipt_of_an_attempt_stays(clip: ClipEvidence) -> None:
    clip.book(receipt("t1"))

    assert clip.book(receipt("t2")) == receipt("t1")


@pytest.mark.parametrize(
    ("first", "second", "ended"),
    [
        pytest.param("succeeded", "failed", "succeeded", id="the first word stays"),
        pytest.param("abandoned", "abandoned", None, id="abandoned is no end"),
        pytest.param("abandoned", "succeeded", "succeeded", id="an abandoned task was made after all"),
        pytest.param("abandoned", "canceled", "canceled", id="or its cancel worked in the end"),
        pytest.param("succeeded", "lost", "lost", id="a result can be lost before it is fetched"),
        pytest.param("lost", "succeeded", "lost", id="what is given up stays given up"),
    ],
)
def test_how_an_attempt_ended(clip: ClipEvidence, first: str, second: str, ended: str | None) -> None:
    clip.write_intent(intent())
    clip.write_outcome(outcome(first))
    clip.write_outcome(outcome(second))

    found = clip.state().attempts[0].ended
    assert (found and found.status) == ended


@pytest.mark.parametrize(
    ("status", "marked"), [("abandoned", True), ("succeeded", True), ("lost", False), ("failed", False)]
)
def test_a_word_by_which_a_clip_is_unfinished_again_marks_it(
    clip: ClipEvidence, store: Store, status: str, marked: bool
) -> None:
    clip.write_intent(intent())
    clip.write_outcome(outcome("failed"))
    clip.unmark_open()

    clip.contradict(outcome(status))

    assert store.exists(f"open/{KEY}") is marked


def test_the_last_word_about_cancelling_counts(clip: ClipEvidence) -> None:
    words = [clip.cancel_wanted()]
    clip.write_cancel(wish())
    words.append(clip.cancel_wanted())
    clip.override_cancel(clip.state().wishes, wish("somebody else"))
    words.append(clip.cancel_wanted())
    clip.write_cancel(wish())
    words.append(clip.cancel_wanted())

    assert words == [False, True, False, True]
    assert clip.state().cancel_wanted


def test_a_run_that_is_started_over_finds_what_it_said_first(clip: ClipEvidence) -> None:
    first = clip.join_run("run", Joined(key=KEY, joined_at=NOW, attempts=1))
    second = clip.join_run("run", Joined(key=KEY, joined_at=datetime.now(UTC), attempts=2))

    assert second == first


def test_the_first_result_is_what_everybody_gets(clip: ClipEvidence) -> None:
    first = clip.write_result(result(attempt=1))

    assert first.attempt == 1
    assert clip.write_result(result(attempt=2)) == first
    assert clip.result() == first


def test_the_manifest_covers_every_record_and_no_log(clip: ClipEvidence, store: Store) -> None:
    clip.write_order({"request": {}}, {"reference.png": b"png"})
    clip.write_intent(intent())
    clip.book(receipt())
    store.create(f"evidence/{KEY}/lease-1.json", b"{}")
    store.append(f"evidence/{KEY}/run.log", b"line\n")
    before = clip.manifest()
    store.replace(f"evidence/{KEY}/attempt-1/receipt.json", b"{}")

    assert set(before) == {
        "request.json",
        "reference.png",
        "attempt-1/intent.json",
        "attempt-1/found-t1.json",
        "attempt-1/receipt.json",
    }
    changed = {name for name, digest in clip.manifest().items() if digest != before[name]}
    assert changed == {"attempt-1/receipt.json"}


@pytest.mark.parametrize("content", [b"", b"{", b'{"key": 1}', b"\xff\xfe"])
@pytest.mark.parametrize(
    "name", ["attempt-1/intent.json", "attempt-1/receipt.json", "attempt-1/outcome.json"]
)
def test_evidence_that_makes_no_sense_is_named_and_nothing_is_concluded(
    clip: ClipEvidence, store: Store, name: str, content: bytes
) -> None:
    clip.write_intent(intent())
    store.replace(f"evidence/{KEY}/{name}", content)

    with pytest.raises(StorageProblem, match=name) as problem:
        clip.state()

    assert problem.value.next_step


def test_a_folder_in_the_place_of_a_record_is_named(clip: ClipEvidence, store: Store) -> None:
    store.replace(f"evidence/{KEY}/attempt-1/intent.json/inside", b"")

    with pytest.raises(BadRecord, match=f"evidence/{KEY}/attempt-1/intent.json") as refused:
        clip.state()

    assert refused.value.key == KEY


def test_one_listing_tells_which_clips_are_unfinished(store: Store) -> None:
    for key, write in {"aa": "intent", "bb": "receipt", "cc": "result"}.items():
        evidence = ClipEvidence(store, key * 32)
        evidence.write_intent(intent())
        if write != "intent":
            evidence.book(receipt(task_id=key, key=key * 32))
        if write == "result":
            evidence.write_result(result(key * 32))

    names = keys_in(store)

    assert {key[:2] for key in names if unfinished(names[key])} == {"aa", "bb"}
