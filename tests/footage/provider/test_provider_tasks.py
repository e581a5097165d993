"""What the provider says about one task: a good answer is read leniently, and nothing in it is guessed."""

import gzip
import json
from decimal import Decimal
from typing import Any

import pytest
from providerside import REQUEST, TASK, answer, service
from rawserver import Act, reply

from footage.errors import Unreachable
from footage.provider import TaskAnswer, TaskStatus


def look(act: Act) -> TaskAnswer:
    with service(act) as (_, client):
        return client.fetch(TASK)


def test_a_finished_task_of_version_2_6_is_read():
    url = "https://dashscope-result-sh.oss-accelerate.aliyuncs.com/xxx.mp4?Expires=1&Signature=x"
    usage = {
        "duration": 10,
        "size": "1280*720",
        "input_video_duration": 0,
        "output_video_duration": 10,
        "video_count": 1,
        "SR": 720,
    }
    document = answer("SUCCEEDED", usage, video_url=url, orig_prompt="一幅史诗级可爱的场景。")

    task = look(reply(document))

    assert (task.status, task.video_url, task.orig_prompt) == (
        TaskStatus.SUCCEEDED,
        url,
        "一幅史诗级可爱的场景。",
    )
    assert task.usage is not None
    assert (task.usage.billed_seconds, task.usage.width, task.usage.height) == (Decimal(10), 1280, 720)
    assert (task.usage.sr, task.usage.audio, task.usage.fps) == (720, None, None)
    assert (task.answer, task.request_id, task.actual_prompt) == (document, REQUEST, None)


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        (
            {"video_duration": 5, "video_ratio": "832*480", "video_count": 1},
            (Decimal(5), 832, 480, None, None, None),
        ),
        ({"video_duration": 5, "video_ratio": "standard"}, (Decimal(5), None, None, None, None, None)),
        ({"duration": 10, "SR": 720, "audio": True}, (Decimal(10), None, None, 720, True, None)),
        ({"duration": "10", "SR": "720", "audio": "false"}, (Decimal(10), None, None, 720, False, None)),
        ({"duration": 5.0, "SR": 720.0}, (Decimal(5), None, None, 720, None, None)),
        (
            {"duration": 10, "ratio": "3368:3409", "fps": 30},
            (Decimal(10), None, None, None, None, Decimal(30)),
        ),
        ({"duration": 100_001, "output_video_duration": 5}, (Decimal(5), None, None, None, None, None)),
        ({"duration": 1e14}, (None, None, None, None, None, None)),
        # Nothing that was made costs nothing: it is a value that nobody filled in.
        ({"duration": 0, "video_duration": 5}, (Decimal(5), None, None, None, None, None)),
        ({"duration": 0}, (None, None, None, None, None, None)),
        ({"output_video_duration": 5}, (Decimal(5), None, None, None, None, None)),
        ({"duration": 5.04}, (Decimal("5.04"), None, None, None, None, None)),
        ({"duration": None, "SR": "HD", "audio": 1, "fps": True}, (None,) * 6),
        ({"duration": -1, "SR": "1e999999999", "size": "9999999*1"}, (None,) * 6),
    ],
)
def test_numbers_are_read_in_every_shape_that_models_and_versions_give_them(usage: Any, expected: Any):
    read = look(reply(answer("SUCCEEDED", usage))).usage

    assert read is not None
    assert (read.billed_seconds, read.width, read.height, read.sr, read.audio, read.fps) == expected
    assert read.raw == usage


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("http://b.oss-cn-beijing.aliyuncs.com/a.mp4?Signature=x%2B", "https://b.oss-cn-beijing.aliyuncs.com/a.mp4?Signature=x%2B"),
        ("http://b.aliyuncs.com:80/a.mp4?x=:80", "https://b.aliyuncs.com/a.mp4?x=:80"),
        ("https://b.aliyuncs.com/a.mp4", "https://b.aliyuncs.com/a.mp4"),
        ("http://127.0.0.1:8000/a.mp4", "http://127.0.0.1:8000/a.mp4"),
        ("http://aliyuncs.com.evil.example/a.mp4", "http://aliyuncs.com.evil.example/a.mp4"),
        ("http://evilaliyuncs.com/a.mp4", "http://evilaliyuncs.com/a.mp4"),
        ("file:///etc/passwd", None),
        ("http://[::1", None),
        ("", None),
        (None, None),
        (5, None),
    ],
)  # fmt: skip
def test_only_the_providers_own_hosts_are_lifted_to_https(given: Any, expected: str | None):
    assert look(reply(answer("SUCCEEDED", video_url=given))).video_url == expected


