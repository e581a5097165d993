"""How many clips wait, and how the list of their tasks is read."""

from __future__ import annotations

import asyncio
import contextlib
import time
from urllib.parse import parse_qs, urlsplit

import pytest
from providerside import key, service
from rawserver import Act, reply

from footage.errors import Unreachable
from footage.pacing.interval import interval_s
from footage.pacing.task_list import FEW, PAGE_SIZE, WORTH_A_LIST, TaskList
from footage.provider import WanClient

MIN_S, MAX_S = 0.01, 100.0


@pytest.mark.parametrize("count", [1, 2, 11])
def test_each_clip_counts_once_while_it_waits_and_for_its_own_endpoint(count: int) -> None:
    tasks = TaskList(MIN_S, MAX_S)
    with (
        WanClient("https://a/api/v1", key()) as client,
        WanClient("https://b/api/v1", key()) as other,
        contextlib.ExitStack() as waiting,
    ):
        for _ in range(count):
            waiting.enter_context(tasks.waiting(client))

        assert tasks.interval_s(client) == interval_s(count, MIN_S, MAX_S)
        assert tasks.interval_s(other) == interval_s(0, MIN_S, MAX_S)
        waiting.close()
        assert tasks.interval_s(client) == interval_s(0, MIN_S, MAX_S)


def test_few_are_few_to_the_last_of_them() -> None:
    tasks = TaskList(MIN_S, MAX_S)
    with WanClient("https://a/api/v1", key()) as client, contextlib.ExitStack() as waiting:
        for _ in range(FEW):
            waiting.enter_context(tasks.waiting(client))

        assert tasks.few(client)
        waiting.enter_context(tasks.waiting(client))
        assert not tasks.few(client)


async def test_a_list_is_believed_for_half_the_pause_between_two_questions() -> None:
    nothing = reply({"data": [], "page_no": 1, "total_page": 1, "total": 0})
    tasks = TaskList(1.0, MAX_S)
    with service(nothing) as (server, client), contextlib.ExitStack() as waiting:
        for _ in range(WORTH_A_LIST):
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
        for _ in range(WORTH_A_LIST):
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
        for _ in range(WORTH_A_LIST):
            waiting.enter_context(tasks.waiting(client))

        asked_before = len(server.requests)
        ends = await asyncio.gather(*(tasks.row(client, str(n)) for n in range(50)), return_exceptions=True)

    assert {type(end) for end in ends} == {Unreachable}
    assert len({id(end) for end in ends}) == 50
    # One list, as often as the client itself tries.
    assert len(server.requests) - asked_before == 1


def test_no_number_of_clips_is_asked_for_one_by_one_every_second() -> None:
    # From here on lists answer; up to here each clip has its own pace, of a question in two seconds.
    assert FEW + 1 == WORTH_A_LIST
    # Eleven such clips leave room for two more runs within an account's 20 questions a second.
    assert FEW * 0.5 * 3 < 20
