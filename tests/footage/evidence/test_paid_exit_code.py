"""A network that does not answer ends with 8 only where nothing is booked, or may be."""

from __future__ import annotations

import pickle
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from countedstore import CountedStore
from meetingstore import MeetingStore

from footage.errors import Unanswered, Unreachable
from footage.evidence.clip_evidence import ClipEvidence
from footage.evidence.paid import paid_by_run, paid_for, with_what_is_booked
from footage.evidence.records import Intent, Outcome, Receipt
from footage.storage import open_store

KEY = "ab" * 32
NOW = datetime(2026, 11, 1, tzinfo=UTC)
COMMON: dict[str, Any] = {"key": KEY, "attempt": 1}
AT: dict[str, Any] = {"model": "m", "region": "r", "endpoint": "https://x/api/v1", "key_fingerprint": "f"}
INTENT = Intent(**COMMON, **AT, owner="o", lease=1, written_at=NOW)
RECEIPT = Receipt(**COMMON, **AT, task_id="t1", request_id=None, submitted_at=NOW, expires_at=NOW)


def failed(**more: Any) -> Outcome:
    return Outcome(**{**COMMON, "status": "failed", "decided_at": NOW, "billed": False, **more})


@pytest.mark.parametrize(
    ("records", "code"),
    [
        pytest.param([], 8, id="nothing was ever sent"),
        pytest.param([INTENT], 5, id="sent, and the answer is not known"),
        pytest.param([INTENT, RECEIPT], 5, id="booked"),
        pytest.param([INTENT, failed()], 8, id="the create never reached the provider"),
        pytest.param([INTENT, RECEIPT, failed()], 8, id="failed at the provider, which is not billed"),
        pytest.param([INTENT, RECEIPT, failed(status="abandoned")], 5, id="runs on and is billed"),
        pytest.param([INTENT, RECEIPT, failed(status="succeeded", billed=True)], 5, id="made, not fetched"),
        pytest.param([INTENT, RECEIPT, failed(status="lost", billed=None)], 5, id="perhaps billed"),
    ],
)
def test_the_evidence_decides_the_exit_code(records: list[object], code: int, tmp_path: Path) -> None:
    store = open_store(str(tmp_path))
    evidence = ClipEvidence(store, KEY)
    for record in records:
        if isinstance(record, Intent):
            evidence.write_intent(record)
        elif isinstance(record, Receipt):
            evidence.book(record)
        elif isinstance(record, Outcome):
            evidence.write_outcome(record)

    error = with_what_is_booked(Unreachable("No answer.", reason="refused"), store, [KEY, "cd" * 32])

    assert (error.exit_code, error.retryable, error.details["reason"]) == (code, True, "refused")
    assert pickle.loads(pickle.dumps(error)).exit_code == code


def test_what_is_booked_stays_so_however_often_it_is_asked() -> None:
    booked = Unreachable("No answer.").booked()

    assert type(booked) is Unanswered
    assert booked.booked() is booked


def test_a_finished_clip_is_told_by_one_listing(tmp_path: Path) -> None:
    store = CountedStore(open_store(str(tmp_path)))
    # What it says is not looked at.
    store.create(f"runs/the-run/{KEY}", b"{}")
    store.create(f"evidence/{KEY}/result.json", b"{}")
    store.asked.clear()

    told = paid_by_run(store, "the-run")  # type: ignore[arg-type]

    assert told == "yes, and nothing is bought again"
    assert store.asked == [("list", "runs/the-run/"), ("list", f"evidence/{KEY}")]


def test_clips_are_looked_at_several_at_once(tmp_path: Path) -> None:
    store = MeetingStore(open_store(str(tmp_path)), "list")

    assert paid_for(store, [KEY, "cd" * 32]) == "nothing"  # type: ignore[arg-type]
