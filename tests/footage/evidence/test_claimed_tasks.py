"""Whose the provider's tasks are: each claim is read once, and one that cannot be read hides no other."""

from __future__ import annotations

import itertools
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from countedstore import CountedStore
from records import INTENT

from footage.errors import StorageProblem
from footage.evidence.claimed_tasks import Claimed, ClaimedTasks
from footage.evidence.claims import Claims
from footage.evidence.reader import RecordReader
from footage.evidence.records import Claim
from footage.provider import TaskRow
from footage.provider.results import TaskStatus
from footage.steps.booking import receipt_of
from footage.storage import open_store

KEY = "ab" * 32


def _said(claim: Claim) -> Claimed:
    return Claimed(claim.key, claim.attempt)


def _store(folder: Path, **claims: bytes) -> Any:
    store = open_store(str(folder))
    for task_id, body in claims.items():
        store.create(f"claims/{task_id}.json", body)
    return CountedStore(store)


def test_what_is_claimed_is_read_once_and_what_is_not_is_looked_for_again(tmp_path: Path) -> None:
    claim = Claim(task_id="one", key=KEY, attempt=2)
    store = _store(tmp_path, one=claim.to_bytes())
    tasks = ClaimedTasks(store)

    assert tasks.of(["one", "two"]) == {"one": _said(claim)}
    two = Claim(task_id="two", key=KEY, attempt=1)
    store.create("claims/two.json", two.to_bytes())
    assert tasks.of(["one", "two"]) == {"one": _said(claim), "two": _said(two)}
    assert tasks.of(["two"]) == {"two": _said(two)}

    read = [path for method, path in store.asked if method == "read"]
    assert read == ["claims/one.json", "claims/two.json", "claims/two.json"]
    assert not any(method == "list" for method, _ in store.asked)


def test_a_claim_that_cannot_be_read_is_told_with_the_others(tmp_path: Path) -> None:
    claim = Claim(task_id="one", key=KEY, attempt=1)
    tasks = ClaimedTasks(_store(tmp_path, one=claim.to_bytes(), bad=b"{", other=claim.to_bytes()))

    found = tasks.of(["bad", "one", "other"])

    assert found["one"] == _said(claim)
    for name in ("bad", "other"):
        problem = found[name]
        assert isinstance(problem, StorageProblem)
        assert f"claims/{name}.json" in problem.message


def test_of_many_tasks_one_listing_tells_which_have_a_claim_to_be_read(tmp_path: Path) -> None:
    claim = Claim(task_id="one", key=KEY, attempt=1)
    store = _store(tmp_path, one=claim.to_bytes())

    found = ClaimedTasks(store).of([*(f"of-another-store-{number}" for number in range(500)), "one"])

    assert found == {"one": _said(claim)}
    # The first hundred were looked for one by one.
    assert [method for method, _ in store.asked] == ["read"] * 100 + ["walk", "read"]


def test_of_many_that_are_all_claimed_no_listing_is_made_and_what_was_claimed_here_is_not_read(
    tmp_path: Path,
) -> None:
    claims = {f"t{number}": Claim(task_id=f"t{number}", key=KEY, attempt=1) for number in range(150)}
    store = _store(tmp_path, **{name: claim.to_bytes() for name, claim in claims.items()})
    tasks = ClaimedTasks(store)
    tasks.note(claims["t7"])

    assert tasks.of(claims) == {name: _said(claim) for name, claim in claims.items()}
    assert [method for method, _ in store.asked] == ["read"] * 149
    assert ("read", "claims/t7.json") not in store.asked


EACH_SECOND = range(21)


@pytest.mark.parametrize(
    ("within_s", "looked_at_s"),
    [
        pytest.param(0.0, [*EACH_SECOND], id="who decides something: each time"),
        pytest.param(60.0, [0, 1, 2, 4, 8, 16], id="who waits: after as long as it had none"),
        pytest.param(3.0, [0, 1, 2, 4, 7, 10, 13, 16, 19], id="but within the time that is given"),
    ],
)
def test_who_waits_looks_less_and_less_often_for_the_claim_of_a_task_that_has_none(
    tmp_path: Path, within_s: float, looked_at_s: list[int]
) -> None:
    store, now_s = _store(tmp_path), [0.0]
    tasks, looked = ClaimedTasks(store, lambda: now_s[0]), list[int]()

    for second in EACH_SECOND:
        now_s[0] = float(second)
        store.asked.clear()
        assert tasks.of(["foreign"], look_again_within_s=within_s) == {}
        if store.asked:
            looked.append(second)

    assert looked == looked_at_s
    mine = Claim(task_id="foreign", key=KEY, attempt=1)
    store.create("claims/foreign.json", mine.to_bytes())
    assert tasks.of(["foreign"]) == {"foreign": _said(mine)}, "who decides something waits for nothing"


