"""Clips in a store, as far as their evidence tells of them; nothing is bought and no video is there."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from records import INTENT

from footage.evidence.clip_evidence import ClipEvidence
from footage.evidence.delivered_records import ClipRecord, CostRecord, Files, ResultRecord
from footage.evidence.records import Outcome, Receipt
from footage.order import Order
from footage.order.parse import parse_request
from footage.order.prepared import Prepared
from footage.storage import Store

REGION = "cn-beijing"
DAY = datetime(2026, 11, 20, 9, tzinfo=UTC)


def ordered(store: Store, prompt: str, **request: Any) -> Order:
    """A clip that was ordered and never bought."""
    asked = {"model": "wanx2.1-t2v-turbo", "prompt": prompt, "duration": 5, **request}
    order = Prepared.of(parse_request(asked, default_region=REGION), None, REGION).order
    ClipEvidence(store, order.key).write_order(order.to_json(), {})
    return order


def bought(store: Store, prompt: str, **request: Any) -> Order:
    """A clip that was bought and is not finished."""
    order = ordered(store, prompt, **request)
    evidence = ClipEvidence(store, order.key)
    intent = INTENT.model_copy(update={"key": order.key, "written_at": DAY})
    evidence.write_intent(intent)
    place = intent.model_dump(include={"key", "attempt", "model", "region", "endpoint", "key_fingerprint"})
    evidence.book(
        Receipt(**place, task_id=f"task-{order.key[:8]}", request_id=None, submitted_at=DAY, expires_at=DAY)
    )
    return order


def failed(store: Store, prompt: str, status: Any = "failed") -> Order:
    """A clip whose only attempt ended so."""
    order = bought(store, prompt)
    outcome = Outcome(key=order.key, attempt=1, status=status, decided_at=DAY)
    ClipEvidence(store, order.key).write_outcome(outcome)
    return order


def finish(store: Store, order: Order, at: datetime = DAY) -> str:
    """Give a clip its result; its key."""
    key, quote = order.key, order.quote
    cost = CostRecord(
        amount=quote.amount,
        currency=quote.currency,
        billed_seconds=Decimal(5),
        source="a page",
        read_on=DAY.date(),
    )
    clip = ClipRecord(
        duration=5.0, fps=16.0, seed=order.seed, key=key, model=order.model, region=REGION,
        task_id=f"task-{key[:8]}", size="832*480", size_bytes=3, sha256="0" * 64, cost=cost,
    )  # fmt: skip
    files = Files(clip=f"videos/{key}.mp4", poster=f"videos/{key}.jpg")
    record = ResultRecord(key=key, sealed_at=at.isoformat(), clip=clip, files=files)
    ClipEvidence(store, key).write_result(record)
    return key


def finished(store: Store, prompt: str, at: datetime = DAY, **request: Any) -> str:
    """A finished clip; its key."""
    return finish(store, ordered(store, prompt, **request), at)
