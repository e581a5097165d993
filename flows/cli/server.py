"""A Prefect server for those who have none: started once on this machine, kept for the next command.

Prefect's own temporary server starts anew for every command and loses most task runs when the process ends.
"""

from __future__ import annotations

import contextlib
import os
import re
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Generator
from pathlib import Path

from filelock import FileLock

from flows.cli.say import tell
from footage.errors import AccountProblem, Unreachable
from footage.printable import shown_reference
from footage.redact import redact
from footage.studio import key_of_environment

PORT = 4217
# The first start migrates an empty database, which takes half a minute on a small machine.
START_TIMEOUT_S = 180.0
# The last line of a traceback: "sqlalchemy.exc.DatabaseError: …".
_ERROR_LINE = re.compile(r"[\w.]+(?:Error|Exception)\b")


@contextlib.contextmanager
def prefect_server() -> Generator[str]:
    """Within this block Prefect talks to the configured server, else to a local one.

    Gives the UI's address as it may be shown, without user and password.

    Raises:
        Unreachable: The configured server does not answer, or the local one did not start.
    """
    url = found_server() or _start_local_server()
    with talking_to(url):
        yield shown_reference(url.rstrip("/").removesuffix("/api"))


@contextlib.contextmanager
def talking_to(url: str) -> Generator[None]:
    """Within this block Prefect, also in child processes, talks to the server with this API address."""
    from prefect.settings import PREFECT_API_URL, temporary_settings

    before = os.environ.get("PREFECT_API_URL")
    os.environ["PREFECT_API_URL"] = url
    try:
        with temporary_settings({PREFECT_API_URL: url}):
            yield
    finally:
        if before is None:
            del os.environ["PREFECT_API_URL"]
        else:
            os.environ["PREFECT_API_URL"] = before


def found_server() -> str | None:
    """The API address of the configured server, else of the local one if it runs; nothing is started.

    Raises:
        Unreachable: The configured server does not answer.
    """
    from prefect.settings import get_current_settings

    configured = get_current_settings().api.url
    if configured:
        trouble = _trouble(configured)
        if trouble:
            raise Unreachable(
                f"The Prefect server at {shown_reference(configured)} does not answer: {trouble}.",
                next_step="start it, mend PREFECT_API_URL, or unset that to use a local one",
            )
        return configured
    url, pid = _noted()
    # Somebody else's server may have the port by now.
    ours = str(running_server(_note().parent / "server.pid")) == pid
    return url if url and ours and _trouble(url) is None else None


def require_key() -> None:
    """Look for a key here before a server is started in vain; a stopped one may keep a key in a block.

    Raises:
        AccountProblem: There is no usable key, and no server that could have one.
    """
    try:
        key_of_environment()
    except AccountProblem:
        if found_server() is None and not _may_keep_a_key():
            raise


def _may_keep_a_key() -> bool:
    """Whether the database of the stopped local server has the block that runs look for; True if unreadable."""
    from prefect.settings import get_current_settings

    address = get_current_settings().server.database.connection_url
    kind, _, path = (address.get_secret_value() if address else "").partition(":///")
    if kind != "sqlite+aiosqlite":
        return True
    if not Path(path).exists():
        return False
    try:
        with contextlib.closing(
            sqlite3.connect(f"{Path(path).absolute().as_uri()}?mode=ro", uri=True)
        ) as database:
            found = database.execute("SELECT 1 FROM block_document WHERE name = 'dashscope'").fetchone()
    except sqlite3.Error:
        return True
    return found is not None


def _note() -> Path:
    """The file that tells the next command where the local server is: its address, and its process."""
    from prefect.settings import get_current_settings

    return get_current_settings().home / "wan-video-server"


def _noted() -> tuple[str, str]:
    try:
        url, _, pid = _note().read_text().partition("\n")
    except (OSError, UnicodeDecodeError):
        return "", ""
    return url.strip(), pid.strip()


def _start_local_server() -> str:
    """Start a local server, or wait for one that another command has started; the address of its API."""
    home = _note().parent
    home.mkdir(parents=True, exist_ok=True)
    # Two commands that start at once would start two servers over one database.
    with FileLock(home / "wan-video-server.lock"):
        return _started(home)


