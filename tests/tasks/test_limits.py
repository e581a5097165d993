"""Creates are paced over all workers where an operator wants it, and never held up by a limit that is not there."""

import asyncio
import logging
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from prefect.settings import PREFECT_API_URL, PREFECT_CLIENT_MAX_RETRIES, temporary_settings
from rawserver import RawServer, reply

from footage.catalogue import known_models
from footage.credentials import DEFAULT_ACCOUNT
from footage.errors import Throttled
from footage.pacing.rate_limits import CreatePace
from tasks.limits import PrefectRateLimits, submit_limit


@pytest.fixture
def limit(prefect_api: httpx.Client) -> Iterator[Any]:
    """Makes the limit of a model that does not exist, so that no other test waits for it."""
    yield lambda slots: prefect_api.post(
        "v2/concurrency_limits/",
        json={"name": submit_limit("test"), "limit": slots, "slot_decay_per_second": 4},
    ).raise_for_status()
    prefect_api.delete(f"v2/concurrency_limits/{submit_limit('test')}")


def test_no_limit_of_an_account_is_that_of_another_model() -> None:
    accounts = [DEFAULT_ACCOUNT, *(name.rpartition("-")[2] for name in known_models())]

    names = [submit_limit(model, account) for model in known_models() for account in {*accounts}]

    assert len({*names}) == len(names)


def test_creates_of_a_named_account_come_no_faster_than_its_limit_says(prefect_api: httpx.Client) -> None:
    name = submit_limit("test", "us")
    made = {"name": name, "limit": 2, "slot_decay_per_second": 4}
    prefect_api.post("v2/concurrency_limits/", json=made).raise_for_status()

    async def seconds() -> float:
        began = time.monotonic()
        turn = PrefectRateLimits().create_turn
        await asyncio.gather(*(turn("test", CreatePace(account="us")) for _ in range(6)))
        return time.monotonic() - began

    assert asyncio.run(seconds()) >= 0.9
    prefect_api.delete(f"v2/concurrency_limits/{name}").raise_for_status()


async def _seconds(turns: int) -> float:
    began = time.monotonic()
    await asyncio.gather(*(PrefectRateLimits().create_turn("test") for _ in range(turns)))
    return time.monotonic() - began


def test_a_missing_limit_holds_nothing_up_and_is_not_worth_a_word(
    prefect_server: Any, caplog: pytest.LogCaptureFixture
) -> None:
    asyncio.run(_seconds(20))

    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


def test_creates_come_no_faster_than_the_limit_says(limit: Any) -> None:
    limit(2)

    # Two at once, then four a second.
    assert asyncio.run(_seconds(6)) >= 0.9


def test_a_limit_of_zero_stops_buying(limit: Any) -> None:
    limit(0)

    with pytest.raises(Throttled, match="operator") as stop:
        asyncio.run(_seconds(1))

    assert submit_limit("test") in str(stop.value.next_step)


def test_a_server_that_does_not_answer_holds_nothing_up(caplog: pytest.LogCaptureFixture) -> None:
    with temporary_settings({PREFECT_API_URL: "http://127.0.0.1:9/api", PREFECT_CLIENT_MAX_RETRIES: 0}):
        asyncio.run(_seconds(1))

    assert "going on without it" in caplog.text


def test_a_limit_of_zero_stays_so_while_its_server_does_not_answer(
    limit: Any, prefect_api: httpx.Client
) -> None:
    limit(0)
    told = prefect_api.get(f"v2/concurrency_limits/{submit_limit('test')}").json()
    away = reply({}, status=500)
    with RawServer(reply(told), away, away, reply({**told, "active": False})) as server:
        here: dict[Any, Any] = {
            PREFECT_API_URL: f"http://127.0.0.1:{server.port}/api",
            PREFECT_CLIENT_MAX_RETRIES: 0,
        }
        with temporary_settings(here):
            for _ in range(3):
                with pytest.raises(Throttled, match="operator"):
                    asyncio.run(_seconds(1))
            asyncio.run(_seconds(1))

    assert len(server.requests) == 4


def test_an_account_that_may_send_less_takes_more_slots_so_that_all_workers_keep_to_it(limit: Any) -> None:
    limit(4)

    async def turns() -> float:
        workers = PrefectRateLimits(), PrefectRateLimits()
        began = time.monotonic()
        await asyncio.gather(*(worker.create_turn("test", CreatePace(2)) for worker in workers * 3))
        return time.monotonic() - began

    # Four slots a second come free, and a create takes two of them.
    assert asyncio.run(turns()) >= 1.4
