import pickle
import time

import pytest

from footage.credentials import parse_key
from footage.errors import InvalidRequest, Problem
from footage.redact import redact

KEY = "sk-0123456789abcdef0123456789abcdef"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "https://b.oss-accelerate.aliyuncs.com/1d/a.mp4?Expires=1787904126&OSSAccessKeyId=LTAI5tX&Signature=ab%2Bc%3D",
            "https://b.oss-accelerate.aliyuncs.com/1d/a.mp4?Expires=1787904126&OSSAccessKeyId=[redacted]"
            "&Signature=[redacted]",
        ),
        (
            "https://h/a.mp4?Signature=abc&Expires=17&security-token=xyz#t",
            "https://h/a.mp4?Signature=[redacted]&Expires=17&security-token=[redacted]",
        ),
        (
            "https://h/a?X-Amz-Algorithm=A&X-Amz-Credential=C%2Fs3&X-Amz-Signature=0f&versionId=3",
            "https://h/a?X-Amz-Algorithm=[redacted]&X-Amz-Credential=[redacted]&X-Amz-Signature=[redacted]&versionId=3",
        ),
        (
            "https://h/a?x-oss-signature-version=OSS4-HMAC-SHA256&x-oss-credential=c&x-oss-signature=s&x-oss-expires=9",
            "https://h/a?x-oss-signature-version=OSS4-HMAC-SHA256&x-oss-credential=[redacted]"
            "&x-oss-signature=[redacted]&x-oss-expires=9",
        ),
        (
            '{"u":"https://h/a?Expires=1\\u0026Signature=abc"}',
            '{"u":"https://h/a?Expires=1\\u0026Signature=[redacted]"}',
        ),
        (
            '<a href="https://h/a?Expires=1&amp;Signature=abc">',
            '<a href="https://h/a?Expires=1&amp;Signature=[redacted]">',
        ),
        (
            "https://player/?url=https%3A%2F%2Fh%2Fa%3FSignature%3Dabc%26Expires%3D1",
            "https://player/?url=https%3A%2F%2Fh%2Fa%3FSignature%3D[redacted]%26Expires%3D1",
        ),
        (
            "https://h/a?X-Goog-Credential=c&X-Goog-Signature=s&sv=2&sig=s%2F&Key-Pair-Id=K&access_token=t&id=7",
            "https://h/a?X-Goog-Credential=[redacted]&X-Goog-Signature=[redacted]&sv=2&sig=[redacted]"
            "&Key-Pair-Id=[redacted]&access_token=[redacted]&id=7",
        ),
        (
            "proxy http://me:pass%40word@proxy:3128/x?y=a:b@c",
            "proxy http://me:[redacted]@proxy:3128/x?y=a:b@c",
        ),
        ("the key sk-ws-H.CANARY.MEUCIQD.", "the key [redacted]."),
        (f"Authorization: Bearer {KEY}", "Authorization: [redacted]"),
        ("{'authorization': 'Bearer abc.def'}", "{'authorization': '[redacted]'}"),
        ("got bearer abcdefghijkl here", "got bearer [redacted] here"),
        (f"the key {KEY}, the other sk-ws-AAAA_bbbb-1", "the key [redacted], the other [redacted]"),
        ("data:image/png;base64,iVBORw0KGgo= and more", "data:image/png;base64,[12 characters] and more"),
        (
            '{"img_url": "data:image/jpeg;base64,/9j/4A=="}',
            '{"img_url": "data:image/jpeg;base64,[8 characters]"}',
        ),
        ("data:text/plain;charset=utf-8,hello%20there", "data:text/plain;charset=utf-8,[13 characters]"),
    ],
)
def test_what_is_secret_goes_and_what_is_not_stays(text: str, expected: str):
    assert redact(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "A risk-assessment in sk-storyboards of the desk-bound task-force, ask-me-anything style",
        "The signature= of a good film; data: facts, sk-short",
        "https://b.aliyuncs.com/a.mp4?Expires=1787904126",
        "一只小猫在月光下奔跑",
    ],
)
def test_ordinary_text_is_left_alone(text: str):
    assert redact(text) == text


def test_a_key_that_is_in_use_goes_whatever_it_looks_like():
    parse_key("canary/of+another:shape=", "environment")

    assert redact("Incorrect API key provided: canary/of+another:shape=.") == (
        "Incorrect API key provided: [redacted]."
    )


def test_an_error_shows_no_secret_that_was_typed_in_the_wrong_place():
    error = InvalidRequest(problems=(Problem("file", KEY, "cannot be read"),), next_step=f"use {KEY}")

    for shown in (error, pickle.loads(pickle.dumps(error))):
        assert str(shown).endswith("file = [redacted]: cannot be read\n  → use [redacted]")


def test_the_shape_stays_the_same():
    value = {
        "output": {"video_url": "https://h/a?Signature=abc", "list": [1, 2.5, None, True, (KEY, b"x")]},
        "Authorization": f"Bearer {KEY}",
        "api_key": KEY,
        3: "x",
    }

    assert redact(value) == {
        "output": {
            "video_url": "https://h/a?Signature=[redacted]",
            "list": [1, 2.5, None, True, ("[redacted]", b"x")],
        },
        "Authorization": "[redacted]",
        "api_key": "[redacted]",
        3: "x",
    }
    assert value["api_key"] == KEY


def test_redacting_twice_changes_nothing_more():
    once = redact(f"https://h/a?Signature=abc&x=1 Bearer {KEY} data:image/png;base64,AAAA")

    assert redact(once) == once


def test_twenty_megabytes_take_no_more_than_a_moment():
    text = '{"img_url": "data:image/png;base64,' + "A" * 20_000_000 + '", "key": "' + "sk-" * 10_000 + '"}'

    started = time.perf_counter()
    short = redact(text)

    assert len(short) < 31_000
    assert time.perf_counter() - started < 5
