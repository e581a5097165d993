"""Flows against the emulator, as workers run them: an environment for child processes and for this one."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from pathlib import Path
from typing import Any

from footage.emulator import Emulator
from footage.emulator.shared_instance import read_address


def fast_emulator(**more: Any) -> Emulator:
    """Clips of a minute and a half in a fifth of a second, without limits."""
    return Emulator(speed=600, rate_limits=False, concurrency=1000, render="tiny", **more)


def environment(emulator: Emulator, out: Path | str, key: str = Emulator.api_key) -> dict[str, str]:
    """What a worker needs to make clips there, at the emulator's pace."""
    return {
        "DASHSCOPE_HTTP_BASE_URL": emulator.base_url,
        "DASHSCOPE_API_KEY": key,
        "OUTPUT_DIR": str(out),
        "WAN_VIDEO_POLL_MIN_S": "0.05",
        "WAN_VIDEO_POLL_MAX_S": "0.2",
        "WAN_VIDEO_RECONCILE_GRACE_S": "1",
        "WAN_VIDEO_QUERIES_PER_SECOND": "500",
        "WAN_VIDEO_SUBMIT_PATIENCE_S": "2",
    }


def run(flow: Any, **parameters: Any) -> Any:
    """Run a flow in this process; its final state."""
    return asyncio.run(flow(**parameters, return_state=True))


def stop_shared_emulator(folder: Path) -> None:
    """End the emulator that commands left running in this state folder, if there is one."""
    _, pid = read_address(folder)
    if pid:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)
        # Ours only if the command ran in this process.
        with contextlib.suppress(ChildProcessError):
            os.waitpid(pid, 0)
