"""Run one function in a child process with limits of memory, processor time and wall time.

For whatever reads bytes of strangers with code that cannot be trusted to stay small, quick or alive: FFmpeg,
image decoders, OpenTimelineIO. The child has no key in its environment and ends with its answer. On systems
without `resource` (Windows) only the wall time holds.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast

import footage

Cause = Literal["input", "disk", "memory", "time", "crash"]


@dataclass(frozen=True)
class Bounds:
    """What one job may use; None: as much as the system gives."""

    wall_s: float
    processor_s: int | None = None
    # Of what it may write to: heap, buffers and the stacks of its threads (RLIMIT_DATA).
    data_bytes: int | None = None
    address_space_bytes: int | None = None


class ChildError(Exception):
    """The job gave no answer; `reason` says why in words, `cause` what kind of reason it is."""

    def __init__(self, reason: str, cause: Cause) -> None:
        super().__init__(reason)
        self.reason = reason
        self.cause: Cause = cause


# More children than processors only cost memory.
SLOTS = threading.BoundedSemaphore(max(2, os.cpu_count() or 2))


def call(
    job: str,
    bounds: Bounds,
    /,
    *,
    data: bytes | None = None,
    slots: threading.Semaphore = SLOTS,
    **arguments: Any,
) -> tuple[dict[str, Any], bytes]:
    """Call the function `job` ("package.module:function") in a child process; returns what it returns.

    The function takes `data`, if it is given, and the arguments, which have to be JSON; it returns a
    dictionary that can be written as JSON, or such a dictionary and bytes.

    Raises:
        ChildError: It failed, or it was stopped because it passed a bound.
    """
    question = {
        "job": job,
        "arguments": arguments,
        "data": data is not None,
        "processor_s": bounds.processor_s,
        "data_bytes": bounds.data_bytes,
        "address_space_bytes": bounds.address_space_bytes,
    }
    try:
        with slots:
            done = subprocess.run(
                # -P: no module is taken from the current folder, which may be anybody's.
                [sys.executable, "-P", "-m", "footage.child"],
                input=json.dumps(question).encode() + b"\n" + (data or b""),
                env=_bare_environment(),
                stdout=subprocess.PIPE,
                # FFmpeg has a line for every damaged macroblock.
                stderr=subprocess.DEVNULL,
                timeout=bounds.wall_s,
                check=False,
            )
    except subprocess.TimeoutExpired as error:
        raise ChildError(f"reading it took more than {bounds.wall_s:.0f} s", "time") from error
    if done.returncode != 0:
        raise _ended(done.returncode)
    head, _, rest = done.stdout.partition(b"\n")
    answer = cast(dict[str, Any], json.loads(head))
    if "error" in answer:
        raise ChildError(str(answer["error"]), answer["cause"])
    return answer, rest


def _bare_environment() -> dict[str, str]:
    """Whatever hostile bytes manage to do, they find no key here."""
    kept = ("PATH", "LANG", "TMPDIR", "TEMP", "SYSTEMROOT")
    environment = {name: os.environ[name] for name in kept if name in os.environ}
    return environment | {"PYTHONPATH": str(Path(footage.__file__).parents[1])}


def _ended(code: int) -> ChildError:
    if code >= 0:
        return ChildError(f"its reader stopped (exit code {code})", "crash")
    if -code == getattr(signal, "SIGXCPU", None):
        return ChildError("reading it took too much processor time", "time")
    return ChildError(f"its reader crashed ({signal.Signals(-code).name})", "crash")
