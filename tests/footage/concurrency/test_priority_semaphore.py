"""A few at once, the most urgent first."""

from __future__ import annotations

import asyncio

from footage.concurrency.priority_semaphore import PrioritySemaphore


async def test_of_those_that_wait_the_smallest_rank_is_let_through_first() -> None:
    semaphore, order, go_on = PrioritySemaphore(1), list[float](), asyncio.Event()

    async def work(rank: float) -> None:
        async with semaphore.opened(rank):
            order.append(rank)
            await go_on.wait()

    tasks = [asyncio.create_task(work(rank)) for rank in (9.0, 3.0, 1.0, 2.0)]
    await asyncio.sleep(0)
    assert order == [9.0]
    go_on.set()
    await asyncio.gather(*tasks)

    assert order == [9.0, 1.0, 2.0, 3.0]


async def test_no_more_than_allowed_are_inside_and_one_that_failed_makes_room() -> None:
    semaphore, inside, most = PrioritySemaphore(2), 0, 0

    async def work(rank: float) -> None:
        nonlocal inside, most
        async with semaphore.opened(rank):
            inside += 1
            most = max(most, inside)
            await asyncio.sleep(0)
            inside -= 1
            if rank % 2:
                raise ValueError

    await asyncio.gather(*(work(rank) for rank in range(20)), return_exceptions=True)

    assert (most, inside) == (2, 0)


async def test_who_no_longer_waits_takes_no_place() -> None:
    semaphore, leave = PrioritySemaphore(1), asyncio.Event()

    async def hold() -> None:
        async with semaphore.opened(0):
            await leave.wait()
        # Its turn was given to it just now, and it has not seen that yet.
        given.cancel()

    async def enter() -> None:
        async with semaphore.opened(1):
            pass

    holder = asyncio.create_task(hold())
    await asyncio.sleep(0)
    waiting, given = asyncio.create_task(enter()), asyncio.create_task(enter())
    await asyncio.sleep(0)
    waiting.cancel()
    leave.set()
    await asyncio.gather(holder, waiting, given, return_exceptions=True)

    assert given.cancelled()
    await asyncio.wait_for(enter(), 5)
