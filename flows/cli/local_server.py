"""The Prefect server of those who have none: one for each home, on loopback, with a login of its own.

Whoever may call a Prefect API reads every block's secrets and starts what buys, and a web page that is open in
a browser of this machine can call it. So the server is started with an auth string, which lies beside its
address in a file that only its owner reads, and with no other origin allowed than its own. Prefect's own
commands learn both from the profile `wan-video` that is written here.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import socket
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import filelock

from flows.cli.console import tell
from flows.cli.server_health import wait_for_server
from footage.errors import StorageProblem, Unreachable
from footage.privacy.redact import redact

if TYPE_CHECKING:
    import psutil

PORT = 4217
PROFILE = "wan-video"
STOP_TIMEOUT_S = 15.0
# Two homes that start a server at once both find the first port free.
_PORTS = 3
# Runs that ended 90 days ago go (Prefect's own default, and its database grows without end otherwise); clips and
# their evidence are elsewhere. Whoever sets these in the environment has the last word.
RETENTION = {"PREFECT_SERVER_SERVICES_DB_VACUUM_ENABLED": "events,flow_runs"}


def _home() -> Path:
    from prefect.settings import get_current_settings

    return get_current_settings().home


def _note() -> Path:
    """The file that tells the next command where the local server is: its address, and its process."""
    return _home() / "wan-video-server"


def _noted() -> tuple[str, str]:
    try:
        url, _, pid = _note().read_text().partition("\n")
    except (OSError, UnicodeDecodeError):
        return "", ""
    return url.strip(), pid.strip()


def _pid_file() -> Path:
    """What `prefect server stop` reads."""
    return _home() / "server.pid"


def is_local_server(url: str) -> bool:
    """Whether this API address is the local server's, whether or not that runs now."""
    return bool(url) and url.rstrip("/") == _noted()[0].rstrip("/")


def running_address() -> str | None:
    """The API address of the local server if it runs."""
    url, pid = _noted()
    # Somebody else's server may have the port by now.
    return url if url and str(running_server(_pid_file())) == pid else None


def auth_string() -> str:
    """What the local server asks for, made once for this home in a file that only its owner reads.

    Raises:
        StorageProblem: The file can neither be read nor written.
    """
    file = _home() / "wan-video-server.auth"
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(FileExistsError):
            descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "w") as stream:
                stream.write(f"wan-video:{secrets.token_urlsafe(24)}\n")
        file.chmod(0o600)
        found = file.read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise StorageProblem(
            f"The login of the local Prefect server cannot be kept in {file}: {error}",
            next_step="set PREFECT_HOME to a folder that can be written",
        ) from None
    if ":" not in found:
        raise StorageProblem(
            f"{file} does not hold user:password.", next_step="delete it, then: wan-video server stop"
        )
    return found


def start_local_server() -> str:
    """Start a local server, or wait for one that another command has started; the address of its API.

    Raises:
        Unreachable: It does not start, or another server has its database.
        StorageProblem: This home cannot keep its login.
    """
    home = _home()
    home.mkdir(parents=True, exist_ok=True)
    # Two commands that start at once would start two servers over one database.
    with filelock.FileLock(home / "wan-video-server.lock"):
        return _started(home)


def _started(home: Path) -> str:
    log = home / "wan-video-server.log"
    pid_file = _pid_file()
    if (pid := running_server(pid_file)) is not None:
        url, noted_pid = _noted()
        if noted_pid != str(pid):
            raise _own_server(f"process {pid}")
        wait_for_server(url, auth_string(), lambda: running_server(pid_file) is not None, log)
        return url
    if others := servers_of_database():
        raise _own_server(f"process {others[0].pid}")
    tell("Starting a local Prefect server (the first time takes about half a minute) …", "dim")
    port = PORT if _free(PORT) else _any_port()
    for _ in range(_PORTS - 1):
        try:
            return _launch(port, log)
        except Unreachable:
            # Whoever took a port that was free a moment ago keeps it.
            if _free(port):
                raise
        port = _any_port()
    return _launch(port, log)


def _launch(port: int, log: Path) -> str:
    url, pid_file = f"http://127.0.0.1:{port}/api", _pid_file()
    environment = {**RETENTION, **os.environ, **server_environment(port, auth_string())}
    # Not with --background: that throws away what the server says, and nobody learns that it died.
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "prefect", "server", "start"],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    pid_file.write_text(str(process.pid))
    _note().write_text(f"{url}\n{process.pid}")
    try:
        wait_for_server(url, auth_string(), lambda: process.poll() is None, log)
    finally:
        if process.poll() is not None:
            pid_file.unlink(missing_ok=True)
    _write_profile(url)
    return url


