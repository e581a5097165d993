"""Whatever is in a record's file, reading it gives the record or one typed error."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any

from fuzzing import fuzz
from hypothesis import strategies as st

from footage.errors import StorageProblem
from footage.evidence.clip_evidence import ClipEvidence
from footage.evidence.delivered_records import DeliveredRecord, ResultRecord
from footage.evidence.reader import RecordReader
from footage.evidence.records import Claim, Intent, Outcome, Receipt
from footage.evidence.stored_order import stored_order
from footage.storage import open_store

KEPT = Path(__file__).parents[2] / "fixtures" / "evidence-0.1.0"
KEYS: dict[str, str] = json.loads((KEPT / "keys.json").read_text())
CLIP = KEPT / "evidence" / KEYS["i2v"]
KINDS = {
    "attempt-1/intent.json": Intent,
    "attempt-1/receipt.json": Receipt,
    "attempt-1/outcome.json": Outcome,
    "delivered.json": DeliveredRecord,
    "result.json": ResultRecord,
    "claims/x.json": Claim,
}

_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.sampled_from(["NaN", "9999-12-31T23:59:59Z", "1e999", "../..", "a" * 5000]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


def _changed(data: st.DataObject, value: Any) -> Any:
    """The document with a few of its values, at any depth, replaced or left out."""
    if isinstance(value, dict):
        return {
            name: _changed(data, inner) for name, inner in value.items() if data.draw(st.integers(0, 40)) != 0
        }
    return data.draw(_VALUES) if data.draw(st.integers(0, 12)) == 0 else value


@fuzz(examples=200, name=st.sampled_from(list(KINDS)), data=st.data())
def test_a_record_is_read_or_refused(name: str, data: st.DataObject) -> None:
    store = open_store("memory://record-fuzz")
    path = CLIP / name
    original = (
        json.loads(path.read_text()) if path.exists() else {"task_id": "x", "key": KEYS["i2v"], "attempt": 1}
    )
    content = json.dumps(_changed(data, original)).encode()
    content = content[: data.draw(st.integers(0, len(content)))] if data.draw(st.booleans()) else content
    store.replace("record.json", content)

    with contextlib.suppress(StorageProblem):
        RecordReader(store).record("record.json", KINDS[name])


@fuzz(examples=60, data=st.data())
def test_an_order_is_read_or_refused(data: st.DataObject) -> None:
    store = open_store("memory://order-fuzz")
    original = json.loads((CLIP / "request.json").read_text())
    store.replace(f"evidence/{KEYS['i2v']}/request.json", json.dumps(_changed(data, original)).encode())

    try:
        order = stored_order(ClipEvidence(store, KEYS["i2v"]))
    except StorageProblem:
        return
    assert order.key == KEYS["i2v"]
