"""A child process ends at its bounds, and says which one it was."""

from __future__ import annotations

import contextlib
import os
import re
import select
import signal
import subprocess
import sys
import zlib
from pathlib import Path

import pytest

from footage.child import Bounds, ChildError, call


@pytest.mark.parametrize(
    ("statement", "bounds", "cause", "says"),
    [
        ("while True: pass", Bounds(60, processor_s=1), "time", "processor time"),
        ("import time; time.sleep(60)", Bounds(0.7), "time", "more than 1 s"),
        ("bytearray(1 << 30)", Bounds(60, data_bytes=100 << 20), "memory", "too much memory"),
        ("import os; os.kill(os.getpid(), 11)", Bounds(60), "crash", "SIGSEGV"),
        ("raise LookupError('what a decoder says')", Bounds(60), "input", "what a decoder says"),
        ("import errno; raise OSError(errno.ENOSPC, 'full')", Bounds(60), "disk", "full"),
    ],
)
def test_a_job_that_does_not_end_well_is_one_error_with_its_cause(
    statement: str, bounds: Bounds, cause: str, says: str
) -> None:
    with pytest.raises(ChildError, match=says) as caught:
        call("timeit:timeit", bounds, stmt=statement, number=1)

    assert caught.value.cause == cause


def test_a_child_has_no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DASHSCOPE_API_KEY", "canary")

    with pytest.raises(ChildError) as caught:
        call("timeit:timeit", Bounds(60), stmt="import os; raise LookupError(sorted(os.environ))", number=1)

    assert "PATH" in caught.value.reason
    assert "DASHSCOPE" not in caught.value.reason


def test_a_bomb_in_the_data_is_no_more_than_a_refusal() -> None:
    with pytest.raises(ChildError) as caught:
        call("zlib:decompress", Bounds(60, data_bytes=100 << 20), data=zlib.compress(bytes(400 << 20)))

    assert caught.value.cause == "memory"


def _of_a_job(expression: str) -> int:
    """What a child says about itself, which is a number."""
    with pytest.raises(ChildError) as caught:
        call("timeit:timeit", Bounds(60), stmt=f"import os; raise LookupError({expression})", number=1)
    return int(re.findall(r"\d+", caught.value.reason)[0])


def _await_end_of(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        process = os.pidfd_open(pid)
        assert select.select([process], [], [], 30)[0], f"process {pid} goes on"


def _has_ended(pid: int) -> bool:
    try:
        process = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    return bool(select.select([process], [], [], 0)[0])


def test_each_job_has_a_process_of_its_own_of_one_server() -> None:
    assert _of_a_job("os.getppid()") == _of_a_job("os.getppid()")
    assert _of_a_job("os.getpid()") != _of_a_job("os.getpid()")


def test_what_a_job_did_to_its_process_is_not_there_for_the_next() -> None:
    assert _of_a_job(
        "os.environ.update(A='1') or os.chdir('/') or __import__('builtins').__dict__.update(evil=7) or 1"
    )
    assert _of_a_job("int(hasattr(__import__('builtins'), 'evil')) + int('A' in os.environ)") == 0


def test_a_server_that_was_killed_is_replaced() -> None:
    server = _of_a_job("os.getppid()")
    os.kill(server, signal.SIGKILL)
    _await_end_of(server)

    assert _of_a_job("os.getppid()") != server


def test_a_job_whose_server_is_killed_under_it_ends_and_is_done_again(tmp_path: Path) -> None:
    note = tmp_path / "pid"
    # The first time it kills its server, the second time it has another parent: us.
    statement = (
        f"os.getppid() if os.getppid() == {os.getpid()} else "
        f"open({str(note)!r}, 'w').write(str(os.getpid())) and os.kill(os.getppid(), 9) "
        "or __import__('time').sleep(60)"
    )

    assert _of_a_job(statement) == os.getpid()
    assert _has_ended(int(note.read_text())), "two children would write the same file"


def test_where_no_process_has_a_descriptor_a_child_begins_from_nothing(tmp_path: Path) -> None:
    # As under a container's policy, which refuses the call and not the name.
    code = """
import os
def refused(*_):
    raise OSError(38, "Function not implemented")
os.pidfd_open = refused
from footage.child import Bounds, ChildError, call
try:
    call("timeit:timeit", Bounds(60), stmt="import os; raise LookupError(os.getppid())", number=1)
except ChildError as error:
    print(error.reason, os.getpid())
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    child_of, us = re.findall(r"\d+", done.stdout)
    assert child_of == us


def test_a_job_that_took_too_long_is_gone(tmp_path: Path) -> None:
    note = tmp_path / "pid"
    statement = f"import os, time; open({str(note)!r}, 'w').write(str(os.getpid())); time.sleep(600)"

    with pytest.raises(ChildError):
        call("timeit:timeit", Bounds(2), stmt=statement, number=1)

    _await_end_of(int(note.read_text()))


def test_the_server_ends_with_a_process_that_is_killed() -> None:
    code = """
import sys
from footage.child import Bounds, ChildError, call
try:
    call("timeit:timeit", Bounds(60), stmt="import os; raise LookupError(os.getppid())", number=1)
except ChildError as error:
    print(error.reason, flush=True)
sys.stdin.read()
"""
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        server = int(re.findall(r"\d+", parent.stdout.readline())[0])
        parent.kill()

    _await_end_of(server)
