"""Records of evidence for tests that only need one to be there."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import Any

from footage.evidence.clip_evidence import ClipEvidence
from footage.evidence.delivered_records import ResultRecord
from footage.evidence.records import Intent, Outcome, Receipt
from footage.storage import Store

KEY = "ab" * 32
INTENT = Intent(
    key=KEY,
    attempt=1,
    model="m",
    region="r",
    endpoint="https://x/api/v1",
    key_fingerprint="f",
    owner="o",
    lease=1,
    written_at=datetime(2026, 11, 1, tzinfo=UTC),
)


def bought(store: Store, task_id: str, status: Any = None, *, sealed: bool = False) -> ClipEvidence:
    """The evidence of one purchase, as far as it came, without a marker: what an older release left behind."""
    key = hashlib.sha256(task_id.encode()).hexdigest()
    evidence = ClipEvidence(store, key)
    intent = INTENT.model_copy(update={"key": key})
    evidence.write_intent(intent)
    place = intent.model_dump(include={"key", "attempt", "model", "region", "endpoint", "key_fingerprint"})
    place |= {"submitted_at": intent.written_at, "expires_at": intent.written_at}
    evidence.book(Receipt(**place, task_id=task_id, request_id=None))
    if status is not None:
        evidence.write_outcome(Outcome(key=key, attempt=1, status=status, decided_at=intent.written_at))
    if sealed:
        clip = {"duration": 5.0, "fps": 30.0, "seed": 1, "model": "m", "region": "r", "task_id": task_id}
        clip |= {"key": key, "size": "832*480", "size_bytes": 3, "sha256": "0" * 64}
        record = {"key": key, "clip": clip, "files": {"clip": f"videos/{key}.mp4"}}
        evidence.write_result(ResultRecord.model_validate(record))
    evidence.unmark_open()
    return evidence
