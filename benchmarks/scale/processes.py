"""What processes took, by what the kernel says of them."""

from __future__ import annotations

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "tests" / "support"))

from manymachines import descendants

_TICKS = os.sysconf("SC_CLK_TCK")


def _stat(pid: int) -> list[str]:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except OSError:
        return []


def parent(pid: int) -> int:
    fields = _stat(pid)
    return int(fields[1]) if fields else 0


def tree_cpu_s(pid: int) -> float:
    """Processor time of a process, its children that ended, and those that live."""
    return sum(
        sum(int(ticks) for ticks in fields[11:15]) / _TICKS
        for each in (pid, *descendants(pid))
        if (fields := _stat(each))
    )
