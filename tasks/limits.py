"""The pace of buying, shared by every worker of a Prefect server: a rate limit of creates for each model.

The provider counts creates per second for a main account, so the count has to be kept where all workers meet.
Only creates are paced, and why nothing else is:

- Clips in flight: the provider queues what passes its limit of running tasks. A slot of the server that is held from
  create to result would wait here instead of there, with the same process waiting, and its lease would be one more
  thing to lose: in-memory leases kill the holders when the server restarts. Within one process nothing can be lost,
  so there `footage/pacing/in_flight.py` counts; across processes the work pool bounds what runs.
- Queries: asking a limit costs the Prefect server more than the query costs the provider. Each process asks
  WAN_VIDEO_QUERIES_PER_SECOND at the most, and slows down when a query is refused with 429, so that all settle below
  what the account may ask (`footage/pacing/queries.py`).

`wan-video setup` makes the limits. Without them, or when the server does not answer, nothing waits for long: a
create that comes too early is refused with 429, is not billed and is sent again later. A server on SQLite answers
503 when another write is going on, and Prefect's client then asks again after two seconds and more; so of the clips
that wait in one process one asks for as many turns as it can get, for itself and the next.
"""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections import defaultdict
from dataclasses import dataclass, field
from weakref import WeakKeyDictionary

import httpx
from prefect.client.orchestration import get_client
from prefect.client.schemas.responses import GlobalConcurrencyLimitResponse
from prefect.concurrency.asyncio import ConcurrencySlotAcquisitionError, rate_limit
from prefect.exceptions import ObjectNotFound

from footage.catalogue import known_models
from footage.credentials import DEFAULT_ACCOUNT
from footage.errors import Throttled
from footage.pacing.rate_limits import AS_DOCUMENTED, CreatePace, ProcessRateLimits

logger = logging.getLogger("footage.tasks")

PREFIX = "wan-video-submit-"
# At two creates a second, a hundred processes that all want one now are through by then.
PATIENCE_S = 60.0


def submit_limit(model: str, account: str = DEFAULT_ACCOUNT) -> str:
    """Name of the limit that paces creates of this model with this account."""
    # No name of a model has an @: with a hyphen the account `us` would pace another model of the default account.
    return f"{PREFIX}{model}" if account == DEFAULT_ACCOUNT else f"{PREFIX}{model}@{account}"


class PrefectRateLimits(ProcessRateLimits):
    """Creates are counted on the Prefect server, questions within this process."""

    async def create_turn(self, model: str, pace: CreatePace = AS_DOCUMENTED) -> None:
        """Wait until one more create of this model may be sent.

        An account that may send fewer than the limit on the server takes several of its slots for each create, so
        that all workers together keep to it; the limit itself is the operator's and is not changed.

        Raises:
            Throttled: An operator set the limit to 0, so that nothing is bought with this model.
        """
        await _await_turn(model, pace)
        documented = known_models().get(model)
        slower = pace.per_second is not None and not (
            documented and pace.per_second >= documented.submit_per_second
        )
        if slower or (documented and pace.account != DEFAULT_ACCOUNT):
            # Where there is no limit, and where its slots are too few to count with.
            await super().create_turn(model, pace)


@dataclass
class _Line:
    """The clips of this process that wait for turns of one limit."""

    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    waiting: int = 0
    turns: int = 0


# A lock belongs to one loop.
_lines: WeakKeyDictionary[asyncio.AbstractEventLoop, defaultdict[str, _Line]] = WeakKeyDictionary()
# Until when a server is not asked again, because it did not answer; by its address and the limit's name.
_silent_until_s: dict[tuple[str, str], float] = {}
# Limits that were 0 when their server answered last: they stay so while it does not.
_closed: set[tuple[str, str]] = set()


async def _await_turn(model: str, pace: CreatePace) -> None:
    name = submit_limit(model, pace.account)
    line = _lines.setdefault(asyncio.get_running_loop(), defaultdict(_Line))[name]
    line.waiting += 1
    try:
        async with line.lock:
            if line.turns == 0:
                line.turns = await _ask(model, name, line.waiting, pace.per_second)
            line.turns -= 1
    finally:
        line.waiting -= 1


async def _ask(model: str, name: str, wanted: int, per_second: float | None) -> int:
    """Wait for up to `wanted` turns; how many there are."""
    # Asked first, because Prefect writes a warning into the run's log for a limit that is not there.
    async with get_client() as client:
        asked = (str(client.api_url), name)
        if time.monotonic() < _silent_until_s.get(asked, 0) and asked not in _closed:
            return wanted
        try:
            limit = await client.read_global_concurrency_limit_by_name(name)
            slots = _slots_per_create(limit, per_second)
            turns = min(wanted, limit.limit // slots)
            if limit.active and turns > 0:
                await rate_limit(name, occupy=turns * slots, timeout_seconds=PATIENCE_S)
        except ObjectNotFound:
            return wanted
        except (httpx.HTTPError, ConcurrencySlotAcquisitionError, TimeoutError) as error:
            _silent_until_s[asked] = time.monotonic() + PATIENCE_S
            logger.warning(
                "The limit %s did not answer (%s); going on without it.", name, type(error).__name__
            )
            if asked in _closed:
                raise _none_allowed(model, name) from None
            return wanted
    if limit.active and limit.limit == 0:
        _closed.add(asked)
        raise _none_allowed(model, name)
    _closed.discard(asked)
    return turns if limit.active else wanted


def _slots_per_create(limit: GlobalConcurrencyLimitResponse, per_second: float | None) -> int:
    """How many slots one create takes, so that what comes free in a second is enough for `per_second` creates."""
    freed_per_second = limit.slot_decay_per_second
    if not per_second or freed_per_second <= per_second:
        return 1
    return max(1, min(limit.limit, math.ceil(freed_per_second / per_second)))


def _none_allowed(model: str, name: str) -> Throttled:
    return Throttled(
        f"Nothing is bought with {model} now: an operator set the Prefect limit {name} to 0.",
        next_step=f"prefect global-concurrency-limit update {name} --limit N, then run the same again",
        retry_after_s=None,
    )
