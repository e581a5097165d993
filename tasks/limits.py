"""The pace of buying, shared by every worker of a Prefect server: a rate limit of creates for each model.

The provider counts creates per second for a main account, so the count has to be kept where all workers meet.
Only creates are paced, and why nothing else is:

- Clips in flight: the provider queues what passes its limit of running tasks. A slot that is held from create
  to result would wait here instead of there, with the same process waiting, and its lease would be one more
  thing to lose: in-memory leases kill the holders when the server restarts. How many clips are waited for at
  once is bounded by the work pool, and within a storyboard by the storyboard.
- Queries: asking a limit costs the Prefect server more than the query costs the provider. Each process keeps
  to WAN_VIDEO_QUERIES_PER_SECOND, and an answer of 429 only makes a query come later.

`wan-video setup` makes the limits. Without them, or when the server does not answer, nothing waits for long: a
create that comes too early is refused with 429, is not billed and is sent again later. A server on SQLite answers
503 when another write is going on, and Prefect's client then asks again after two seconds and more.
"""

from __future__ import annotations

import logging

import httpx
from prefect.client.orchestration import get_client
from prefect.concurrency.asyncio import ConcurrencySlotAcquisitionError, rate_limit
from prefect.exceptions import ObjectNotFound

from footage.errors import Throttled

logger = logging.getLogger("footage.tasks")

PREFIX = "wan-video-submit-"
# At two creates a second, a hundred processes that all want one now are through by then.
PATIENCE_S = 60.0


def submit_limit(model: str) -> str:
    """Name of the limit that paces creates of this model."""
    return f"{PREFIX}{model}"


async def await_turn(model: str) -> None:
    """Wait until one more create of this model may be sent.

    Raises:
        Throttled: An operator set the limit to 0, so that nothing is bought with this model.
    """
    name = submit_limit(model)
    try:
        # Asked first, because Prefect writes a warning into the run's log for a limit that is not there.
        async with get_client() as client:
            limit = await client.read_global_concurrency_limit_by_name(name)
        if limit.active and limit.limit > 0:
            await rate_limit(name, timeout_seconds=PATIENCE_S)
    except ObjectNotFound:
        return
    except (httpx.HTTPError, ConcurrencySlotAcquisitionError, TimeoutError) as error:
        logger.warning("The limit %s did not answer (%s); going on without it.", name, type(error).__name__)
        return
    if limit.active and limit.limit == 0:
        raise Throttled(
            f"Nothing is bought with {model} now: an operator set the Prefect limit {name} to 0.",
            next_step=f"prefect global-concurrency-limit update {name} --limit N, then run the same again",
            retry_after_s=None,
        )
