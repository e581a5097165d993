"""Processes that each ask for the task list as often as their pace lets them.

python askingworker.py BASE_URL COUNT     says "asking" once all of them are there, and goes on until it is ended
"""

from __future__ import annotations

import contextlib
import os
import sys

from footage.credentials import parse_key
from footage.errors import Throttled
from footage.pacing.rate_limits import ProcessRateLimits
from footage.provider import WanClient, wire


def ask(base_url: str) -> None:
    key, limits = parse_key("sk-emulator", "test"), ProcessRateLimits()
    with WanClient(base_url, key, query_turn=limits.query_turn) as client:
        while True:
            with contextlib.suppress(Throttled):
                client.list_tasks()


def main(base_url: str, count: int) -> None:
    assert wire, "a question imports it, which takes longer than to ask"
    for _ in range(count):
        if os.fork() == 0:
            ask(base_url)
    print("asking", flush=True)
    os.wait()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
