"""The parent's end of the fork server: it is started at the first job, and ends with this process."""

from __future__ import annotations

import atexit
import contextlib
import functools
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

# -P: no module is taken from the current folder, which may be anybody's.
PYTHON = (sys.executable, "-P", "-m")
# After that time it is not the job that is slow.
_FORKED_WITHIN_S = 30.0


class ServerGone(Exception):
    """There is no server, or it does not answer; no child of it works on what was asked any more."""


@functools.cache
def forks() -> bool:
    """Whether this system has what the server needs: processes with a descriptor, and files without a name."""
    if sys.platform != "linux":
        return False
    try:
        # What Python was built with, the kernel or a container's policy may refuse.
        os.close(os.pidfd_open(os.getpid()))
        os.close(os.memfd_create("wan-video-child"))
    except OSError:
        return False
    return True


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
        # After os.fork() the server is the other process's, and its lock may be held there.
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._forget)

    def run(self, asked: bytes, wall_s: float) -> tuple[int, bytes]:
        """Exit code (negative: the signal that ended it) and output of a child that was asked this.

        Raises:
            TimeoutError: It took longer than `wall_s`, and was killed.
            ServerGone: There is no answer of the server.
        """
        if not forks():
            raise ServerGone
        with contextlib.ExitStack() as files:
            try:
                question, answer = (files.enter_context(_unnamed_file()) for _ in range(2))
                question.write(asked)
                question.seek(0)
                status, theirs = os.pipe()
            except OSError as error:
                # Too many open files, or no memory.
                raise ServerGone from error
            told = files.enter_context(os.fdopen(status, "rb", buffering=0))
            try:
                server = self._send([question.fileno(), answer.fileno(), theirs])
            finally:
                os.close(theirs)
            code = _await_end(told, self._forked(told, server), wall_s)
            answer.seek(0)
            return code, answer.read()

    def _forked(self, told: BinaryIO, server: subprocess.Popen[bytes]) -> int:
        try:
            pid = int(_line(told, _FORKED_WITHIN_S))
        except TimeoutError as error:
            # With it goes whatever it begins too late.
            server.kill()
            server.wait()
            raise ServerGone from error
        if pid == 0:
            raise ServerGone
        return pid

    def stop(self) -> None:
        """End the server, and with it the children that still work."""
        with self._lock:
            server, connection, self._process, self._socket = self._process, self._socket, None, None
        if connection is not None:
            connection.close()
        if server is not None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                server.wait(2)

    def _send(self, files: list[int]) -> subprocess.Popen[bytes]:
        """Ask the server, which is started where there is none; gives its process."""
        with self._lock:
            try:
                if self._process is None or self._socket is None or self._process.poll() is not None:
                    self._process, self._socket = self._started()
                socket.send_fds(self._socket, [b"j"], files)
            except OSError as error:
                raise ServerGone from error
            return self._process

    def _started(self) -> tuple[subprocess.Popen[bytes], socket.socket]:
        if self._socket is not None:
            self._socket.close()
        ours, theirs = socket.socketpair()
        with theirs:
            process = subprocess.Popen(
                [*PYTHON, "footage.child.fork_server", str(theirs.fileno())],
                env=bare_environment(),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                # FFmpeg has a line for every damaged macroblock.
                stderr=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
            )
        return process, ours

    def _forget(self) -> None:
        if self._socket is not None:
            self._socket.close()
        self._lock, self._process, self._socket = threading.Lock(), None, None


def _unnamed_file() -> BinaryIO:
    return os.fdopen(os.memfd_create("wan-video-child"), "w+b")


def _await_end(told: BinaryIO, pid: int, wall_s: float) -> int:
    # The number may be another process's by the time that this one is killed; the descriptor is not.
    try:
        process = os.pidfd_open(pid)
    except OSError:
        # It has ended already, or else it ends at its own bounds.
        return int(_line(told, wall_s))
    try:
        return int(_line(told, wall_s))
    except (TimeoutError, ServerGone):
        # Who takes its place may write the same file.
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(process, signal.SIGKILL)
        select.select([process], [], [], _FORKED_WITHIN_S)
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
