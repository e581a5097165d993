"""Run one function in a child process with limits of memory, processor time and wall time.

For whatever reads bytes of strangers with code that cannot be trusted to stay small, quick or alive: FFmpeg,
image decoders, OpenTimelineIO. The child has no key in its environment and ends with its answer. On systems
without `resource` (Windows) only the wall time holds.

On Linux each child is forked from a server that has the job's module loaded (fork_server.py): a clip is looked at
several times, and loading the decoder takes longer than that. Elsewhere, and where that server does not answer, a child
begins from nothing.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import threading
from dataclasses import dataclass
from typing import Any, Literal, cast

from footage.child.fork_client import PYTHON, SERVER, ServerGone, bare_environment

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
    asked = json.dumps(question).encode() + b"\n" + (data or b"")
    try:
        with slots:
            code, said = _run(asked, bounds.wall_s)
    except TimeoutError as error:
        raise ChildError(f"reading it took more than {bounds.wall_s:.0f} s", "time") from error
    except OSError as error:
        raise ChildError(f"its reader could not be started: {error.strerror}", "crash") from error
    if code != 0:
        raise _ended(code)
    head, _, rest = said.partition(b"\n")
    answer = cast(dict[str, Any], json.loads(head))
    if "error" in answer:
        raise ChildError(str(answer["error"]), answer["cause"])
    return answer, rest


def _run(asked: bytes, wall_s: float) -> tuple[int, bytes]:
    """Exit code (negative: the signal that ended it) and output of a child; raises TimeoutError."""
    with contextlib.suppress(ServerGone):
        return SERVER.run(asked, wall_s)
    try:
        done = subprocess.run(
            [*PYTHON, "footage.child"],
            input=asked,
            env=bare_environment(),
            stdout=subprocess.PIPE,
            # FFmpeg has a line for every damaged macroblock.
            stderr=subprocess.DEVNULL,
            timeout=wall_s,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise TimeoutError from error
    return done.returncode, done.stdout


def _ended(code: int) -> ChildError:
    if code >= 0:
        return ChildError(f"its reader stopped (exit code {code})", "crash")
    if -code == getattr(signal, "SIGXCPU", None):
        return ChildError("reading it took too much processor time", "time")
    return ChildError(f"its reader crashed ({signal.Signals(-code).name})", "crash")
