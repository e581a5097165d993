"""When a download is given up, and where it may go."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """When to give up on a download, and where it may go."""

    silence_s: float = (
        20.0  # no connection, or no byte, for this long; no whole head of an answer for twice that
    )
    min_bytes_per_s: float = 32 << 10  # a 30 MB clip would take a quarter of an hour
    min_rate_window_s: float = 20.0
    deadline_s: float = 1800.0  # everything, all attempts together
    max_size_bytes: int = 8 << 30
    failures: int = 6  # in a row without progress
    restarts: int = 3  # from the first byte, because the object changed or was damaged
    fresh_links: int = 3
    first_wait_s: float = 0.5  # doubles with every failure in a row, up to 15 s
    allowed_hosts: tuple[str, ...] = ("*.aliyuncs.com",)
    allow_loopback: bool = False
