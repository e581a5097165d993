"""Blocking calls off the event loop, in pools that do not grow with the number of clips.

`asyncio.to_thread` shares a pool of cpu + 4 threads with everything else in the process, so that a few
slow uploads would hold up the polling of hundreds of clips. What waits for the provider waits apart from what waits for
the store: in an outage a call may take a minute, and evidence, wishes to cancel and deadlines are heeded all the same.
"""

from __future__ import annotations

import asyncio
import contextvars
import logging
import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import islice
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")

logger = logging.getLogger(__name__)

# A store over the network takes tens of milliseconds to answer.
STORE_CALLS_AT_ONCE = 16

# Short calls, most of them of the store.
_pool = ThreadPoolExecutor(max_workers=24, thread_name_prefix="footage")

# Queries take well under a second: 24 threads carry an account's 20 queries a second. Where one account's are not
# answered, those of another one are.
_QUESTIONS_AT_ONCE = 24
_questions: dict[tuple[str, ...], ThreadPoolExecutor] = {}

# Creates, which the pace of their models keeps few.
_purchases = ThreadPoolExecutor(max_workers=24, thread_name_prefix="footage-buy")

# Comparing thousands of listed tasks with one clip: each has them in its hands meanwhile, and all of them wait for one
# that reads the claims.
_searches = ThreadPoolExecutor(max_workers=4, thread_name_prefix="footage-search")

# Decoding images, downloads and uploads: work that takes seconds and must not keep questions waiting.
_workshop = ThreadPoolExecutor(max_workers=(os.cpu_count() or 1) + 2, thread_name_prefix="footage-work")


async def in_heavy_thread(call: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R:
    """Run `call`, which takes long, with this context; first come, first served, a few at a time."""
    return await _run(_workshop, partial(call, *args, **kwargs))


async def in_search_thread(call: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R:
    """Run `call`, which looks for one clip's task among all of a day, with this context; a few at a time."""
    return await _run(_searches, partial(call, *args, **kwargs))


async def in_thread(call: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R:
    """Run `call`, which waits for no provider, with this context; a cancelled wait lets it go on to its end."""
    return await _run(_pool, partial(call, *args, **kwargs))


async def in_question_thread(
    line: tuple[str, ...], call: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs
) -> R:
    """Run `call`, which asks the provider, with this context, and holds up nothing but the questions of its `line`."""
    pool = _questions.get(line)
    if pool is None:
        pool = _questions[line] = ThreadPoolExecutor(_QUESTIONS_AT_ONCE, thread_name_prefix="footage-ask")
    return await _run(pool, partial(call, *args, **kwargs))


async def in_thread_to_the_end(call: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R:
    """Run `call`, a create; a cancelled wait is cancelled only when the call has ended, or by a second cancel.

    Its clip must not look given back while the request is still on its way. An answer with a task id is written down by
    the thread that got it, whether or not somebody still waits for it.
    """
    work = asyncio.ensure_future(_run(_purchases, partial(call, *args, **kwargs)))
    try:
        return await asyncio.shield(work)
    except asyncio.CancelledError:
        await asyncio.wait([work])
        if not work.cancelled() and (error := work.exception()) is not None:
            logger.warning("After the cancel: %s", error)
        raise


async def _run(pool: ThreadPoolExecutor, call: Callable[[], R]) -> R:
    context = contextvars.copy_context()
    return await asyncio.get_running_loop().run_in_executor(pool, context.run, call)


def call_each(call: Callable[[T], R], items: Iterable[T], at_once: int) -> list[R]:
    """What `call` returns for each item, in their order; blocks, with some calls at once, each with this context.

    Raises what the first of them raises; what has not begun by then is not called any more.
    """
    with ThreadPoolExecutor(at_once) as pool:
        calls = [pool.submit(contextvars.copy_context().run, call, item) for item in items]
        try:
            return [one.result() for one in calls]
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def windows(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """The items in groups of at most `size`, for what is not to be in memory, or not to be waited for, all at once."""
    left = iter(items)
    while window := list(islice(left, size)):
        yield window
