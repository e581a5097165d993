"""A ledger whose lines or corrections do not fit stops buying, and what a killed writer left does not."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from purchases import MODEL, purchase

from footage.errors import BadRecord, NotAFile
from footage.settings import load_settings
from footage.spending.caps import Caps
from footage.spending.ledger import SpendingLedger
from footage.storage import Store, open_store

NOON = datetime(2026, 11, 28, 12, tzinfo=UTC)
TODAY = NOON.date()


def caps(**settings: str) -> Caps:
    return Caps(load_settings(**settings))


@pytest.mark.parametrize("damage", ["line", "correction"])
def test_a_ledger_that_does_not_fit_stops_buying(store: Store, damage: str) -> None:
    ledger = SpendingLedger(store)
    line = ledger.reserve(purchase(1), NOON)
    if damage == "line":
        store.replace("spending/2026-11/0000/0000001.json", b"{}")
    else:
        store.replace(f"spending/corrections/{TODAY}/free.json", b"{}")
    assert line.number == 1

    with pytest.raises(BadRecord) as error:
        SpendingLedger(store).reserve(purchase(2), NOON, caps(max_cost_per_day="9 CNY").check)

    assert "nothing is bought in this store" in str(error.value)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("month_sums", {MODEL: {"CNY": "1E+999999999"}}),
        ("month_sums", {MODEL: {"CNY": "-1E+30"}}),
        ("day_sums", {str(TODAY): {MODEL: {"CNY": "-5"}}}),
        ("day_sums", {str(TODAY): {MODEL: {"CNY": "0.69"}}}),
        ("day_sums", {}),
        ("month_sums", {MODEL: {"USD": "0.70"}}),
        ("month_sums", {MODEL: {"CNY": "1e15"}}),
    ],
    ids=str,
)
def test_sums_that_cannot_be_stop_buying(store: Store, field: str, value: Any) -> None:
    path = f"spending/{TODAY:%Y-%m}/0000/0000001.json"
    SpendingLedger(store).reserve(purchase(1), NOON)
    store.replace(path, json.dumps({**json.loads(store.read(path)), field: value}).encode())

    with pytest.raises(BadRecord):
        SpendingLedger(store).reserve(purchase(2), NOON)


def test_the_highest_number_is_followed_by_an_error(store: Store) -> None:
    path = f"spending/{TODAY:%Y-%m}/0000/0000001.json"
    SpendingLedger(store).reserve(purchase(1), NOON)
    last = {**json.loads(store.read(path)), "number": 999_999_999}
    store.create(f"spending/{TODAY:%Y-%m}/999999/999999999.json", json.dumps(last).encode())

    with pytest.raises(BadRecord, match="no line can follow"):
        SpendingLedger(store).reserve(purchase(2), NOON)


@pytest.mark.timeout(10)
def test_a_writer_that_died_at_a_new_folder_stops_nobody(tmp_path: Path) -> None:
    store = open_store(str(tmp_path))
    SpendingLedger(store).reserve(purchase(1), NOON)
    (tmp_path / f"spending/{TODAY:%Y-%m}/0001").mkdir()

    line = SpendingLedger(store).reserve(purchase(2), NOON)

    assert line.number == 2
    assert SpendingLedger(store).spent(NOON).creates == 2


@pytest.mark.timeout(10)
@pytest.mark.parametrize("what", ["a folder", "a link to nothing"])
def test_what_is_in_the_place_of_the_next_line_ends_the_search(tmp_path: Path, what: str) -> None:
    store = open_store(str(tmp_path))
    SpendingLedger(store).reserve(purchase(1), NOON)
    place = tmp_path / f"spending/{TODAY:%Y-%m}/0000/0000002.json"
    if what == "a folder":
        place.mkdir()
    else:
        place.symlink_to("nothing")

    with pytest.raises(NotAFile):
        SpendingLedger(store).reserve(purchase(2), NOON)


def test_a_correction_that_nobody_could_read_is_not_written(store: Store) -> None:
    ledger = SpendingLedger(store)
    line = ledger.reserve(purchase(1, model="a/model_of ours"), NOON)
    dear = ledger.reserve(purchase(2, price="200000"), NOON)

    for spending, seconds in ((line, 0), (dear, 6)):
        with pytest.raises(BadRecord):
            ledger.correct(spending, Decimal(seconds), "billed", NOON)

    assert ledger.spent(NOON).creates == 2


def test_corrections_that_take_back_more_than_was_promised_stop_buying(store: Store) -> None:
    SpendingLedger(store).reserve(purchase(1), NOON)
    store.create(f"spending/corrections/{TODAY}/0000001_1_{MODEL}_CNY_-1.41_billed.json", b"{}")

    with pytest.raises(BadRecord):
        SpendingLedger(store).reserve(purchase(2), NOON, caps(max_cost_per_day="9 CNY").check)


def test_a_line_that_was_lost_is_told_from_one_that_got_its_number(store: Store) -> None:
    first, second = purchase(1), purchase(2)
    line = SpendingLedger(store).reserve(first, NOON)
    for path in store.list("spending"):
        store.delete(path)
    ledger = SpendingLedger(store)
    assert not ledger.has(line, first.key, first.attempt)

    assert ledger.reserve(second, NOON) == line

    assert not ledger.has(line, first.key, first.attempt)
    assert not ledger.has(line, second.key, second.attempt + 1)
    assert ledger.has(line, second.key, second.attempt)


def test_a_line_that_is_another_ones_copy_is_not_counted(store: Store) -> None:
    ledger = SpendingLedger(store)
    ledger.reserve(purchase(1), NOON)
    ledger.reserve(purchase(2), NOON)
    first, second = (f"spending/{TODAY:%Y-%m}/0000/000000{number}.json" for number in (1, 2))
    store.replace(second, store.read(first))

    with pytest.raises(BadRecord):
        list(ledger.lines(TODAY, TODAY))
