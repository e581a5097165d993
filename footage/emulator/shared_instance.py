"""One emulator for many commands: the first one starts it, all use it, and it ends when nobody needs it."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Generator
from pathlib import Path
from typing import Any

from footage.emulator.start_error import CannotStart

# It takes a fifth of a second on a quiet machine.
START_TIMEOUT_S = 60.0
_ANSWER_TIMEOUT_S = 5.0
_ADDRESS = "address.json"
# What the process ends with when another one was first; any other code is a failure.
IN_USE_EXIT = 3


def spawn(folder: Path, *options: str, **streams: Any) -> subprocess.Popen[str]:
    """Start `python -m footage.emulator` with its state in this folder; what it says goes to `emulator.log`.

    In a session of its own: Ctrl-C in a terminal reaches a whole group, and whoever uses the emulator may
    still have something to ask it, such as a cancel.
    """
    # -P: no module is taken from the current folder, which may be anybody's.
    # The child finds this package wherever it was imported from, whatever the working directory is now.
    paths = [str(Path(__file__).parents[2]), *filter(None, [os.environ.get("PYTHONPATH")])]
    with (folder / "emulator.log").open("a", encoding="utf-8") as log:
        return subprocess.Popen(
            [sys.executable, "-P", "-m", "footage.emulator", "--state", str(folder), *options],
            stderr=log,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
            text=True,
            start_new_session=True,
            **streams,
        )


def last_words(folder: Path) -> str:
    """The last line of the log: why an emulator of this folder ended."""
    lines = (folder / "emulator.log").read_text(encoding="utf-8", errors="replace").splitlines()
    return lines[-1] if lines else "it said nothing"


def write_address(folder: Path, port: int) -> None:
    """Tell other processes where the emulator of this folder is."""
    draft = folder / f"{_ADDRESS}.part"
    draft.write_text(json.dumps({"port": port, "pid": os.getpid()}), encoding="utf-8")
    draft.replace(folder / _ADDRESS)


def read_address(folder: Path) -> tuple[int, int]:
    """Port and process id of the emulator that was last here; zeros when nothing readable is there."""
    try:
        address: Any = json.loads((folder / _ADDRESS).read_text(encoding="utf-8"))
        port, pid = int(address["port"]), int(address["pid"])
    except (OSError, ValueError, KeyError, TypeError):
        return 0, 0
    return (port, pid) if 0 < port < 65536 else (0, 0)


@contextlib.contextmanager
def shared_emulator(folder: Path, speed: float, idle_s: float) -> Generator[str]:
    """Within this block the emulator of this folder runs; gives its base URL.

    It is used when it runs already, else started in a process of its own, which outlives this one and ends
    when nobody has been connected for `idle_s` seconds.

    Raises:
        CannotStart: Nothing can be kept in the folder, or the emulator there neither starts nor answers.
    """
    with _connection(folder, speed, idle_s) as connection:
        # Held open and silent: as long as this process lives, somebody is connected.
        yield f"http://127.0.0.1:{connection.getpeername()[1]}/api/v1"


def stop_shared_emulator(folder: Path) -> None:
    """End the emulator of this folder, if one runs; its state stays."""
    connection = _connect(folder)
    if connection is None:
        return
    with connection, contextlib.suppress(OSError):
        os.kill(read_address(folder)[1], signal.SIGTERM)
        connection.settimeout(START_TIMEOUT_S)
        # Nothing is ever sent on it, so this is its end.
        connection.recv(1)


def _connection(folder: Path, speed: float, idle_s: float) -> socket.socket:
    """A connection to the living emulator of this folder, which is started if need be."""
    process = None
    deadline = time.monotonic() + START_TIMEOUT_S
    while (connection := _connect(folder)) is None:
        ended = process.poll() if process is not None else IN_USE_EXIT
        if ended == IN_USE_EXIT:
            # Nobody has started it, or somebody else was first and is not ready, or is just about to end.
            process = _start(folder, speed, idle_s)
        elif ended is not None:
            # What it refuses begins with the option, which is said here already.
            raise CannotStart("state", folder, last_words(folder).rpartition(f"{folder}: ")[2])
        if time.monotonic() > deadline:
            raise CannotStart("state", folder, f"no answer from its emulator within {START_TIMEOUT_S:.0f} s")
        time.sleep(0.02)
    if process is not None and process.pid == read_address(folder)[1]:
        # Popen would warn that it still runs, which it is meant to.
        process.returncode = 0
    elif process is not None:
        # Somebody else was first, so ours is about to end; or not, should theirs end at this very moment.
        process.kill()
        process.wait()
    return connection


def _connect(folder: Path) -> socket.socket | None:
    port, pid = read_address(folder)
    if not port:
        return None
    with contextlib.ExitStack() as stack:
        try:
            connection = stack.enter_context(
                socket.create_connection(("127.0.0.1", port), timeout=_ANSWER_TIMEOUT_S)
            )
            opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
            url = f"http://127.0.0.1:{port}/_emulator/health"
            with opener.open(url, timeout=_ANSWER_TIMEOUT_S) as answer:
                health: Any = json.loads(answer.read())
        except (OSError, ValueError):
            return None
        # Another program, or the emulator of another folder, may have the port by now.
        if not isinstance(health, dict) or health.get("pid") != pid:
            return None
        stack.pop_all()
        return connection
    return None


def _start(folder: Path, speed: float, idle_s: float) -> subprocess.Popen[str]:
    port, _ = read_address(folder)
    # The old port is kept where possible: clips that are under way are asked for there.
    options = ("--port", str(port if port and _free(port) else 0), "--speed", str(speed))
    try:
        folder.mkdir(parents=True, exist_ok=True)
        nothing = subprocess.DEVNULL
        return spawn(folder, *options, "--idle", str(idle_s), stdin=nothing, stdout=nothing)
    except OSError as error:
        raise CannotStart("state", folder, f"nothing can be kept there ({error.strerror})") from None


def _free(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0
