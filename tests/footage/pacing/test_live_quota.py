"""Creates follow what the account may do now; silence and nonsense leave the documented pace."""

from __future__ import annotations

import asyncio
import itertools
import logging
import threading
import time
from typing import Any

import pytest
from providerside import service
from rawserver import Exchange, hang, reply

from footage.concurrency.executors import in_thread
from footage.credentials import ApiKey, parse_key
from footage.emulator import Emulator
from footage.pacing.live_quota import WAITED_FOR_S, LiveQuota, LiveQuotas, live_quota
from footage.pacing.rate_limits import CreatePace, ProcessRateLimits
from footage.provider import WanClient

MODEL = "wan2.6-i2v"
_numbers = itertools.count()


def _key() -> ApiKey:
    """Of an account that was never asked for."""
    return parse_key(f"sk-quota-{next(_numbers)}", "test")


def _told(limits: Any) -> Any:
    return reply({"output": {"quotas": [{"model": MODEL, "model_limit": limits}]}})


def _limits(requests: Any, period: Any, tasks: Any) -> dict[str, Any]:
    return {
        "request_limit": requests,
        "request_limit_period": period,
        "async_user_concurrency_limit": tasks,
    }


@pytest.mark.parametrize(
    ("answer", "understood"),
    [
        (_told(_limits(1, 1, 1)), LiveQuota(1.0, 1)),
        (_told(_limits("30", "60", "3")), LiveQuota(0.5, 3)),
        (_told(_limits(20, 1, 50)), LiveQuota(20.0, 50)),
        # Nonsense: nothing may be sent, or a create a week, or what no account has.
        (_told(_limits(0, 1, 0)), LiveQuota()),
        (_told(_limits(1, 604_800, -1)), LiveQuota()),
        (_told(_limits(10**9, 1, 10**9)), LiveQuota()),
        (_told(_limits("many", None, [])), LiveQuota()),
        (_told(None), LiveQuota()),
        (reply({}, status=404), LiveQuota()),
        (reply({"code": "InternalError"}, status=500), LiveQuota()),
        (reply([]), LiveQuota()),
    ],
)
def test_an_accounts_limits_are_read_as_far_as_they_make_sense(answer: Any, understood: LiveQuota) -> None:
    with service(answer) as (server, _), WanClient(server.base_url, _key()) as client:
        assert asyncio.run(live_quota(client, MODEL)) == understood


def test_a_create_does_not_wait_for_a_limit_that_is_slow_to_come() -> None:
    async def ask(client: WanClient) -> LiveQuota:
        told = await live_quota(client, MODEL)
        # It is still being asked for, and ends with the connection.
        server.stopping.set()
        return told

    with service(hang()) as (server, _), WanClient(server.base_url, _key(), read_timeout_s=600) as client:
        assert asyncio.run(asyncio.wait_for(ask(client), timeout=WAITED_FOR_S + 60)) == LiveQuota()


def test_many_creates_ask_once() -> None:
    async def ask(client: WanClient) -> set[LiveQuota]:
        return set(await asyncio.gather(*(live_quota(client, MODEL) for _ in range(20))))

    with service(_told(_limits(1, 1, 1))) as (server, _), WanClient(server.base_url, _key()) as client:
        assert asyncio.run(ask(client)) == {LiveQuota(1.0, 1)}
        assert len(server.requests) == 1


async def test_a_question_that_hangs_holds_up_nothing_else() -> None:
    asked = threading.Event()

    def hangs(exchange: Exchange) -> bool:
        asked.set()
        return hang()(exchange)

    # More than there are threads for all questions and for the store.
    with service(hangs) as (server, _), WanClient(server.base_url, _key(), read_timeout_s=600) as client:
        creates = [asyncio.ensure_future(live_quota(client, MODEL)) for _ in range(30)]
        await asyncio.to_thread(asked.wait, 30)

        assert await asyncio.wait_for(in_thread(lambda: "read"), 30) == "read"
        assert set(await asyncio.wait_for(asyncio.gather(*creates), WAITED_FOR_S + 60)) == {LiveQuota()}
        assert len(server.requests) == 1
        # Later ones do not wait for it at all.
        began_s = time.monotonic()
        assert await live_quota(client, MODEL) == LiveQuota()
        assert time.monotonic() - began_s < WAITED_FOR_S


@pytest.mark.parametrize(
    ("silence", "left"),
    [
        (reply({"output": {"quotas": []}}), LiveQuota(1.0, 1)),
        (reply({}, status=404), LiveQuota(1.0, 1)),
        (reply({}, status=503), LiveQuota(1.0, 1)),
        (_told(None), LiveQuota(1.0, 1)),
        # Each limit for itself.
        (_told(_limits(3, 1, None)), LiveQuota(3.0, 1)),
        (_told(_limits(0, 1, 4)), LiveQuota(1.0, 4)),
    ],
)
async def test_a_limit_that_was_told_holds_until_another_one_is(silence: Any, left: LiveQuota) -> None:
    quotas = LiveQuotas(believed_s=0.0)
    answers = (_told(_limits(1, 1, 1)), silence, silence, _told(_limits(9, 1, 9)))
    with service(*answers) as (server, _), WanClient(server.base_url, _key()) as client:
        told = [await quotas.of(client, MODEL) for _ in answers]

    assert told == [LiveQuota(1.0, 1), left, left, LiveQuota(9.0, 9)]


async def test_a_run_tells_once_that_limits_shrank(caplog: pytest.LogCaptureFixture) -> None:
    quotas, model = LiveQuotas(believed_s=0.0), "wan2.2-t2v-plus"
    with (
        caplog.at_level(logging.WARNING, "footage.pacing.live_quota"),
        Emulator(render="tiny", render_workers=1) as emulator,
        WanClient(emulator.base_url, _key()) as client,
    ):
        documented = await quotas.of(client, model)
        assert caplog.messages == []

        emulator.turn(retiring=[model], retiring_limit=1)
        shrunk = [await quotas.of(client, model) for _ in range(2)]
        # It lists no limits of a model that this region does not have.
        emulator.turn(region="us-east-1")
        silent = await quotas.of(client, model)

    assert (documented, *shrunk, silent) == (LiveQuota(2.0, 2), *[LiveQuota(1.0, 1)] * 3)
    assert caplog.messages == [
        f"{model} takes 1 {what} now instead of the documented 2; this run keeps to it."
        for what in ("creates a second", "running tasks")
    ]


def test_creates_keep_to_the_pace_that_is_told() -> None:
    async def turns(pace: CreatePace) -> float:
        limits = ProcessRateLimits()
        began = time.monotonic()
        for _ in range(3):
            await limits.create_turn("wan2.2-t2v-plus", pace)
        return time.monotonic() - began

    # Two a second are documented.
    assert asyncio.run(turns(CreatePace(per_second=20))) < 0.8
    assert asyncio.run(turns(CreatePace())) >= 1.0
