"""Processes of one account that share its questions: each sees of the others nothing but refusals."""

from __future__ import annotations

import heapq
import os
import signal
import subprocess
import sys
import time
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from providerside import TASK, key
from rawserver import Act, RawServer, reply

from footage.emulator import Emulator
from footage.errors import FootageError, Throttled
from footage.pacing.queries import (
    DEFAULT_QUERIES_PER_SECOND,
    LEAST_PER_SECOND,
    RECOVERY_S,
    WINDOW_S,
    Allowance,
    Pace,
    pace_of,
)
from footage.pacing.rate_limits import ProcessRateLimits
from footage.provider import WanClient

LIMIT = 20
MOST = DEFAULT_QUERIES_PER_SECOND
WORKER = Path(__file__).parents[2] / "support" / "askingworker.py"


@dataclass
class _Account:
    """The provider's limit over any second, and processes that ask as fast as they may, on a clock of their own."""

    workers: int
    allowances: dict[int, Allowance] = field(default_factory=dict[int, Allowance])
    # When, of whom, and whether it was answered.
    asked: list[tuple[float, int, bool]] = field(default_factory=list[tuple[float, int, bool]])

    def run(self, until_s: float) -> None:
        served = deque[float]()
        due = [(worker / self.workers, worker) for worker in range(self.workers)]
        while due[0][0] < until_s:
            now_s, worker = heapq.heappop(due)
            while served and served[0] <= now_s - 1:
                served.popleft()
            taken = len(served) < LIMIT
            self.asked.append((now_s, worker, taken))
            allowance = self.allowances.get(worker, Allowance())
            if taken:
                served.append(now_s)
            else:
                allowance = self.allowances[worker] = allowance.refused(now_s, now_s, MOST)
            heapq.heappush(due, (now_s + 1 / allowance.per_second(now_s, MOST), worker))

    def share_refused(self, since_s: float) -> float:
        since = [taken for at_s, _, taken in self.asked if at_s >= since_s]
        return since.count(False) / len(since)

    def per_second(self, since_s: float, until_s: float) -> float:
        return sum(since_s <= at_s < until_s for at_s, _, _ in self.asked) / (until_s - since_s)


def test_ten_processes_settle_below_the_limit_and_are_hardly_refused() -> None:
    account = _Account(10)

    account.run(until_s=240.0)

    assert 0.75 * LIMIT < account.per_second(10.0, 240.0) < LIMIT
    assert account.share_refused(since_s=10.0) < 0.06


def test_ten_processes_share_alike() -> None:
    account = _Account(10)
    # One came when the others had settled; until then it had all that it wants.
    account.allowances = {worker: Allowance(1.0, 0.0) for worker in range(9)}

    account.run(until_s=300.0)

    asked = Counter(worker for at_s, worker, _ in account.asked if at_s > 60.0)
    assert len(asked) == 10
    assert max(asked.values()) < 2 * min(asked.values())


@pytest.mark.parametrize("cuts", [1, 3, 20])
def test_one_that_is_alone_again_has_its_full_pace_within_a_minute(cuts: int) -> None:
    allowance, now_s = Allowance(), 1000.0
    for _ in range(cuts):
        now_s += WINDOW_S
        allowance = allowance.refused(now_s, now_s, MOST)

    assert LEAST_PER_SECOND <= allowance.per_second(now_s, MOST) <= MOST / 2
    assert allowance.per_second(now_s + RECOVERY_S / 2, MOST) < MOST
    assert RECOVERY_S == 60
    assert allowance.per_second(now_s + RECOVERY_S, MOST) == MOST


def test_refusals_of_what_was_under_way_count_once() -> None:
    allowance = Allowance().refused(99.0, 100.0, MOST)
    half = allowance.per_second(100.0, MOST)

    # Asked before the refusal was known, or within the second that is full; the answers come late.
    for asked_s, now_s in [(99.5, 100.1), (100.0, 100.2), (100.9, 104.0)]:
        allowance = allowance.refused(asked_s, now_s, MOST)
    assert allowance.per_second(100.0, MOST) == half == MOST / 2

    allowance = allowance.refused(101.0, 104.0, MOST)
    assert allowance.per_second(104.0, MOST) < half


RUNNING = reply({"output": {"task_id": TASK, "task_status": "RUNNING"}})
REFUSED = reply({"code": "Throttling.RateQuota", "message": "too many"}, 429)
NO_TASKS = reply({"data": [], "page_no": 1, "total_page": 1, "total": 0})


def _client(server: RawServer, per_second: float) -> WanClient:
    limits = ProcessRateLimits(per_second)
    return WanClient(server.base_url, key(), query_turn=limits.query_turn)


