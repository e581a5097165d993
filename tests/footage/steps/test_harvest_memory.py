"""What a harvest remembers of those before it."""

from __future__ import annotations

import json
from base64 import urlsafe_b64encode
from datetime import UTC, datetime, timedelta

import pytest

from footage.steps.harvest_memory import MOST_REMEMBERED, keep_finished, not_yet_told, remembered
from footage.storage import open_store


def test_as_many_are_remembered_as_an_account_makes_in_a_day_with_what_comes_after_them() -> None:
    store = open_store("memory://harvest-memory")
    day = [f"task-{number}" for number in range(120_000)]
    expired = [f"clip-{number}" for number in range(1_500)]

    keep_finished(store, day)
    told = [len(not_yet_told(store, expired)) for _ in range(2)]
    kept = remembered(store).over()
    keep_finished(store, ["another"])

    assert MOST_REMEMBERED >= 500_000
    assert told == [1_500, 0]
    assert all(task in kept for task in day)
    assert "another" not in kept
    later = remembered(store).over()
    assert all(task in later for task in [*day, "another"])
    assert "a third" not in later
    assert not_yet_told(store, expired[:5]) == set()
    # Those that are not open any more were forgotten.
    assert not_yet_told(store, expired[5:10]) == set(expired[5:10])


def test_of_too_many_those_of_the_day_before_give_way() -> None:
    store = open_store("memory://full-memory")
    full = b"".join(number.to_bytes(8, "big") for number in range(MOST_REMEMBERED))
    yesterday = str(datetime.now(UTC).date() - timedelta(days=1))
    kept = {"finished_on": {yesterday: urlsafe_b64encode(full).decode()}}
    store.replace("harvest.json", json.dumps(kept).encode())

    keep_finished(store, ["a", "b"])

    memory = remembered(store)
    assert {"a", "b"} <= {task for task in ("a", "b", "c") if task in memory.over()}
    assert sum(map(len, memory.finished_on.values())) == len(full)


@pytest.mark.parametrize(
    "kept",
    [b'{"finished": ["0123456789ab"], "expired": []}', b'{"finished": "?"}', b'{"expired": "AAAA"}', b""],
)
def test_a_memory_of_another_shape_is_none(kept: bytes) -> None:
    store = open_store("memory://other-memory")
    store.replace("harvest.json", kept)

    assert "task" not in remembered(store).over()
    assert not_yet_told(store, ["clip"]) == {"clip"}
    assert not_yet_told(store, ["clip"]) == set()
