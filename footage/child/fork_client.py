"""The parent's end of the fork server: it is started at the first job, and ends with this process."""

from __future__ import annotations

import atexit
import contextlib
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import BinaryIO

import footage

# A process is named by a descriptor, and files without a name hold what goes in and out.
FORKS = sys.platform == "linux" and hasattr(os, "pidfd_open") and hasattr(os, "memfd_create")
# -P: no module is taken from the current folder, which may be anybody's.
PYTHON = (sys.executable, "-P", "-m")
# After that time it is not the job that is slow.
_FORKED_WITHIN_S = 30.0


class ServerGone(Exception):
    """The server does not answer; what was asked was not begun, or has to be done again."""


def bare_environment() -> dict[str, str]:
    """Whatever hostile bytes manage to do, they find no key here."""
    kept = ("PATH", "LANG", "TMPDIR", "TEMP", "SYSTEMROOT")
    environment = {name: os.environ[name] for name in kept if name in os.environ}
    return environment | {"PYTHONPATH": str(Path(footage.__file__).parents[1])}


class ForkServer:
    """Starts the server, and runs one job in a child of it; thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._socket: socket.socket | None = None
        # After os.fork() the server is the other process's.
        self._owner = 0

    def run(self, asked: bytes, wall_s: float) -> tuple[int, bytes]:
        """Exit code (negative: the signal that ended it) and output of a child that was asked this.

        Raises:
            TimeoutError: It took longer than `wall_s`, and was killed.
            ServerGone: There is no answer of the server.
        """
        with _unnamed_file() as question, _unnamed_file() as answer:
            question.write(asked)
            question.seek(0)
            status, theirs = os.pipe()
            with os.fdopen(status, "rb", buffering=0) as told:
                try:
                    self._send([question.fileno(), answer.fileno(), theirs])
                finally:
                    os.close(theirs)
                code = _await_end(told, _forked(told), wall_s)
            answer.seek(0)
            return code, answer.read()

    def stop(self) -> None:
        """End the server, once its children have ended."""
        with self._lock:
            server, connection, self._process, self._socket = self._process, self._socket, None, None
        if connection is not None:
            connection.close()
        if server is not None and self._owner == os.getpid():
            with contextlib.suppress(subprocess.TimeoutExpired):
                server.wait(2)

    def _send(self, files: list[int]) -> None:
        with self._lock:
            if self._process is None or self._owner != os.getpid() or self._process.poll() is not None:
                self._start()
            assert self._socket is not None
            try:
                socket.send_fds(self._socket, [b"j"], files)
            except OSError as error:
                raise ServerGone from error

    def _start(self) -> None:
        if self._socket is not None:
            self._socket.close()
        self._socket, theirs = socket.socketpair()
        with theirs:
            try:
                self._process = subprocess.Popen(
                    [*PYTHON, "footage.child.fork_server", str(theirs.fileno())],
                    env=bare_environment(),
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    # FFmpeg has a line for every damaged macroblock.
                    stderr=subprocess.DEVNULL,
                    pass_fds=[theirs.fileno()],
                )
            except OSError as error:
                raise ServerGone from error
        self._owner = os.getpid()


def _unnamed_file() -> BinaryIO:
    return os.fdopen(os.memfd_create("wan-video-child"), "w+b")


def _forked(told: BinaryIO) -> int:
    try:
        return int(_line(told, _FORKED_WITHIN_S))
    except TimeoutError as error:
        raise ServerGone from error


def _await_end(told: BinaryIO, pid: int, wall_s: float) -> int:
    # The number may be another process's by the time that this one is killed; the descriptor is not.
    try:
        process = os.pidfd_open(pid)
    except ProcessLookupError:
        return int(_line(told, _FORKED_WITHIN_S))
    try:
        return int(_line(told, wall_s))
    except TimeoutError:
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(process, signal.SIGKILL)
        raise
    finally:
        os.close(process)


def _line(told: BinaryIO, within_s: float) -> bytes:
    """The next line of the server; raises TimeoutError, or ServerGone where it ended."""
    line, until = b"", time.monotonic() + within_s
    poll = select.poll()
    poll.register(told, select.POLLIN)
    while not line.endswith(b"\n"):
        if not poll.poll(max(0.0, until - time.monotonic()) * 1000):
            raise TimeoutError
        more = told.read(1)
        if not more:
            raise ServerGone
        line += more
    return line


SERVER = ForkServer()
atexit.register(SERVER.stop)
