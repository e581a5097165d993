"""How much of the account's list is read, and who shares it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from providerside import service
from rawserver import Exchange, RawServer, reply

from footage.errors import Throttled, Unreachable
from footage.pacing.account_lists import PAGE_SIZE, AccountLists
from footage.provider import TaskRow, WanClient

NOW = datetime(2026, 11, 29, 12, 0, 30, tzinfo=UTC)
PAGES = 6


class _Provider:
    """Lists tasks that were made one a minute, newest first unless told."""

    def __init__(self) -> None:
        self.made = [NOW - timedelta(minutes=age) for age in range(PAGES * PAGE_SIZE)]
        self.pages: list[int] = []
        # What becomes of the answer for a page.
        self.changed: Callable[[dict[str, Any], int], dict[str, Any]] = lambda answer, _: answer

    def __call__(self, exchange: Exchange) -> bool:
        page = int(parse_qs(urlsplit(exchange.request.target).query)["page_no"][0])
        self.pages.append(page)
        rows = [
            {
                "task_id": f"task-{made.timestamp():.0f}",
                "status": "SUCCEEDED",
                "model_name": "m",
                "gmt_create": int(made.timestamp() * 1000),
            }
            for made in self.made[(page - 1) * PAGE_SIZE : page * PAGE_SIZE]
        ]
        total = len(self.made)
        answer = {"data": rows, "page_no": page, "total_page": -(-total // PAGE_SIZE), "total": total}
        return reply(self.changed(answer, page))(exchange)


@contextmanager
def listing(provider: Any) -> Iterator[tuple[RawServer, WanClient]]:
    with service(provider) as (server, client):
        yield server, client


def test_a_list_that_came_newest_first_is_read_as_far_as_it_is_new_from_then_on() -> None:
    provider, lists = _Provider(), AccountLists()
    since = NOW - timedelta(minutes=60)
    with listing(provider) as (_, client):
        first = lists.tasks(client, since=since, glance=True)
        assert provider.pages == [1, 2, 3, 4, 5, 6]
        provider.made.insert(0, NOW + timedelta(minutes=1))
        provider.pages.clear()
        later = lists.tasks(client, since=since, glance=True)

    assert [row.created_at for row in first] == [made for made in provider.made[1:] if made >= since]
    # The third page has nothing that is young enough.
    assert provider.pages == [1, 2, 3]
    assert [row.created_at for row in later] == [made for made in provider.made if made >= since]


@pytest.mark.parametrize("disorder", ["oldest first", "one task out of place"])
def test_a_list_in_another_order_is_read_to_its_end_each_time(disorder: str) -> None:
    provider, lists = _Provider(), AccountLists()
    if disorder == "oldest first":
        provider.made.reverse()
    else:
        provider.made.append(provider.made.pop(0))
    since = NOW - timedelta(minutes=60)
    with listing(provider) as (_, client):
        for _ in range(2):
            provider.pages.clear()
            rows = lists.tasks(client, since=since, glance=True)
            assert provider.pages == [1, 2, 3, 4, 5, 6]
            assert {row.created_at for row in rows} == {made for made in provider.made if made >= since}


def test_a_page_that_is_refused_is_asked_for_again_and_those_before_it_are_not() -> None:
    provider, lists, refused = _Provider(), AccountLists(), [3]

    def listed(exchange: Exchange) -> bool:
        page = int(parse_qs(urlsplit(exchange.request.target).query)["page_no"][0])
        if page in refused:
            refused.remove(page)
            return reply({"code": "Throttling", "message": "too many"}, 429)(exchange)
        return provider(exchange)

    with listing(listed) as (_, client):
        rows = lists.tasks(client)

        assert len(rows) == PAGES * PAGE_SIZE
        assert provider.pages == [1, 2, 3, 4, 5, 6]
        # Of a list that nothing is known of yet nothing is lost.
        refused.append(1)
        with pytest.raises(Throttled):
            lists.tasks(client)


def test_without_a_moment_everything_is_told_however_the_list_came() -> None:
    provider, lists = _Provider(), AccountLists()
    with listing(provider) as (_, client):
        for _ in range(2):
            provider.pages.clear()
            assert len(lists.tasks(client)) == PAGES * PAGE_SIZE
            assert provider.pages == [1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize(
    "proved", ["all are young and counted", "one is hidden", "one may be forgotten", "the time is not known"]
)
def test_what_a_purchase_follows_from_is_read_to_its_end_unless_the_number_of_tasks_proves_it(
    proved: str,
) -> None:
    provider, lists = _Provider(), AccountLists()
    since = NOW - timedelta(minutes=60)
    now = NOW + timedelta(hours=23 if proved == "one may be forgotten" else 1)
    with listing(provider) as (_, client):
        first = lists.tasks(client, since=since, now=now)
        assert provider.pages == [1, 2, 3, 4, 5, 6]
        provider.made.insert(0, NOW + timedelta(minutes=1))
        if proved == "one is hidden":
            provider.made.insert(PAGES * PAGE_SIZE - 5, NOW)
        provider.pages.clear()
        rows = lists.tasks(client, since=since, now=None if "time" in proved else now)

    by_count = proved == "all are young and counted"
    assert provider.pages == ([1, 2, 3] if by_count else [1, 2, 3, 4, 5, 6, 7])
    assert len(rows) == len(first) + (2 if proved == "one is hidden" else 1)


def test_an_order_that_was_broken_once_is_never_relied_on_again() -> None:
    provider, lists = _Provider(), AccountLists()
    since = NOW - timedelta(minutes=60)
    with listing(provider) as (_, client):
        lists.tasks(client, since=since)
        provider.made.append(provider.made.pop(0))
        lists.tasks(client, since=since)
        provider.made.insert(0, provider.made.pop())
        lists.tasks(client, since=since)
        lists.tasks(client, since=since)
        provider.pages.clear()
        lists.tasks(client, since=since, glance=True)

    assert provider.pages == [1, 2, 3, 4, 5, 6]


def test_clips_of_the_same_hour_share_a_list_and_none_is_older() -> None:
    provider, lists = _Provider(), AccountLists()
    with listing(provider) as (_, client):
        # 11:07:30 and all that is younger, and what belongs to the same hour.
        rows = lists.tasks(client, since=NOW - timedelta(minutes=53))

    assert min(row.created_at for row in rows) == NOW - timedelta(minutes=60)


def test_the_new_tasks_are_counted_as_far_back_as_the_last_whole_list() -> None:
    provider, lists = _Provider(), AccountLists()
    with listing(provider) as (_, client):
        lists.tasks(client, since=NOW, now=NOW)
        provider.made[:0] = [NOW + timedelta(minutes=minute) for minute in range(120, 0, -1)]
        provider.pages.clear()
        rows = lists.tasks(client, since=NOW + timedelta(minutes=110), now=NOW + timedelta(minutes=121))

    assert provider.pages == [1, 2, 3, 4]
    assert len(rows) == 61


def test_a_long_list_is_sifted_while_it_is_read_and_each_row_once() -> None:
    provider, lists = _Provider(), AccountLists()
    provider.made = [NOW - timedelta(seconds=age) for age in range(20_050)]
    sifted: list[int] = []

    def sift(rows: list[TaskRow]) -> list[TaskRow]:
        sifted.append(len(rows))
        return [row for row in rows if row.created_at.second == 0]

    with listing(provider) as (_, client):
        rows = lists.tasks(client, sift=sift)
        assert len(lists.tasks(client)) == 20_050, "an answer to another question"

    assert sifted == [10_000, 10_000]
    wanted = [made for made in provider.made[:20_000] if made.second == 0]
    # Few are left as they are.
    assert [row.created_at for row in rows] == [*wanted, *provider.made[20_000:]]


def test_who_sifts_shares_no_list_with_who_does_not() -> None:
    provider, lists = _Provider(), AccountLists()
    provider.made = [NOW - timedelta(seconds=age) for age in range(10_000)]
    came = threading.Barrier(4)

    def nothing(_: list[TaskRow]) -> list[TaskRow]:
        return []

    with listing(provider) as (_, client), ThreadPoolExecutor(4) as pool:

        def ask(sift: Any) -> int:
            came.wait(30)
            return len(lists.tasks(client, sift=sift))

        asked = [pool.submit(ask, sift) for sift in (None, nothing, None, nothing)]
        told = [one.result(30) for one in asked]

    assert told == [10_000, 0, 10_000, 0]


def test_a_sifted_list_tells_as_well_as_a_whole_one_how_far_the_next_is_read() -> None:
    provider, lists = _Provider(), AccountLists()
    provider.made = [NOW - timedelta(minutes=age) for age in range(10_100)]
    since = NOW - timedelta(minutes=60)
    with listing(provider) as (_, client):
        lists.tasks(client, since=NOW - timedelta(days=8), sift=lambda _: [])
        provider.pages.clear()
        lists.tasks(client, since=since, glance=True, sift=lambda _: [])

    assert provider.pages == [1, 2, 3]


@pytest.mark.parametrize(
    ("page", "says"),
    [
        (1, {"data": []}),
        (1, {"data": [], "total_page": 1}),
        (1, {"total_page": 1}),
        (2, {"page_no": 1}),
        (2, {"data": []}),
        (3, {"data": ["one row less"]}),
        (6, {"data": ["one row less"]}),
        (6, {"data": [], "total_page": 6}),
    ],
    ids=str,
)
def test_a_list_that_has_less_than_it_says_is_none(page: int, says: dict[str, Any]) -> None:
    provider, lists = _Provider(), AccountLists()

    def answered(answer: dict[str, Any], asked: int) -> dict[str, Any]:
        if asked != page:
            return answer
        changed = answer | says
        return changed | ({"data": answer["data"][1:]} if changed["data"] == ["one row less"] else {})

    provider.changed = answered
    with listing(provider) as (_, client), pytest.raises(Unreachable, match="contradicts itself"):
        lists.tasks(client)


def test_a_list_that_ends_before_the_page_that_is_asked_for_is_read_to_its_end() -> None:
    provider, lists = _Provider(), AccountLists()
    left = [*provider.made[: 5 * PAGE_SIZE]]

    def forgotten(answer: dict[str, Any], asked: int) -> dict[str, Any]:
        if asked == 5:
            # What the sixth page had is more than a day old by now.
            provider.made = left
        return answer

    provider.changed = forgotten
    with listing(provider) as (_, client):
        assert {row.created_at for row in lists.tasks(client)} == {*left}
    assert provider.pages == [1, 2, 3, 4, 5, 6]