class _Meeting:
    """A store whose first answer about a claim comes when three have asked which tasks are claimed."""

    def __init__(self, store: Any) -> None:
        self._store = store
        self.reading, self.all_came = threading.Event(), threading.Event()

    def read(self, path: str, **named: Any) -> bytes:
        self.reading.set()
        assert self.all_came.wait(30)
        return self._store.read(path, **named)


def test_who_comes_while_a_claim_is_read_shares_the_next_look_for_it(tmp_path: Path) -> None:
    store, moments = _store(tmp_path), itertools.count()
    meeting, came = _Meeting(store), threading.Semaphore(0)

    def clock() -> float:
        came.release()
        return float(next(moments))

    tasks = ClaimedTasks(meeting, clock)  # type: ignore[arg-type]
    with ThreadPoolExecutor(3) as pool:
        looks = [pool.submit(tasks.of, ["foreign"])]
        assert meeting.reading.wait(30)
        while came.acquire(blocking=False):
            """Those of the first one are of no interest."""
        looks += [pool.submit(tasks.of, ["foreign"]) for _ in range(2)]
        for _ in range(2):
            assert came.acquire(timeout=30)
        meeting.all_came.set()

        assert [look.result(30) for look in looks] == [{}] * 3
    assert store.asked == [("read", "claims/foreign.json")] * 2


NOON = datetime(2026, 11, 29, 12, tzinfo=UTC)


def _claim(store: Any, key: str, task_id: str) -> Claim:
    intent = INTENT.model_copy(update={"key": key, "attempt": 1})
    receipt = receipt_of(intent, task_id, None, NOON)
    assert Claims(store, RecordReader(store), key).make(receipt)
    return Claim(task_id=task_id, key=key, attempt=1)


def test_in_a_store_that_began_with_an_index_a_clip_s_claims_are_found_without_the_others(
    tmp_path: Path,
) -> None:
    store = _store(tmp_path)
    mine, _ = _claim(store, KEY, "mine"), _claim(store, "cd" * 32, "theirs")
    store.asked.clear()

    tasks = ClaimedTasks(store)
    assert tasks.of_clip(KEY, NOON) == {"mine": _said(mine)}
    assert tasks.of_clip("ef" * 32, NOON) == {}
    assert ("read", "claims/theirs.json") not in store.asked


def test_an_entry_alone_is_no_claim_and_a_broken_claim_is_told(tmp_path: Path) -> None:
    store = _store(tmp_path)
    _claim(store, KEY, "broken")
    store.replace("claims/broken.json", b"{")
    store.create(f"claimed/{KEY}/not-claimed.json", b"{}")

    found = ClaimedTasks(store).of_clip(KEY, NOON)

    assert found is not None
    assert list(found) == ["broken"]
    assert isinstance(found["broken"], StorageProblem)


def test_an_index_that_began_among_claims_may_lack_some_for_a_day(tmp_path: Path) -> None:
    store = _store(tmp_path, older=Claim(task_id="older", key=KEY, attempt=1).to_bytes())
    assert ClaimedTasks(store).of_clip(KEY, NOON) is None
    newer = _claim(store, KEY, "newer")
    now = datetime.now(UTC)

    tasks = ClaimedTasks(store)
    assert tasks.of_clip(KEY, now + timedelta(hours=71)) is None
    assert tasks.of_clip(KEY, now + timedelta(hours=73)) == {"newer": _said(newer)}
    # What proves nothing is not there.
    store.replace("claimed/since.json", b"{")
    assert ClaimedTasks(store).of_clip(KEY, now + timedelta(hours=73)) is None


OTHER = "cd" * 32
# By the provider's clock.
SENT = NOON - timedelta(hours=1)
FOREIGN = [f"foreign-{number}" for number in range(100)]


def _rows(*task_ids: str, made_at: datetime = SENT - timedelta(minutes=1)) -> list[TaskRow]:
    return [TaskRow(task_id, None, "m", TaskStatus.RUNNING, made_at) for task_id in task_ids]


