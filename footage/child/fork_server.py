"""The fork server: loads a job's module once, and forks a child for each job; the parent's end is fork_client.py.

python -m footage.child.fork_server FD        FD is a Unix socket; each byte of it brings three files

They are the question, the place for the answer, and a pipe on which two lines come: the child's process id (0: none
could be forked), and its exit code (negative: the signal that ended it). The server itself reads no byte of a stranger,
keeps no thread, and ends when its parent closes the socket or is gone. Its children end with it.
"""

from __future__ import annotations

import contextlib
import ctypes
import importlib
import json
import os
import select
import signal
import socket
import sys
from typing import NoReturn

from footage.child.__main__ import main as run_job

# Linux: the signal that comes when the parent ends (prctl(2)).
_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None)
# A question is one line: a job's name and its arguments, with a few labels.
_MOST_QUESTION_BYTES = 4 << 20


def serve(parent: socket.socket) -> None:
    """Fork children until the parent is gone."""
    # Who presses Ctrl-C means the parent, which may still have something to clean up.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    ended, wake = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    signal.signal(signal.SIGCHLD, _noted)
    signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
    # The pipes on which the end of each child is waited for.
    running: dict[int, int] = {}
    while True:
        ready, _, _ = select.select([parent, ended], [], [])
        if ended in ready:
            os.read(ended, 4096)
            _tell_ends(running)
        if parent in ready:
            byte, files, _, _ = socket.recv_fds(parent, 1, 3)
            if not byte:
                return
            question, answer, told = files
            _load(question)
            pid = _fork()
            if pid == 0:
                for other in (parent.fileno(), ended, wake, told, *running.values()):
                    os.close(other)
                _become_child(question, answer)
            os.close(question)
            os.close(answer)
            _tell(told, pid or 0)
            if pid is None:
                os.close(told)
            else:
                running[pid] = told


def _noted(_number: int, _frame: object) -> None:
    """The signal comes as a byte in a pipe."""


def _load(question: int) -> None:
    """Load the job's module, so that no child has to; one that cannot be loaded is its child's error."""
    with contextlib.suppress(Exception):
        head = os.pread(question, _MOST_QUESTION_BYTES, 0).partition(b"\n")[0]
        importlib.import_module(json.loads(head)["job"].partition(":")[0])


def _fork() -> int | None:
    """As os.fork(); None: there is no room for another process."""
    server = os.getpid()
    try:
        pid = os.fork()
    except OSError:
        return None
    if pid == 0:
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != server:
            os._exit(1)
    return pid


def _become_child(question: int, answer: int) -> NoReturn:
    try:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        os.dup2(question, 0)
        os.dup2(answer, 1)
        os.close(question)
        os.close(answer)
        sys.stdin = open(0, closefd=False)  # noqa: SIM115 - as long as the process
        run_job()
    finally:
        # Whatever happened: only the server goes on from here.
        os._exit(1)


def _tell_ends(running: dict[int, int]) -> None:
    while running:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if pid == 0:
            return
        told = running.pop(pid)
        _tell(told, os.waitstatus_to_exitcode(status))
        os.close(told)


def _tell(told: int, number: int) -> None:
    # The parent may have stopped waiting.
    with contextlib.suppress(BrokenPipeError):
        os.write(told, b"%d\n" % number)


if __name__ == "__main__":
    serve(socket.socket(fileno=int(sys.argv[1])))
