"""How many clips wait, and how the list of their tasks is read."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from urllib.parse import parse_qs, urlsplit

import pytest
from providerside import key, service
from rawserver import Act, Exchange, hang, reply

from footage.credentials import parse_key
from footage.errors import Unreachable
from footage.pacing.interval import FEW, PER_CLIP_S
from footage.pacing.queries import pace_of
from footage.pacing.task_list import PAGE_SIZE, WORTH_A_LIST, TaskList
from footage.provider import WanClient

MIN_S, MAX_S = 0.01, 100.0
# So many that a list answers for all, whatever the account allows.
MANY = FEW + 1
NOTHING = reply({"data": [], "page_no": 1, "total_page": 1, "total": 0})


def allowed(client: WanClient, per_second: float) -> WanClient:
    """The client, once its account allows so many questions a second."""
    pace_of(client.counted_as).wait(per_second)
    return client


@pytest.mark.parametrize("count", [1, 2, 11])
def test_each_clip_counts_once_while_it_waits_and_for_its_own_endpoint(count: int) -> None:
    tasks = TaskList(MIN_S, MAX_S)
    with (
        allowed(WanClient("https://a/api/v1", key()), 1000.0) as client,
        allowed(WanClient("https://b/api/v1", key()), 1000.0) as other,
        contextlib.ExitStack() as waiting,
    ):
        for _ in range(count):
            waiting.enter_context(tasks.waiting(client))

        assert tasks.interval_s(client) == max(MIN_S, count * PER_CLIP_S)
        assert tasks.interval_s(other) == MIN_S
        waiting.close()
        assert tasks.interval_s(client) == MIN_S


@pytest.mark.parametrize(("per_second", "most"), [(1000.0, FEW), (4.0, 4)])
def test_few_are_few_to_the_last_of_them(per_second: float, most: int) -> None:
    tasks = TaskList(MIN_S, MAX_S)
    with (
        allowed(WanClient(f"https://few-{most}/api/v1", key()), per_second) as client,
        contextlib.ExitStack() as waiting,
    ):
        for _ in range(most):
            waiting.enter_context(tasks.waiting(client))

        assert tasks.few(client)
        waiting.enter_context(tasks.waiting(client))
        assert not tasks.few(client)


def test_the_keys_of_one_account_share_what_it_allows() -> None:
    tasks = TaskList(MIN_S, MAX_S)
    one, other, foreign = (
        WanClient("https://shared/api/v1", parse_key(text, "test", account=account))
        for text, account in [("sk-1", "a"), ("sk-2", "a"), ("sk-3", "b")]
    )
    with one, other, foreign, contextlib.ExitStack() as waiting:
        for client in (one, other, foreign):
            allowed(client, 1000.0)
            for _ in range(FEW):
                waiting.enter_context(tasks.waiting(client))

        assert [tasks.few(client) for client in (one, other, foreign)] == [False, False, True]
        assert tasks.interval_s(one) == tasks.interval_s(other) == 2 * FEW * PER_CLIP_S
        assert tasks.interval_s(foreign) == FEW * PER_CLIP_S


async def test_a_list_is_believed_for_half_the_pause_between_two_questions() -> None:
    tasks = TaskList(1.0, MAX_S)
    with service(NOTHING) as (server, client), contextlib.ExitStack() as waiting:
        for _ in range(MANY):
            waiting.enter_context(tasks.waiting(client))
        await tasks.row(client, "t")
        once, began_s = len(server.requests), time.monotonic()
        while len(server.requests) == once:
            await tasks.row(client, "t")

    pause_s = tasks.interval_s(client)
    assert pause_s / 4 <= time.monotonic() - began_s < pause_s * 1.5


async def test_every_page_of_what_is_queued_or_runs_is_read_once() -> None:
    def page(number: int, of: int, *tasks: tuple[str, str]) -> Act:
        rows = [
            {"task_id": task, "status": status, "model_name": "m", "gmt_create": 1764547200000}
            for task, status in tasks
        ]
        return reply({"data": rows, "page_no": number, "total_page": of, "total": 3})

    answers = (
        page(1, 2, ("queued-1", "PENDING")),
        page(2, 2, ("queued-2", "PENDING")),
        page(1, 1, ("running", "RUNNING"), ("ended-meanwhile", "SUCCEEDED")),
    )
    tasks = TaskList(MIN_S, MAX_S)
    with service(*answers) as (server, client), contextlib.ExitStack() as waiting:
        for _ in range(MANY):
            waiting.enter_context(tasks.waiting(client))

        names = ("queued-1", "queued-2", "running", "ended-meanwhile", "unknown")
        found = [name for name in names if await tasks.row(client, name)]

    assert found == ["queued-1", "queued-2", "running"]
    assert [parse_qs(urlsplit(request.target).query) for request in server.requests] == [
        {"status": [status], "page_no": [page], "page_size": [str(PAGE_SIZE)]}
        for status, page in [("PENDING", "1"), ("PENDING", "2"), ("RUNNING", "1")]
    ]


async def test_a_list_that_fails_is_one_failure_for_all_that_wait() -> None:
    tasks = TaskList(10.0, MAX_S)
    with service(reply({}, status=503)) as (server, client), contextlib.ExitStack() as waiting:
        for _ in range(MANY):
            waiting.enter_context(tasks.waiting(client))

        asked_before = len(server.requests)
        ends = await asyncio.gather(*(tasks.row(client, str(n)) for n in range(50)), return_exceptions=True)

    assert {type(end) for end in ends} == {Unreachable}
    assert len({id(end) for end in ends}) == 50
    # One list, as often as the client itself tries.
    assert len(server.requests) - asked_before == 1


async def test_of_what_is_listed_for_long_one_task_after_the_other_is_asked_for() -> None:
    rows = [
        {"task_id": str(n), "status": "RUNNING", "model_name": "m", "gmt_create": 1764547200000}
        for n in range(9)
    ]
    tasks = TaskList(MIN_S, MAX_S)
    listed = reply({"data": rows, "page_no": 1, "total_page": 1, "total": 9})
    with service(listed) as (_, client), contextlib.ExitStack() as waiting:
        allowed(client, 20.0)
        for _ in range(MANY):
            waiting.enter_context(tasks.waiting(client))
        now_s = time.monotonic()

        young = [await tasks.row(client, str(n), believed_until_s=now_s + 60) for n in range(9)]
        old = [await tasks.row(client, str(n), believed_until_s=now_s) for n in range(9)]
        assert None not in young
        assert [row is None for row in old] == [True] + [False] * 8
        began_s = time.monotonic()
        while await tasks.row(client, "1", believed_until_s=now_s):
            pass

    # Two questions a second, of the twenty.
    assert 0.25 < time.monotonic() - began_s < 5


async def test_where_little_is_allowed_a_list_answers_for_fewer_clips() -> None:
    tasks = TaskList(MIN_S, MAX_S)
    with service(NOTHING) as (server, client), contextlib.ExitStack() as waiting:
        allowed(client, 2.0)
        for _ in range(WORTH_A_LIST - 1):
            waiting.enter_context(tasks.waiting(client))
        # A list would cost as much as a question for each of them.
        await tasks.row(client, "t")
        assert server.requests == []
        assert tasks.interval_s(client) == pytest.approx((WORTH_A_LIST - 1) / 1.0)

        waiting.enter_context(tasks.waiting(client))
        await tasks.row(client, "t")
        assert len(server.requests) == 2


async def test_what_a_list_costs_with_the_tasks_of_others_makes_the_pause_longer() -> None:
    def page(number: int) -> Act:
        row = {"task_id": f"{number}", "status": "PENDING", "model_name": "m", "gmt_create": 1764547200000}
        return reply({"data": [row], "page_no": number, "total_page": 9, "total": 450})

    tasks = TaskList(MIN_S, MAX_S)
    with service(*(page(n + 1) for n in range(9)), NOTHING) as (_, client), contextlib.ExitStack() as waiting:
        allowed(client, 20.0)
        for _ in range(21):
            waiting.enter_context(tasks.waiting(client))
        before_s = tasks.interval_s(client)
        assert await tasks.row(client, "9") is not None

        # Ten pages twice in a pause, of ten questions a second: the other ten are for what ends.
        assert (before_s, tasks.interval_s(client)) == pytest.approx((0.42, 2.0))


async def test_where_others_have_many_tasks_each_clip_is_asked_for_by_itself() -> None:
    def page(status: str, of: int) -> Act:
        row = {"task_id": status, "status": status, "model_name": "m", "gmt_create": 1764547200000}
        return reply({"data": [row], "page_no": 1, "total_page": of, "total": of * PAGE_SIZE})

    tasks = TaskList(MIN_S, 1000.0)
    answers = page("PENDING", 1), page("RUNNING", 100)
    with service(*answers) as (server, client), contextlib.ExitStack() as waiting:
        allowed(client, 4.0)
        for _ in range(MANY):
            waiting.enter_context(tasks.waiting(client))

        # What the first pages tell is enough: 101, twice in a pause, are not read where twelve questions will do.
        assert [await tasks.row(client, "PENDING") for _ in range(3)] == [None] * 3
        assert len(server.requests) == 2
        assert tasks.interval_s(client) == pytest.approx((MANY + 4) / 2.0)

        # For so many the list costs less.
        for _ in range(203 - MANY):
            waiting.enter_context(tasks.waiting(client))
        assert tasks.interval_s(client) == pytest.approx(202 / 2.0)


async def test_a_list_that_hangs_holds_up_no_other_account() -> None:
    tasks, begun = TaskList(MIN_S, MAX_S), threading.Event()

    def hangs(exchange: Exchange) -> bool:
        begun.set()
        return hang()(exchange)

    with (
        service(hangs) as (_, stuck),
        service(NOTHING) as (_, client),
        contextlib.ExitStack() as waiting,
    ):
        for of in (stuck, client):
            for _ in range(MANY):
                waiting.enter_context(tasks.waiting(of))
        asked = asyncio.ensure_future(tasks.row(stuck, "t"))
        assert await asyncio.to_thread(begun.wait, 5)

        assert await asyncio.wait_for(tasks.row(client, "t"), 3) is None

        assert not asked.done()
        asked.cancel()


async def test_a_list_whose_asker_gave_up_is_read_for_the_others_and_not_twice() -> None:
    tasks, begun, go_on = TaskList(MIN_S, MAX_S), threading.Event(), threading.Event()

    def slow(exchange: Exchange) -> bool:
        begun.set()
        go_on.wait(5)
        return NOTHING(exchange)

    with service(slow) as (server, client), contextlib.ExitStack() as waiting:
        for _ in range(MANY):
            waiting.enter_context(tasks.waiting(client))
        first, other = (asyncio.ensure_future(tasks.row(client, "t")) for _ in range(2))
        assert await asyncio.to_thread(begun.wait, 5)
        first.cancel()
        await asyncio.wait({first})
        go_on.set()

        assert await asyncio.wait_for(other, 5) is None
        assert len(server.requests) == 2


def test_no_number_of_clips_is_asked_for_one_by_one_every_second() -> None:
    # So many have a pace of their own, of a question in two seconds, and leave room for two more runs within an
    # account's 20 questions a second; for more there are lists, and the account's refusals.
    assert WORTH_A_LIST <= MANY
    assert FEW * 0.5 * 3 < 20