def _pace(client: WanClient, of: str = "") -> Pace:
    return pace_of((*client.counted_as, of) if of else client.counted_as)


@pytest.mark.parametrize(
    ("ask", "of", "not_of"),
    [
        pytest.param(lambda client: client.fetch(TASK), "", "cancel", id="query"),
        pytest.param(lambda client: client.list_tasks(), "", "cancel", id="list"),
        pytest.param(lambda client: client.probe(), "", "cancel", id="probe"),
        # What waits to be cancelled costs money a moment later, and cancels have a limit of their own.
        pytest.param(lambda client: client.cancel(TASK), "cancel", "", id="cancel"),
    ],
)
def test_a_refused_question_halves_the_pace_of_its_kind(
    ask: Callable[[WanClient], object], of: str, not_of: str
) -> None:
    with RawServer(REFUSED) as server, _client(server, 40) as client:
        for _ in range(3):
            with pytest.raises(Throttled):
                ask(client)
        with pytest.raises(Throttled):
            client.cancel(TASK) if not of else client.fetch(TASK)

        assert 20 <= _pace(client, of).per_second() < 21
        assert 20 <= _pace(client, not_of).per_second() < 21


@pytest.mark.parametrize(
    ("act", "ask"),
    [
        pytest.param(REFUSED, lambda client: client.quotas("m"), id="quotas have a limit of their own"),
        pytest.param(REFUSED, lambda client: client.model_listing("m"), id="models, too"),
        pytest.param(REFUSED, lambda client: client.upload("a.mp3", b"1", "m"), id="uploads, too"),
        pytest.param(
            REFUSED,
            lambda client: client.create({"model": "m", "input": {"prompt": "p"}, "parameters": {}}),
            id="creates are counted for each model",
        ),
        pytest.param(reply({}, 503), lambda client: client.fetch(TASK), id="an outage is no refusal"),
    ],
)
def test_what_is_no_refusal_of_a_question_about_tasks_slows_none(
    act: Act, ask: Callable[[WanClient], object]
) -> None:
    with RawServer(NO_TASKS, act) as server, _client(server, 40) as client:
        client.list_tasks()
        with pytest.raises(FootageError):
            ask(client)

        assert _pace(client).per_second() == 40


def test_the_pause_that_the_provider_asks_for_is_kept_by_all_of_the_account() -> None:
    wait = reply({"code": "Throttling"}, 429, {"Retry-After": "1"})
    with RawServer(wait, NO_TASKS) as server, _client(server, 40) as client, _client(server, 40) as other:
        began_s = time.monotonic()
        with pytest.raises(Throttled):
            client.list_tasks()
        other.list_tasks()

        assert time.monotonic() - began_s >= 1


def test_no_thread_waits_for_a_turn_that_comes_in_an_hour() -> None:
    wait = reply({"code": "Throttling"}, 429, {"Retry-After": "3600"})
    with RawServer(wait, NO_TASKS) as server, _client(server, 40) as client:
        for _ in range(2):
            with pytest.raises(Throttled) as later:
                client.list_tasks()

        # Within an hour results are deleted.
        assert 50 < (later.value.retry_after_s or 0) <= 60
        assert "possible in 60 s" in later.value.message
        assert "repeat a command then" in str(later.value.next_step)
        assert len(server.requests) == 1


@pytest.mark.slow
def test_ten_real_processes_settle_below_the_limit() -> None:
    with (
        Emulator(speed=1, render="tiny", query_qps=LIMIT) as emulator,
        subprocess.Popen(
            [sys.executable, str(WORKER), emulator.base_url, "10"],
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        ) as workers,
    ):
        try:
            assert workers.stdout is not None
            assert workers.stdout.readline() == "asking\n"
            time.sleep(4)
            half, half_at_s = _asked(emulator), time.monotonic()
            time.sleep(4)
            whole, took_s = _asked(emulator), time.monotonic() - half_at_s
        finally:
            os.killpg(workers.pid, signal.SIGKILL)

    asked, refused = (now - before for now, before in zip(whole, half, strict=True))
    assert half[1] > 0, "they never asked for too much"
    # One more: of those that are asked at the same moment, some may be counted on either side of it.
    assert 0.5 * LIMIT < asked / took_s < LIMIT + 1
    assert refused / asked < 0.1


def _asked(emulator: Emulator) -> tuple[int, int]:
    """How many lists were asked for, and how many of these questions were refused."""
    ledger = emulator.ledger(tasks=False)
    return ledger["lists"], ledger["answers"].get("429", 0)
