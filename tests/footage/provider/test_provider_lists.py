"""Lists of tasks, models and quotas, and the probe: what they tell about the account."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from providerside import REQUEST, TASK, service
from rawserver import reply

from footage.errors import Unreachable
from footage.provider import TaskStatus

ROW = {
    "api_key_id": "42677",
    "caller_uid": "1493478651020171",
    "gmt_create": 1709260684485,
    "start_time": 1709260684527,
    "end_time": 1709260685184,
    "model_name": "wan2.6-i2v",
    "region": "cn-beijing",
    "request_id": REQUEST,
    "status": "SUCCEEDED",
    "task_id": TASK,
}
CREATED_AT = datetime(2024, 3, 1, 2, 38, 4, 485000, tzinfo=UTC)


def listing(*rows: Any, **paging: Any) -> dict[str, Any]:
    return {
        "total": len(rows),
        "data": list(rows),
        "total_page": 1,
        "page_no": 1,
        "request_id": REQUEST,
    } | paging


def test_the_task_list_is_read():
    rows = (
        ROW,
        ROW | {"task_id": "second", "gmt_create": "1709260684485", "status": "RUNNING", "request_id": None},
    )
    with service(reply(listing(*rows, total=51, total_page="2"))) as (_, client):
        page = client.list_tasks(model="wan2.6-i2v")

    assert (page.page, page.total_pages, page.total) == (1, 2, 51)
    first, second = page.rows
    assert (first.task_id, first.request_id, first.model) == (TASK, REQUEST, "wan2.6-i2v")
    assert (first.status, first.created_at) == (TaskStatus.SUCCEEDED, CREATED_AT)
    assert (second.status, second.created_at, second.request_id) == (TaskStatus.RUNNING, CREATED_AT, None)


def test_no_times_of_an_unknown_zone_are_sent():
    with service(reply(listing(ROW))) as (server, client):
        client.list_tasks()

    assert "time" not in server.requests[0].target


@pytest.mark.parametrize(
    "document",
    [
        listing(ROW, ROW | {"task_id": None}),
        listing(ROW, ROW | {"task_id": "../x"}),
        listing(ROW, ROW | {"status": "DANCING"}),
        listing(ROW, ROW | {"gmt_create": "yesterday", "start_time": None}),
        listing(ROW, ROW | {"gmt_create": 999_999_999_999_999}),
        listing(ROW, ROW | {"gmt_create": 1}),
        listing(ROW, ROW | {"gmt_create": 32_503_680_000_000}),
        listing(ROW, ROW | {"model_name": None}),
        listing(ROW, "row"),
        {"data": [ROW], "page_no": 1, "total": 1},
        {"data": [ROW], "page_no": 1, "total_page": 1},
        {"data": None, "total": 0, "total_page": 0},
        {"data": {}, "total": 0, "total_page": 0},
        {"request_id": REQUEST},
    ],
)
def test_a_list_with_anything_unreadable_is_no_list_because_a_missed_task_is_bought_again(document: Any):
    with service(reply(document)) as (_, client), pytest.raises(Unreachable, match="not understood"):
        client.list_tasks()


@pytest.mark.parametrize(
    ("body", "status", "expected"),
    [
        ({"output": {"models": []}}, 200, False),
        ({"output": {"models": [{"model": "wan2.2-t2v-flash"}]}}, 200, True),
        ({"output": {"models": [{"name": "Wan", "model_id": "wan2.2-t2v-flash"}]}}, 200, True),
        ({"output": {"models": [{"model": "wan2.2-t2v-plus"}]}}, 200, None),
        ({"output": {}}, 200, None),
        ({"code": "NotFound"}, 404, None),
        (b"<html>", 404, None),
        ({"code": "InvalidParameter"}, 400, None),
    ],
)
def test_whether_a_model_is_known_is_yes_no_or_not_said(body: Any, status: int, expected: bool | None):
    with service(reply(body, status=status)) as (_, client):
        assert client.model_listing("wan2.2-t2v-flash").listed is expected


def test_the_tighter_of_two_quotas_counts():
    limits = {
        "request_limit": 5,
        "request_limit_period": 1,
        "async_user_queue_limit": 100,
        "async_user_concurrency_limit": 5,
    }
    entry = {
        "model": "wan2.6-i2v",
        "model_limit": limits,
        "workspace_limit": {"async_user_queue_limit": "20"},
    }
    with service(reply({"output": {"total": 1, "quotas": [{"model": "other"}, entry]}})) as (_, client):
        quota = client.quotas("wan2.6-i2v")

    assert quota is not None
    assert (quota.requests, quota.request_period_s) == (5, 1)
    assert (quota.concurrent_tasks, quota.queued_tasks) == (5, 20)


@pytest.mark.parametrize(
    ("workspace", "others", "tasks"),
    [
        pytest.param("ws-b", ["ws-a", "ws-b"], 2, id="of its own workspace"),
        pytest.param("ws-a", ["ws-a", "ws-b"], 1, id="of the other one"),
        pytest.param("ws-c", ["ws-a", "ws-b"], 5, id="its own is not told: the account's"),
        pytest.param("ws-b", ["ws-a"], 5, id="that of another one alone is told"),
        pytest.param("ws-b", [None], 1, id="nobody's name is told"),
        pytest.param(None, ["ws-a", "ws-b"], 5, id="which one the default is cannot be told"),
        pytest.param(None, ["ws-a"], 1, id="there is one"),
    ],
)
def test_the_quota_of_another_workspace_does_not_count(
    workspace: str | None, others: list[str | None], tasks: int
):
    rows = [
        {
            "model": "wan2.6-i2v",
            "workspace_id": name,
            "model_limit": {"async_user_concurrency_limit": 5},
            "workspace_limit": {"async_user_concurrency_limit": number},
        }
        for number, name in enumerate(others, start=1)
    ]
    with service(reply({"output": {"quotas": rows}}), workspace=workspace) as (_, client):
        quota = client.quotas("wan2.6-i2v")

    assert quota is not None
    assert quota.concurrent_tasks == tasks


@pytest.mark.parametrize(("of_model", "of_workspace", "tasks"), [(2, 0, 2), (0, 3, 3), (0, 0, None)])
def test_a_limit_of_0_hides_no_other(of_model: int, of_workspace: int, tasks: int | None):
    limits = [
        {"async_user_concurrency_limit": number, "async_user_queue_limit": number}
        for number in (of_model, of_workspace)
    ]
    entry = {"model": "wan2.6-i2v", "model_limit": limits[0], "workspace_limit": limits[1]}
    with service(reply({"output": {"quotas": [entry]}})) as (_, client):
        quota = client.quotas("wan2.6-i2v")

    assert quota is not None
    assert (quota.concurrent_tasks, quota.queued_tasks) == (tasks, tasks)


@pytest.mark.parametrize(
    ("of_model", "of_workspace", "per_second"),
    [
        pytest.param((300, 60), (2, 1), 2.0, id="each number counts with its own period"),
        pytest.param((2, 1), (300, 60), 2.0, id="in either place"),
        pytest.param((5, 1), (60, 60), 1.0, id="the larger number may be the smaller rate"),
        pytest.param((5, 1), (None, None), 5.0, id="a limit without numbers"),
        pytest.param((5, None), (60, None), 5.0, id="a second where no period is told"),
        pytest.param((None, 60), (3, 1), 3.0, id="a period alone is no limit"),
        pytest.param((5, 1), (0, 1), 5.0, id="0 is told where none applies"),
        pytest.param((5, 1), (7, 0), 5.0, id="nothing is allowed within no time"),
        pytest.param((None, None), (None, None), None, id="nothing is told"),
    ],
)
def test_of_two_limits_of_creates_the_smaller_rate_counts(
    of_model: tuple[int | None, int | None],
    of_workspace: tuple[int | None, int | None],
    per_second: float | None,
):
    limits = [
        {"request_limit": requests, "request_limit_period": period}
        for requests, period in (of_model, of_workspace)
    ]
    entry = {"model": "wan2.6-i2v", "model_limit": limits[0], "workspace_limit": limits[1]}
    with service(reply({"output": {"quotas": [entry]}})) as (_, client):
        quota = client.quotas("wan2.6-i2v")

    assert quota is not None
    assert quota.creates_per_second == per_second


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"output": {"quotas": []}}, 200),
        ({"output": {"quotas": None}}, 200),
        ({"code": "NotFound"}, 404),
        (b"", 404),
    ],
)
def test_no_quota_is_no_error(body: Any, status: int):
    with service(reply(body, status=status)) as (_, client):
        assert client.quotas("wan2.6-i2v") is None


@pytest.mark.parametrize("rows", [[], [{"anything": "at all"}]])
def test_the_probe_is_one_query_that_measures_clock_and_distance(rows: list[Any]):
    ahead = (datetime.now(UTC) + timedelta(hours=3)).strftime("%a, %d %b %Y %H:%M:%S GMT")
    with service(reply({"data": rows}, headers={"Date": ahead})) as (server, client):
        probe = client.probe()

    assert probe.clock_offset_s == pytest.approx(10_800, abs=2)
    assert 0 <= probe.latency_s < 5
    assert [request.target for request in server.requests] == ["/api/v1/tasks?page_no=1&page_size=1"]


def test_a_date_without_a_zone_is_in_utc():
    ahead = (datetime.now(UTC) + timedelta(hours=3)).strftime("%a, %d %b %Y %H:%M:%S -0000")
    with service(reply({"data": []}, headers={"Date": ahead})) as (_, client):
        assert client.probe().clock_offset_s == pytest.approx(10_800, abs=2)


@pytest.mark.parametrize("headers", [{}, {"Date": "soon"}])
def test_without_a_date_the_clock_stays_unknown(headers: dict[str, str]):
    with service(reply({"data": []}, headers=headers)) as (_, client):
        assert client.probe().clock_offset_s is None


@pytest.mark.parametrize(
    ("info", "day"),
    [
        ({"inference_offline_info": {"offline_time": "2026-12-31 00:00:00"}}, "2026-12-31"),
        ({"inferenceOfflineInfo": {"offlineTime": "2026-12-31"}}, "2026-12-31"),
        ({"offline_time": "2026/12/31 10:00:00", "announceUrl": "https://example.com"}, "2026-12-31"),
        ({"offline_time": "2026-12-30T16:00:00Z"}, "2026-12-30"),
        ({"inference_offline_info": [{"offline_time": 1798646400000}]}, "2026-12-31"),
        ({"inference_offline_info": [{"offline_time": 1798646400}]}, "2026-12-31"),
        ({"inference_offline_info": [{"offline_time": 20261231}]}, "2026-12-31"),
        # A map by model: what is said of another one is not about this.
        (
            {
                "inference_offline_info": {
                    "wan2.6-i2v": {"offline_time": "2026-12-31"},
                    "wan2.2-t2v-plus": {"offline_time": "2026-10-01"},
                }
            },
            "2026-12-31",
        ),
        (
            {"inference_offline_info": {"offline_time": {"cn-beijing": "2027-01-31", "x": "2026-12-31"}}},
            "2026-12-31",
        ),
        ({"inference_offline_info": {"offline_time": None}}, None),
        ({"inference_offline_info": {"offline_time": "soon"}}, None),
        ({"inference_offline_info": {"offline_time": "9999-12-31"}}, None),
        ({"inference_offline_info": "2026-12-31"}, None),
        ({"inference_offline_info": {"offline_time": True}}, None),
        ({}, None),
    ],
)
def test_the_day_on_which_a_model_stops_is_read_in_every_spelling_that_was_seen(info: Any, day: str | None):
    entry = {"model": "wan2.6-i2v", **info}
    with service(reply({"output": {"models": [entry]}})) as (_, client):
        listing = client.model_listing("wan2.6-i2v")

    assert listing.listed is True
    assert (listing.offline_at and str(listing.offline_at.date())) == day
