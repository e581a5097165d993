"""Rates, concurrency and the clock, over the wire and with the documented figures."""

import time
from typing import Any

import pytest

from footage.emulator import Emulator


def test_submissions_above_the_models_rate_are_throttled_for_a_second(make_api: Any) -> None:
    # A hundred times slower than life: everything below happens within one virtual second.
    with Emulator(speed=0.01) as emulator, make_api(emulator) as api:
        answers = [api.submit() for _ in range(3)]
        other = api.submit(model="wan2.6-t2v-us", size="1280*720")
        emulator.advance(1)

        assert [answer.status_code for answer in answers] == [200, 200, 429]
        assert answers[-1].json()["code"] == "Throttling.RateQuota"
        assert "retry-after" not in answers[-1].headers
        assert other.status_code == 200
        assert api.submit().status_code == 200
        assert emulator.ledger()["accepted"] == 4


def test_task_and_list_calls_above_twenty_a_second_are_throttled_each(make_api: Any) -> None:
    with Emulator(speed=0.01) as emulator, make_api(emulator) as api:
        queries = [api.get("/tasks/1111").status_code for _ in range(21)]
        lists = [api.get("/tasks").status_code for _ in range(21)]

    assert queries == lists == [200] * 20 + [429]


def test_overflow_waits_as_pending_and_a_full_queue_is_refused(make_api: Any) -> None:
    with Emulator(rate_limits=False, queue_limit=3, speed=0.01) as emulator, make_api(emulator) as api:
        accepted = [api.create() for _ in range(5)]
        refused = api.submit()
        emulator.advance(1)

        statuses = [api.query(task_id)["task_status"] for task_id in accepted]
        assert statuses == ["RUNNING"] * 2 + ["PENDING"] * 3
        assert (refused.status_code, refused.json()["code"]) == (429, "Throttling.Concurrency")


def test_quotas_print_the_documented_limits(make_api: Any) -> None:
    with Emulator(queue_limit=7) as emulator, make_api(emulator) as api:
        quota = api.get("/quotas", model="wan2.6-i2v-flash").json()["output"]["quotas"][0]

    limits = quota["model_limit"]
    assert (limits["request_limit"], limits["request_limit_period"]) == (5, 1)
    assert (limits["async_user_concurrency_limit"], limits["async_user_queue_limit"]) == (5, 7)


def test_time_runs_at_the_given_speed_and_jumps_on_request() -> None:
    with Emulator(speed=1000) as emulator:
        real, virtual = time.monotonic(), emulator.health()["now_s"]
        emulator.advance(3600)
        passed_s = emulator.health()["now_s"] - virtual
        real_s = time.monotonic() - real

        assert 3600 <= passed_s <= 3600 + 1000 * real_s + 1
        with pytest.raises(ValueError, match="cannot go back"):
            emulator.advance(-1)


def test_only_named_keys_and_workspaces_pass_when_they_are_named(make_api: Any) -> None:
    with Emulator(keys=["sk-mine"], workspaces=["ws-mine"]) as emulator, make_api(emulator) as api:
        assert api.submit().status_code == 401
        api.headers = {"Authorization": "Bearer sk-mine"}
        assert api.submit().status_code == 200
        api.headers["X-DashScope-WorkSpace"] = "ws-other"
        refused = api.submit()

    assert (refused.status_code, refused.json()["code"]) == (401, "NOT AUTHORIZED")


def test_a_region_serves_its_own_models_only(make_api: Any) -> None:
    with Emulator(region="ap-southeast-1", t2v_flash=True) as emulator, make_api(emulator) as api:
        names = [entry["model"] for entry in api.get("/models", page_size=50).json()["output"]["models"]]

    assert names == [
        "wan2.2-t2v-plus",
        "wan2.2-t2v-flash",
        "wan2.1-t2v-turbo",
        "wan2.6-i2v-flash",
        "wan2.6-i2v",
        "wan2.6-t2v",
        "wan2.6-r2v",
        "wan2.6-r2v-flash",
        "wan2.7-t2v",
        "wan2.7-t2v-2026-04-25",
        "wan2.7-i2v",
        "wan2.7-i2v-2026-04-25",
        "wan2.7-r2v",
        "wan3.0-video",
        "wan3.0-video-prime",
    ]


def test_unknown_knobs_and_faults_are_refused_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match="queue_limit"):
        Emulator(queu_limit=1)
    with pytest.raises(ValueError, match="query-reset"):
        Emulator(faults=[{"fault": "query-rest"}])


def test_a_model_is_retired_by_a_date_then_smaller_limits_then_refusals(make_api: Any) -> None:
    model = "wan2.6-i2v-flash"
    with Emulator() as emulator, make_api(emulator) as api:

        def listed() -> list[Any]:
            models = api.get("/models", model=model).json()["output"]["models"]
            return [row["inference_offline_info"]["offline_time"] for row in models]

        def limits() -> tuple[int, int]:
            told = api.get("/quotas", model=model).json()["output"]["quotas"][0]["model_limit"]
            return told["request_limit"], told["async_user_concurrency_limit"]

        assert (listed(), limits()) == ([None], (5, 5))

        emulator.turn(retiring=[model], offline_time="2026-12-31 00:00:00")
        assert (listed(), limits()) == (["2026-12-31 00:00:00"], (5, 5))

        emulator.turn(retiring_limit=1)
        assert limits() == (1, 1)

        emulator.turn(retired=True)
        assert listed() == []
        refused = api.submit(model=model)
        assert (refused.status_code, refused.json()["code"]) == (403, "Model.AccessDenied")
