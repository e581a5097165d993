"""Which process of which machine this is, and whether another one of this machine still lives.

An answer counts only on the very machine: a process that cannot be judged from here is judged by its beat. So every
doubt has to end in "not gone", and two machines must never have the same name; one machine may have several.

psutil is imported where it is needed: on Linux it is not, and there it needs modules of its own.
"""

from __future__ import annotations

import os
import socket
import sys
import uuid
from pathlib import Path
from typing import Any


def identity() -> dict[str, Any]:
    """What makes this process findable on its own machine, and only there."""
    pid = os.getpid()
    return {"pid": pid, "started": started(pid), "machine": machine()}


def gone(process: dict[str, Any]) -> bool:
    """Whether the process with this `identity` was one of this machine and no longer runs."""
    here = machine()
    if here is None or process.get("machine") != here or process.get("started") is None:
        return False
    try:
        return isinstance(process.get("pid"), int) and started(process["pid"]) != process["started"]
    except PermissionError:
        return False


def machine() -> str | None:
    """A name of this start of this machine, as this user sees it; None when it has no name of its own."""
    return _linux_machine() if sys.platform == "linux" else other_machine()


def started(pid: int) -> str | None:
    """When a running process started, in words of the system; None when there is none, or only a zombie.

    Raises:
        PermissionError: It is another user's, and the system does not tell.
    """
    return _linux_started(pid) if sys.platform == "linux" else other_started(pid)


def _linux_machine() -> str | None:
    # Boot id and pid namespace together: containers on one host share the former and not the latter. The user,
    # because a /proc with hidepid shows other users' processes to nobody.
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        space = os.readlink("/proc/self/ns/pid")  # noqa: PTH115 - readlink of a non-path
        return f"{boot}/{space}/{os.getuid()}"
    except OSError:
        return None


def _linux_started(pid: int) -> str | None:
    # In clock ticks since boot. Not psutil's time of day, which on Linux is computed from the clock: once that is
    # set, a living process has another one.
    try:
        # The name in field 2 may hold spaces and brackets; field 3 is the state, field 22 the start time.
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return None if fields[0] in "ZX" else fields[19]
    except (OSError, IndexError):
        return None


def other_machine() -> str | None:
    """The same for systems without boot id: where the clock is set, the machine gets another name, no wrong one."""
    import psutil

    try:
        boot = int(psutil.boot_time())
        user = psutil.Process().username()
    except (psutil.Error, OSError):
        return None
    # Without a network card the number is random, and then no process is known to another.
    return f"{sys.platform}/{uuid.getnode():012x}/{socket.gethostname()}/{boot}/{user}"


def other_started(pid: int) -> str | None:
    """The same for macOS and Windows, whose kernels keep the time of day at which a process started."""
    import psutil

    try:
        process = psutil.Process(pid)
        if process.status() == psutil.STATUS_ZOMBIE:
            return None
        return repr(process.create_time())
    except (psutil.NoSuchProcess, ValueError):
        return None
    except psutil.AccessDenied as error:
        raise PermissionError(f"process {pid} belongs to another user") from error
