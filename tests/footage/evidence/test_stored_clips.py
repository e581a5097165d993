"""What the names of a clip's evidence files tell, and that a result is the clip's own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from keptstore import KEYS, kept_store

from footage.errors import BadRecord, StorageProblem
from footage.evidence.clip_evidence import ClipEvidence
from footage.evidence.stored_clips import (
    UNREADABLE,
    attempts_in,
    keys_in,
    last_word_in,
    names_of,
    tasks_in,
    unbooked,
    unfinished,
)
from footage.storage import Store, open_store

ONE, OTHER = "1a" * 32, "2b" * 32


@pytest.mark.parametrize(
    ("names", "may_be_unknown"),
    [
        (["request.json"], False),
        (["attempt-1/intent.json"], True),
        (["attempt-1/intent.json", "attempt-1/found-t1.json"], True),
        (["attempt-1/intent.json", "attempt-1/receipt.json"], False),
        (["attempt-1/intent.json", "attempt-1/outcome.json"], False),
        (["attempt-1/intent.json", "attempt-1/outcome.json", "attempt-2/intent.json"], True),
        (["attempt-1/intent.json", "result.json"], False),
        ([UNREADABLE], True),
    ],
)
def test_an_attempt_without_receipt_and_outcome_may_have_bought(
    names: list[str], may_be_unknown: bool
) -> None:
    assert unbooked(names) is may_be_unknown


def test_the_tasks_of_a_clip_are_those_that_were_found_for_any_attempt() -> None:
    names = [
        "attempt-1/found-t1.json",
        "attempt-12/found-t-2.json",
        "attempt-1/receipt.json",
        "found-t3.json",
    ]

    assert tasks_in(names) == {"t1", "t-2"}


@pytest.mark.parametrize(
    ("names", "word"),
    [
        (["attempt-1/intent.json"], None),
        (["attempt-1/outcome.json"], "attempt-1/outcome.json"),
        (["attempt-1/outcome.json", "attempt-1/settlement.json"], "attempt-1/settlement.json"),
        (["attempt-1/settlement.json", "attempt-1/settlement-2.json"], "attempt-1/settlement-2.json"),
        (["attempt-1/settlement-10.json", "attempt-1/settlement-9.json"], "attempt-1/settlement-10.json"),
        (["attempt-2/outcome.json", "attempt-1/settlement.json.part", "attempt-1/settlement-0.json"], None),
    ],
)
def test_the_last_word_about_an_attempt_is_its_newest_settlement_or_else_its_outcome(
    names: list[str], word: str | None
) -> None:
    assert last_word_in(names, 1) == word


def test_attempts_are_counted_from_the_last_and_what_is_none_is_left_out() -> None:
    names = {"attempt-1/intent.json", "attempt-10/intent.json", "attempt-2/x", "attempt-0/x", "attempt-x/y"}

    assert attempts_in(names) == [10, 2, 1]


@pytest.mark.parametrize(
    ("names", "is_unfinished"),
    [
        ({"request.json"}, False),
        ({"request.json", "attempt-1/intent.json"}, True),
        ({"attempt-1/intent.json", "attempt-1/receipt.json"}, True),
        ({"attempt-1/intent.json", "attempt-1/receipt.json", "result.json"}, False),
        ({UNREADABLE}, True),
    ],
)
def test_what_waits_is_told_by_names(names: set[str], is_unfinished: bool) -> None:
    assert unfinished(names) == is_unfinished


class _Locked:
    """A store in which the folder of one clip cannot be listed, nor what is above it."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def list(self, folder: str) -> list[str]:
        if folder in ("evidence/", f"evidence/{OTHER}/"):
            raise StorageProblem("Could not list: permission denied.")
        return self._store.list(folder)

    def folders(self, folder: str) -> list[str]:
        return self._store.folders(folder)


def test_a_folder_that_cannot_be_listed_hides_no_other_clip() -> None:
    store = open_store("memory://stored-clips")
    for path in (f"{ONE}/request.json", f"{OTHER}/request.json", "no-key/request.json", "file.json"):
        store.create(f"evidence/{path}", b"{}")
    locked: Any = _Locked(store)

    assert keys_in(store) == {ONE: {"request.json"}, OTHER: {"request.json"}}
    assert keys_in(locked) == {ONE: {"request.json"}, OTHER: {UNREADABLE}}
    assert (names_of(locked, ONE), names_of(locked, OTHER)) == ({"request.json"}, {UNREADABLE})


def test_the_result_of_another_clip_is_not_taken_for_this_ones(tmp_path: Path) -> None:
    root, key = kept_store(tmp_path), KEYS["t2v"]
    path = root / "evidence" / key / "result.json"
    evidence = ClipEvidence(open_store(str(root)), key)
    assert evidence.state().result is not None

    path.write_text(path.read_text().replace(f'"key": "{key}"', f'"key": "{KEYS["i2v"]}"', 1))

    with pytest.raises(BadRecord, match="key"):
        evidence.state()