@pytest.mark.parametrize(
    ("output", "code", "message"),
    [
        ({"code": "InvalidParameter", "message": "The size"}, "InvalidParameter", "The size"),
        ({}, None, None),
        ({"code": "", "message": None}, None, None),
        ({"code": 500, "message": {"a": 1}}, "500", None),
    ],
)  # fmt: skip
def test_a_failed_task_tells_its_reason_or_nothing(output: Any, code: str | None, message: str | None):
    task = look(reply(answer("FAILED", **output)))

    assert (task.status, task.code, task.message, task.usage) == (TaskStatus.FAILED, code, message, None)


@pytest.mark.parametrize(
    ("word", "final"),
    [
        ("PENDING", False),
        ("RUNNING", False),
        ("SUSPENDED", False),
        ("SUCCEEDED", True),
        ("FAILED", True),
        ("CANCELED", True),
        ("UNKNOWN", True),
    ],
)
def test_the_statuses_are_the_providers_words(word: str, final: bool):
    status = look(reply({"output": {"task_id": TASK, "task_status": word}})).status

    assert (status.value, status.final) == (word, final)


def test_half_an_emoji_and_numbers_that_are_no_json_do_not_spoil_the_evidence():
    usage = {"duration": 5, "SR": float("nan"), "fps": "1e999", "ratio": -1e-999}
    body = json.dumps(answer("SUCCEEDED", usage, orig_prompt="\ud83d cut"))

    task = look(reply(body.replace('"1e999"', "1e999").encode()))

    assert json.loads(json.dumps(task.answer, ensure_ascii=False, allow_nan=False).encode()) == task.answer
    assert task.orig_prompt == "? cut"


@pytest.mark.parametrize(
    "act",
    [
        reply(gzip.compress(json.dumps(answer("RUNNING")).encode()), headers={"Content-Encoding": "gzip"}),
        reply(answer("RUNNING"), status=201),
        reply({"output": {"task_status": "RUNNING"}}),
        reply(b"\xef\xbb\xbf" + json.dumps(answer("RUNNING")).encode()),
        reply(
            json.dumps(answer("RUNNING")).encode(), headers={"Content-Type": "application/json;charset=UTF-8"}
        ),
    ],
)
def test_a_readable_answer_is_read(act: Act):
    assert look(act).status is TaskStatus.RUNNING


@pytest.mark.parametrize(
    "document",
    [
        {"output": []},
        {"request_id": REQUEST},
        answer("DANCING"),
        answer("running"),
        {"output": {"task_id": TASK, "task_status": None}},
        {"output": {"task_id": "another", "task_status": "SUCCEEDED"}},
    ],
    ids=["no object", "no output", "unheard-of status", "small letters", "no status", "about another task"],
)
def test_a_task_that_is_not_understood_is_asked_for_again_and_never_guessed(document: Any):
    with service(reply(document)) as (_, client), pytest.raises(Unreachable, match="not understood"):
        client.fetch(TASK)


def test_a_cancellation_is_taken_or_refused():
    refused = {"code": "UnsupportedOperation", "message": "Failed to cancel the task", "request_id": REQUEST}
    with service(reply({"request_id": REQUEST}), reply(refused, status=400)) as (_, client):
        assert client.cancel(TASK) is True
        assert client.cancel(TASK) is False
