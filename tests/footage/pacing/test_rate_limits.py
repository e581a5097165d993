import threading
import time

import pytest
from providerside import TASK, key
from rawserver import RawServer, reply

from footage.credentials import parse_key
from footage.errors import Throttled
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


GATEWAY = "https://a/api/v1"
BEIJING = "https://dashscope.aliyuncs.com/api/v1"
SINGAPORE = "https://dashscope-intl.aliyuncs.com/api/v1"
OF_WORKSPACE = "https://ws-1.cn-beijing.maas.aliyuncs.com/api/v1"


@pytest.mark.parametrize(
    ("first", "second", "one"),
    [
        pytest.param((GATEWAY, "a"), (f" {GATEWAY}/", "a"), True, id="one gateway"),
        pytest.param((GATEWAY, "a"), (BEIJING, "a"), False, id="what a gateway stands for is not known"),
        pytest.param((BEIJING, "a"), (OF_WORKSPACE, "a"), True, id="two hosts of one region"),
        pytest.param((BEIJING, "a"), (SINGAPORE, "a"), False, id="two regions"),
        pytest.param((BEIJING, "a"), (BEIJING, "b"), False, id="two accounts"),
        pytest.param((BEIJING, None), (BEIJING, "a"), False, id="a named account and the default one"),
        pytest.param((BEIJING, None), (BEIJING, None), True, id="who names no account means the default one"),
    ],
)
def test_the_pace_belongs_to_region_and_account_whatever_the_key(
    first: tuple[str, str | None], second: tuple[str, str | None], one: bool
):
    def pace(text: str, base_url: str, account: str | None) -> Pace:
        own = parse_key(text, "test", workspace="ws-1", account=account)
        return pace_of(WanClient(base_url, own).counted_as)

    assert (pace("sk-1", *first) is pace("sk-2", *second)) is one


def test_a_refusal_slows_all_keys_of_its_account():
    limits = ProcessRateLimits(40)
    refused = reply({"code": "Throttling.RateQuota"}, 429)
    no_tasks = reply({"data": [], "page_no": 1, "total_page": 1, "total": 0})
    with RawServer(refused, no_tasks) as server:
        old, rotated = (
            WanClient(server.base_url, parse_key(text, "test", account="a"), query_turn=limits.query_turn)
            for text in ("sk-old", "sk-rotated")
        )
        with old, rotated:
            with pytest.raises(Throttled):
                old.list_tasks()
            rotated.list_tasks()

            assert 20 <= pace_of(rotated.counted_as).per_second() < 22


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
