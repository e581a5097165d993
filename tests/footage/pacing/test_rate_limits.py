import threading
import time

import pytest
from providerside import TASK, key
from rawserver import RawServer, reply

from footage.pacing.queries import Pace, pace_of, reserve
from footage.pacing.rate_limits import ProcessRateLimits
from footage.provider import WanClient

RUNNING = {"output": {"task_id": TASK, "task_status": "RUNNING"}}


def client_at(base_url: str, queries_per_second: float) -> WanClient:
    limits = ProcessRateLimits(queries_per_second)
    return WanClient(base_url, key(), query_turn=limits.query_turn)


@pytest.mark.parametrize(
    ("next_free_s", "now_s", "start_s", "then_s"),
    [
        (0.0, 100.0, 100.0, 100.1),  # nobody before
        (100.1, 100.0, 100.1, 100.2),  # one before, a moment ago
        (103.0, 100.0, 103.0, 103.1),  # many are waiting
        (100.0, 100.0, 100.0, 100.1),
    ],
)
def test_starts_are_spread_evenly(next_free_s: float, now_s: float, start_s: float, then_s: float):
    assert reserve(next_free_s, now_s, 10) == pytest.approx((start_s, then_s))


def test_the_pace_belongs_to_key_and_address_and_not_to_the_client():
    def pace(base_url: str, text: str) -> Pace:
        return pace_of(WanClient(base_url, key(text)).asks_as)

    assert pace("https://a/api/v1", "sk-1") is pace(" https://a/api/v1/", "sk-1")
    assert pace("https://a/api/v1", "sk-1") is not pace("https://b/api/v1", "sk-1")
    assert pace("https://a/api/v1", "sk-1") is not pace("https://a/api/v1", "sk-2")


def test_threads_and_clients_of_one_key_share_the_pace():
    with RawServer(reply(RUNNING)) as server:
        clients = [client_at(server.base_url, 40) for _ in range(4)]
        clients[0].fetch(TASK)  # loads the SDK before the time is taken
        threads = [
            threading.Thread(target=client.fetch, args=(TASK,)) for client in clients for _ in range(3)
        ]

        started = time.monotonic()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert time.monotonic() - started >= 11 / 40
        assert len(server.requests) == 13
        for client in clients:
            client.close()


def test_creates_are_not_held_up_by_questions():
    with (
        RawServer(reply({"output": {"task_id": TASK, "task_status": "PENDING"}})) as server,
        client_at(server.base_url, 0.05) as client,
    ):
        client.fetch(TASK)

        started = time.monotonic()
        client.create({"model": "m", "input": {"prompt": "p"}, "parameters": {}})

        assert time.monotonic() - started < 10
