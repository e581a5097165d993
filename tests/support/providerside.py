"""What the tests of the provider's client share: a key, two orders, and a client that looks at a raw server."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from rawserver import Act, RawServer

from footage.credentials import ApiKey, parse_key
from footage.provider import WanClient

SECRET = "sk-5e4f3a2b1c0d5e4f3a2b1c0d5e4f3a2b"
TASK = "0385dc79-5ff8-4d82-bcb6-0a1b2c3d4e5f"
REQUEST = "4909100c-7b5a-9f92-bfe5-0a1b2c3d4e5f"
TIMES = {"submit_time": "2025-09-29 14:18:52.331", "scheduled_time": "2025-09-29 14:18:59.290"}
CREATED = {"output": {"task_status": "PENDING", "task_id": TASK}, "request_id": REQUEST}


def answer(status: str, usage: Any = None, **output: Any) -> dict[str, Any]:
    """What the service says about the task."""
    document: dict[str, Any] = {
        "request_id": REQUEST,
        "output": {"task_id": TASK, "task_status": status, **TIMES, **output},
    }
    return document if usage is None else document | {"usage": usage}


def key(text: str = SECRET) -> ApiKey:
    return parse_key(text, "test")


def t2v_order() -> dict[str, Any]:
    return {
        "model": "wan2.2-t2v-plus",
        "input": {"prompt": "一只小猫 in the moonlight", "negative_prompt": "flowers"},
        "parameters": {"size": "832*480", "prompt_extend": True, "watermark": False, "seed": 7},
    }


def i2v_order(image: str = "data:image/png;base64,iVBORw0KGgo=") -> dict[str, Any]:
    return {
        "model": "wan2.6-i2v-flash",
        "input": {"prompt": "she turns around", "img_url": image, "audio_url": "https://e.x/a.mp3"},
        "parameters": {
            "resolution": "720P",
            "duration": 5,
            "prompt_extend": False,
            "watermark": False,
            "seed": 7,
            "audio": True,
            "shot_type": "multi",
        },
    }


def client_of(base_url: str, **options: Any) -> WanClient:
    """A client that does not wait long and does not pace, unless told."""
    settings: dict[str, Any] = {
        "connect_timeout_s": 5,
        "read_timeout_s": 5,
        "call_limit_s": 10,
    }
    return WanClient(base_url, key(), **(settings | options))


@contextmanager
def service(
    *acts: Act,
    on_accept: Callable[[RawServer, socket.socket], None] | None = None,
    read_pause_s: float = 0.0,
    **options: Any,
) -> Iterator[tuple[RawServer, WanClient]]:
    """A raw server that plays `acts`, and a client that believes it is the provider."""
    with (
        RawServer(*acts, on_accept=on_accept, read_pause_s=read_pause_s) as server,
        client_of(server.base_url, **options) as client,
    ):
        yield server, client
