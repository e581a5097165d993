"""What is told before anything is bought does not wait for the SDK's import."""

from __future__ import annotations

import subprocess
import sys

from rawserver import RawServer, reply

ASK = """
import sys
from footage.credentials import parse_key
from footage.provider import WanClient

with WanClient(sys.argv[1], parse_key("sk-emulator", "test")) as client:
    client.probe()
print("dashscope" in sys.modules)
"""


def test_a_probe_is_answered_without_the_sdk() -> None:
    with RawServer(reply(b'{"total": 0, "data": [], "request_id": "r"}')) as server:
        done = subprocess.run(
            [sys.executable, "-c", ASK, server.base_url], capture_output=True, text=True, check=False
        )

    assert done.stdout.strip() == "False", done.stderr
