"""Records of evidence for tests that only need one to be there."""

from __future__ import annotations

from datetime import UTC, datetime

from footage.evidence.records import Intent

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
