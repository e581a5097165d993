from __future__ import annotations

import pytest

from footage.network.endpoints import known_endpoint

BEIJING = "https://dashscope.aliyuncs.com/api/v1"
PROXY = "http://127.0.0.1:9/api/v1"


@pytest.mark.parametrize(
    ("url", "known"),
    [
        (BEIJING, BEIJING),
        ("https://DashScope.aliyuncs.com:443/api/v1/", BEIJING),
        (PROXY, PROXY),
        (
            "https://ws-1.cn-beijing.maas.aliyuncs.com/api/v1",
            "https://ws-1.cn-beijing.maas.aliyuncs.com/api/v1",
        ),
        ("https://ws-2.cn-beijing.maas.aliyuncs.com/api/v1", None),
        ("http://dashscope.aliyuncs.com/api/v1", None),
        ("https://dashscope.aliyuncs.com./api/v1", None),
        ("https://dashscope.aliyuncs.com:8443/api/v1", None),
        ("https://user:word@dashscope.aliyuncs.com/api/v1", None),
        ("https://dashscope.aliyuncs.com@evil.example/api/v1", None),
        ("https://dashscope.aliyuncs.com\\@evil.example/api/v1", None),
        ("https://dashscope.aliyuncs.com.evil.example/api/v1", None),
        ("https://dаshscope.aliyuncs.com/api/v1", None),
        ("https://dashscope.aliyuncs.com/api/v1?to=evil", None),
        ("https://dashscope.aliyuncs.com/api/v1\n", None),
        ("http://127.0.0.1:10/api/v1", None),
        ("http://[", None),
        ("", None),
    ],
)
def test_the_key_goes_to_known_addresses_only(url: str, known: str | None) -> None:
    assert known_endpoint(url, "ws-1", PROXY) == known