def _started(home: Path) -> str:
    note = _note()
    log = home / "wan-video-server.log"
    # What `prefect server stop` reads.
    pid_file = home / "server.pid"
    if (pid := running_server(pid_file)) is not None:
        url, noted_pid = _noted()
        if noted_pid != str(pid):
            raise Unreachable(
                f"A Prefect server of your own is running (process {pid}), and its address is not known.",
                next_step="set PREFECT_API_URL to its address and /api, or stop it with: prefect server stop",
            )
        wait_for_server(url, lambda: running_server(pid_file) is not None, log)
        return url
    port = PORT if _free(PORT) else _any_port()
    url = f"http://127.0.0.1:{port}/api"
    tell("Starting a local Prefect server (the first time takes about half a minute) …", "dim")
    environment = {
        **os.environ,
        # Its log is read by the line.
        "COLUMNS": "400",
        "PREFECT_SERVER_API_HOST": "127.0.0.1",
        "PREFECT_SERVER_API_PORT": str(port),
        # Without it the pages of a server on another port than 4200 look for their data on 4200.
        "PREFECT_UI_API_URL": url,
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        # In-memory leases die with the server, and running flows with them.
        "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": "prefect.server.concurrency.lease_storage.filesystem",
    }
    # Not with --background: that throws away what the server says, and nobody learns that it died.
    with log.open("wb") as output:
        process = subprocess.Popen(
            # -P: a file of the current folder may be called like a module that the server imports.
            [sys.executable, "-P", "-m", "prefect", "server", "start"],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    pid_file.write_text(str(process.pid))
    note.write_text(f"{url}\n{process.pid}")
    try:
        wait_for_server(url, lambda: process.poll() is None, log)
    finally:
        if process.poll() is not None:
            pid_file.unlink(missing_ok=True)
    tell(f"Prefect UI: {url.removesuffix('/api')}   (stop the server with: prefect server stop)", "dim")
    return url


def running_server(pid_file: Path) -> int | None:
    """The process that Prefect's pid file names; a file that names no running Prefect server is removed."""
    try:
        pid = int(pid_file.read_text())
    except FileNotFoundError:
        return None
    except ValueError:
        pid = 0
    # A number that is taken by another program today was a server's before the machine was started again.
    if pid > 0 and all(word in _command_of(pid) for word in ("prefect", "server")):
        return pid
    pid_file.unlink(missing_ok=True)
    return None


def _command_of(pid: int) -> str:
    """The command line of a process; empty when there is no such process, or when it is somebody else's."""
    import psutil

    try:
        return " ".join(psutil.Process(pid).cmdline())
    except psutil.Error:
        return ""


def wait_for_server(
    url: str, alive: Callable[[], bool], log: Path, timeout_s: float = START_TIMEOUT_S
) -> None:
    """Wait until a server that was started answers.

    Raises:
        Unreachable: It ended, or does not answer in time; has the last line of its log.
    """
    deadline = time.monotonic() + timeout_s
    while _trouble(url) is not None:
        ended = not alive()
        if ended or time.monotonic() > deadline:
            what = "ended while it started" if ended else f"did not start within {timeout_s:.0f} s"
            raise Unreachable(
                f"The local Prefect server {what}: {_last_words(log)}",
                next_step=f"look into {log}, or point PREFECT_API_URL at a server of yours",
            )
        time.sleep(0.5)


def _last_words(log: Path) -> str:
    """The line of a server's log that says most about its end: the last error in it, else the last line."""
    try:
        lines = [line.strip() for line in log.read_text(errors="replace").splitlines()]
    except OSError as error:
        return f"its log cannot be read ({error.strerror})"
    # Prefect's last line, whatever happened.
    lines = [line for line in lines if line and line != "Server stopped!"]
    errors = [line for line in lines if _ERROR_LINE.match(line)]
    return redact((errors or lines or ["it said nothing"])[-1])[:300]


def _trouble(url: str) -> str | None:
    """Why a server cannot be used; None when it answers as it should."""
    import httpx

    try:
        answer = httpx.get(f"{url.rstrip('/')}/health", timeout=5)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        return str(error).rstrip(".") or type(error).__name__
    # The pages of a Prefect server answer every path, with HTML.
    if answer.status_code == 200 and "json" in answer.headers.get("content-type", ""):
        return None
    return f"HTTP {answer.status_code}, and not from the API, whose address ends with /api"


def _free(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


def _any_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
