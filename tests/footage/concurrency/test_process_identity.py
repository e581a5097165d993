"""Which process still lives: on Linux as ever, elsewhere by what psutil says; in doubt nobody is dead."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from footage.concurrency import process_identity as process

IDLE = [sys.executable, "-c", "import sys; print(flush=True); sys.stdin.read()"]


@pytest.mark.parametrize("started", [process.started, process.other_started])
def test_a_start_time_belongs_to_one_life_of_a_process(started: Callable[[int], str | None]) -> None:
    with subprocess.Popen(IDLE, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        child.stdout.readline()
        first = started(child.pid)
        again = started(child.pid)
        child.kill()
        # Waited for without being reaped: it is a zombie now.
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        zombie = started(child.pid)
    after = started(child.pid)

    assert first == again is not None
    assert (zombie, after) == (None, None)


@pytest.mark.parametrize("machine", [process.machine, process.other_machine])
def test_a_machine_has_one_name_for_all_of_its_processes(machine: Callable[[], str | None]) -> None:
    code = f"from footage.concurrency import process_identity; print(process_identity.{machine.__name__}())"
    other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert other.stdout.strip() == machine()


@pytest.mark.parametrize(
    ("changes", "gone"),
    [
        ({}, False),
        ({"started": "1"}, True),
        ({"pid": 2**22 + 1}, True),
        # Cannot be told from here.
        ({"machine": "elsewhere", "started": "1"}, False),
        ({"machine": None, "started": "1"}, False),
        ({"started": None}, False),
    ],
)
def test_only_a_process_of_this_machine_is_called_gone(changes: dict[str, object], gone: bool) -> None:
    assert process.gone({**process.identity(), **changes}) is gone


@pytest.mark.skipif(sys.platform != "linux", reason="what Linux wrote is read on Linux")
def test_what_earlier_versions_wrote_is_still_understood() -> None:
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    machine = f"{boot}/{Path('/proc/self/ns/pid').readlink()}/{os.getuid()}"
    ticks = Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19]

    assert process.identity() == {"pid": os.getpid(), "started": ticks, "machine": machine}