def test_which_of_many_tasks_are_of_others_is_listed_once_a_minute_for_all_that_ask(tmp_path: Path) -> None:
    store, now_s = _store(tmp_path), [0.0]
    _claim(store, OTHER, "theirs")
    store.create("claims/broken.json", b"{")
    tasks = ClaimedTasks(store, lambda: now_s[0])
    store.asked.clear()

    def listings() -> int:
        return [method for method, _ in store.asked].count("walk")

    with tasks.sought(KEY, NOON, SENT):
        for _ in range(2):
            assert tasks.of_others(_rows("theirs", "broken", *FOREIGN)) == {"theirs", "broken"}
        assert tasks.of_others(_rows(*FOREIGN)) == set()
        assert listings() == 1
        _claim(store, OTHER, "later")
        now_s[0] = 59.0
        assert tasks.of_others(_rows("theirs", "later", *FOREIGN)) == {"theirs"}
        now_s[0] = 61.0
        assert tasks.of_others(_rows("theirs", "later")) == {"theirs"}, "few are looked for one by one"
        assert listings() == 1
        assert tasks.of_others(_rows("later", *FOREIGN)) == {"later"}
    assert listings() == 2


def test_tasks_whose_claims_were_read_are_no_reason_to_list_all(tmp_path: Path) -> None:
    store = _store(tmp_path)
    claims = [_claim(store, OTHER, task_id) for task_id in FOREIGN]
    tasks = ClaimedTasks(store)
    for claim in claims:
        tasks.note(claim)
    store.asked.clear()

    with tasks.sought(KEY, NOON, SENT):
        assert tasks.of_others(_rows(*FOREIGN, "one more")) == set()

    assert store.asked == []


def test_what_is_claimed_for_a_clip_that_is_sought_is_nobody_elses_whenever_it_was_claimed(
    tmp_path: Path,
) -> None:
    store, now_s = _store(tmp_path), [0.0]
    for name in ("theirs", "more"):
        _claim(store, OTHER, name)
    _claim(store, KEY, "mine")
    tasks = ClaimedTasks(store, lambda: now_s[0])

    with tasks.sought(KEY, NOON, SENT):
        assert tasks.of_others(_rows("theirs", "mine", *FOREIGN)) == {"theirs"}
        _claim(store, KEY, "since")
        # The claims are listed again.
        now_s[0] = 61.0
        assert tasks.of_others(_rows(*FOREIGN, "since", "mine", "more")) == {"more"}
        # Of two searches for the same clip one ends.
        with tasks.sought(KEY, NOON, SENT), tasks.sought(OTHER, NOON, SENT):
            assert tasks.of_others(_rows("theirs", "mine", "more")) == set()
        assert tasks.of_others(_rows("theirs", "mine", "more")) == {"theirs", "more"}
    with tasks.sought("ef" * 32, NOON, SENT):
        assert tasks.of_others(_rows("theirs", "mine", "since")) == {"theirs", "mine", "since"}


@pytest.mark.parametrize(
    ("bounds", "told"),
    [
        pytest.param([SENT], {"theirs"}, id="older ones"),
        pytest.param([SENT, SENT - timedelta(hours=3)], set[str](), id="not what another search may find"),
        pytest.param([SENT, None], set[str](), id="nor where any may be the clip's"),
        pytest.param([], set[str](), id="nor where nobody seeks one"),
    ],
)
def test_tasks_that_may_be_a_clip_s_by_the_clock_have_their_claims_read(
    tmp_path: Path, bounds: list[datetime | None], told: set[str]
) -> None:
    store = _store(tmp_path)
    for name in ("theirs", "new"):
        _claim(store, OTHER, name)
    tasks = ClaimedTasks(store)
    rows = [*_rows("theirs", *FOREIGN), *_rows("new", made_at=SENT)]

    with ExitStack() as searches:
        for number, bound in enumerate(bounds):
            searches.enter_context(tasks.sought(f"{number:064x}", NOON, bound))
        assert tasks.of_others(rows) == told
        assert [row.task_id for row in tasks.without_others(rows) if row.task_id not in FOREIGN] == [
            name for name in ("theirs", "new") if name not in told
        ]


def test_where_the_index_may_lack_claims_no_task_is_of_others(tmp_path: Path) -> None:
    store = _store(tmp_path, older=Claim(task_id="older", key=OTHER, attempt=1).to_bytes())
    _claim(store, OTHER, "newer")
    tasks, rows = ClaimedTasks(store), _rows("older", "newer", *FOREIGN)
    now = datetime.now(UTC)

    # By a clock that is days ahead it would be old enough.
    with tasks.sought(KEY, now + timedelta(hours=71), SENT), tasks.sought(KEY, now + timedelta(days=9), SENT):
        assert tasks.of_others(rows) == set()
    with tasks.sought(KEY, now + timedelta(hours=73), SENT):
        assert tasks.of_others(rows) == {"older", "newer"}
