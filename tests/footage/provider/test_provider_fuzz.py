"""Whatever comes back over the wire is read, or is one typed error."""

from __future__ import annotations

import contextlib
import json
from datetime import UTC, datetime
from typing import Any

from fuzzing import changed, fuzz, text, values
from hypothesis import example
from hypothesis import strategies as st

from footage.errors import FootageError
from footage.provider import answers
from footage.provider.results import RawAnswer

NOW = datetime(2026, 11, 28, 12, 0, tzinfo=UTC)
SEEDS: list[Any] = [
    {"output": {"task_id": "t-1", "task_status": "PENDING"}, "request_id": "r"},
    {
        "request_id": "r",
        "output": {
            "task_id": "t-1",
            "task_status": "SUCCEEDED",
            "video_url": "http://a.aliyuncs.com/x.mp4?Signature=x",
            "orig_prompt": "A cat",
            "submit_time": "2026-11-28 12:00:00.000",
        },
        "usage": {
            "duration": 5,
            "size": "1280*720",
            "SR": "720",
            "video_count": 1,
            "audio": "true",
            "fps": 24,
        },
    },
    {"code": "Throttling", "message": "Requests rate limit exceeded", "request_id": "r"},
    {"error": {"code": "invalid_api_key", "type": "x", "message": "no"}},
    {
        "total": 1,
        "total_page": 1,
        "page_no": 1,
        "data": [{"task_id": "t-1", "model_name": "m", "status": "RUNNING", "gmt_create": 1_700_000_000_000}],
    },
    {"output": {"models": [{"model": "m"}]}},
    {
        "output": {
            "quotas": [
                {
                    "model": "m",
                    "model_limit": {"request_limit": 5, "request_limit_period": 1},
                    "workspace_limit": {"async_user_concurrency_limit": "2"},
                }
            ]
        }
    },
]
HEADERS = st.dictionaries(
    st.sampled_from(["retry-after", "date", "x-request-id", "content-type"]),
    text
    | st.sampled_from(
        [
            "9" * 5000, "-1", "1e400", "NaN", "²", "Mon, 28 Nov 2026 12:00:00 +99999999",
            "Mon, 28 Nov 99999999999999999999 12:00:00 GMT", "Fri, 31 Dec 9999 23:59:59 GMT", "Thu",
            "Mon, 01 Jan 0001 00:00:00 +2300",
        ]
    ),
)  # fmt: skip
BODIES = st.binary(max_size=60) | (changed(SEEDS) | values).map(
    lambda value: json.dumps(value, default=str).encode(errors="replace")
)
READERS = (
    answers.read_created,
    answers.read_probe,
    lambda raw: answers.read_task(raw, "t-1"),
    lambda raw: answers.read_page(raw, 1),
    lambda raw: answers.read_cancel(raw, "t-1"),
    lambda raw: answers.read_model_listing(raw, "m"),
    lambda raw: answers.read_quota(raw, "m"),
)


@fuzz(
    examples=150,
    body=BODIES,
    headers=HEADERS,
    status=st.sampled_from([200, 202, 302, 307, 400, 401, 404, 429, 503]),
)
@example(body=b"[" * 100_000, headers={}, status=200)
@example(
    body=b'{"output": {"task_id": "t-1", "task_status": "RUNNING"}, "usage": {"duration": "1e-99999999"}}',
    headers={},
    status=200,
)
@example(body=b'{"data": []}', headers={"date": "Fri, 31 Dec 9999 23:59:59 GMT"}, status=200)
def test_any_answer_is_read_or_is_one_typed_error(body: bytes, headers: dict[str, str], status: int) -> None:
    raw = RawAnswer(status, headers, body, NOW, NOW)

    for read in READERS:
        with contextlib.suppress(FootageError):
            read(raw)