def server_environment(port: int, auth: str) -> dict[str, str]:
    """What a Prefect server on this machine is started with, so that nobody else can use it."""
    return {
        # Its log is read by the line.
        "COLUMNS": "400",
        "PREFECT_SERVER_API_HOST": "127.0.0.1",
        "PREFECT_SERVER_API_PORT": str(port),
        "PREFECT_SERVER_API_AUTH_STRING": auth,
        # What the server asks itself.
        "PREFECT_API_AUTH_STRING": auth,
        # By default any web page may read what the API answers.
        "PREFECT_SERVER_CORS_ALLOWED_ORIGINS": f"http://127.0.0.1:{port},http://localhost:{port}",
        # Without it the pages of a server on another port than 4200 look for their data on 4200.
        "PREFECT_UI_API_URL": f"http://127.0.0.1:{port}/api",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        # In-memory leases die with the server, and running flows with them.
        "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": "prefect.server.concurrency.lease_storage.filesystem",
    }


def _write_profile(url: str) -> None:
    """Tell Prefect's own commands where the server is: PREFECT_PROFILE=wan-video is all that they need."""
    from prefect.settings import PREFECT_API_AUTH_STRING, PREFECT_API_URL, get_current_settings
    from prefect.settings.profiles import load_profiles, save_profiles

    file = get_current_settings().profiles_path
    try:
        profiles = load_profiles()
        settings = {PREFECT_API_URL: url, PREFECT_API_AUTH_STRING: auth_string()}
        profiles.update_profile(PROFILE, settings, file)
        # Before the login is in it.
        if file.exists():
            file.chmod(0o600)
        save_profiles(profiles)
    except (OSError, ValueError) as error:
        tell(f"The Prefect profile {PROFILE} could not be written to {file}: {redact(str(error))}", "yellow")


def _own_server(which: str) -> Unreachable:
    return Unreachable(
        f"A Prefect server of your own is running on this home's database ({which}).",
        next_step="set PREFECT_API_URL to its address and /api, or stop it and say the command again",
    )


def stop_local_server() -> bool:
    """Stop the local server; False when none runs."""
    import psutil

    pid = running_server(_pid_file())
    if pid is None or running_address() is None:
        return False
    with contextlib.suppress(psutil.NoSuchProcess):
        process = psutil.Process(pid)
        process.terminate()
        try:
            process.wait(STOP_TIMEOUT_S)
        except psutil.TimeoutExpired:
            process.kill()
            process.wait(STOP_TIMEOUT_S)
    _pid_file().unlink(missing_ok=True)
    return True


def running_server(pid_file: Path) -> int | None:
    """The process that Prefect's pid file names; a file that names no running Prefect server is removed."""
    try:
        pid = int(pid_file.read_text())
    except FileNotFoundError:
        return None
    except ValueError:
        pid = 0
    # A number that is taken by another program today was a server's before the machine was started again.
    if pid > 0 and _is_server(pid):
        return pid
    pid_file.unlink(missing_ok=True)
    return None


def _is_server(pid: int) -> bool:
    import psutil

    try:
        process = psutil.Process(pid)
        command = " ".join(process.cmdline())
        return process.status() != psutil.STATUS_ZOMBIE and all(
            word in command for word in ("prefect", "server")
        )
    except psutil.Error:
        return False


def servers_of_database() -> list[psutil.Process]:
    """The Prefect servers of this user that have this home's SQLite file open; more than one damage it."""
    import psutil

    database = database_file()
    if database is None or not database.exists():
        return []
    found = [process for process in psutil.process_iter() if _has_open(process, database)]
    # The API processes of one server are its children.
    pids = {process.pid for process in found}
    return [process for process in found if process.ppid() not in pids]


def _has_open(process: psutil.Process, file: Path) -> bool:
    import psutil

    # Another user's process, one that has just ended, or a system that does not tell.
    with contextlib.suppress(psutil.Error, OSError):
        if _is_server(process.pid):
            return any(Path(opened.path) == file for opened in process.open_files())
    return False


def database_file() -> Path | None:
    """The SQLite file of a server of this home; None when its database is another one."""
    from prefect.settings import get_current_settings

    address = get_current_settings().server.database.connection_url
    kind, _, path = (address.get_secret_value() if address else "").partition(":///")
    return Path(path).resolve() if kind == "sqlite+aiosqlite" else None


def may_keep_a_key() -> bool:
    """Whether the database of the stopped local server has the block that runs look for; True if unreadable."""
    file = database_file()
    if file is None:
        return True
    if not file.exists():
        return False
    try:
        with contextlib.closing(sqlite3.connect(f"{file.as_uri()}?mode=ro", uri=True)) as database:
            found = database.execute("SELECT 1 FROM block_document WHERE name = 'dashscope'").fetchone()
    except sqlite3.Error:
        return True
    return found is not None


def _free(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


def _any_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
