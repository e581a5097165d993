"""A clock that nobody sets and that goes on while the machine sleeps, for leases and for the provider's time."""

from __future__ import annotations

import sys
import time

# Linux and macOS stop the clock of time.monotonic() while the machine is suspended: a laptop that slept for an hour
# would believe that it still owns its clips. On macOS CLOCK_MONOTONIC goes on, too, and is adjusted with the wall clock
# (clock_gettime(3) of macOS).
_CLOCK: int | None = (
    time.CLOCK_MONOTONIC_RAW if sys.platform == "darwin" else getattr(time, "CLOCK_BOOTTIME", None)
)


def boot_clock_s() -> float:
    """Seconds since some fixed moment of this machine's past."""
    return time.monotonic() if _CLOCK is None else time.clock_gettime(_CLOCK)
