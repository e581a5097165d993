"""A clock that nobody sets and that goes on while the machine sleeps, for leases and for the provider's time."""

from __future__ import annotations

import time

# Linux stops CLOCK_MONOTONIC while the machine is suspended: a laptop that slept for an hour would believe
# that it still owns its clips.
_CLOCK: int | None = getattr(time, "CLOCK_BOOTTIME", None)


def boot_clock_s() -> float:
    """Seconds since some fixed moment of this machine's past."""
    return time.monotonic() if _CLOCK is None else time.clock_gettime(_CLOCK)
