"""A Prefect server for those who have none: started once on this machine, kept for the next command.

Prefect's own temporary server starts anew for every command and loses most task runs when the process ends.
"""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Generator
from pathlib import Path

from flows.cli.say import tell
from footage.errors import Unreachable

PORT = 4217
# The first start migrates an empty database, which takes half a minute on a small machine.
START_TIMEOUT_S = 180.0


@contextlib.contextmanager
def prefect_server() -> Generator[str]:
    """Within this block Prefect talks to the configured server, else to a local one; gives the UI's address.

    Raises:
        Unreachable: The configured server does not answer, or the local one did not start.
    """
    url = found_server() or _start_local_server()
    with talking_to(url):
        yield url.removesuffix("/api")


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
        if not _healthy(configured):
            raise Unreachable(
                f"The Prefect server at {configured} does not answer.",
                next_step="start it, or unset PREFECT_API_URL to use a local one",
            )
        return configured
    note = _note()
    url = note.read_text().strip() if note.exists() else None
    return url if url and _healthy(url) else None


def _note() -> Path:
    """The file that tells the next command where the local server is."""
    from prefect.settings import get_current_settings

    return get_current_settings().home / "wan-video-server"


def _start_local_server() -> str:
    """Start a local server; the address of its API."""
    note = _note()
    home = note.parent
    port = PORT if _free(PORT) else _any_port()
    url = f"http://127.0.0.1:{port}/api"
    home.mkdir(parents=True, exist_ok=True)
    log = home / "wan-video-server.log"
    tell("Starting a local Prefect server (the first time takes about half a minute) …", "dim")
    environment = {
        **os.environ,
        "PREFECT_SERVER_API_HOST": "127.0.0.1",
        "PREFECT_SERVER_API_PORT": str(port),
        # Without it the pages of a server on another port than 4200 look for their data on 4200.
        "PREFECT_UI_API_URL": url,
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        # In-memory leases die with the server, and running flows with them.
        "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": "prefect.server.concurrency.lease_storage.filesystem",
    }
    with log.open("ab") as output:
        subprocess.Popen(
            [sys.executable, "-m", "prefect", "server", "start", "--background"],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    deadline = time.monotonic() + START_TIMEOUT_S
    while not _healthy(url):
        if time.monotonic() > deadline:
            raise Unreachable(
                f"The local Prefect server did not start within {START_TIMEOUT_S:.0f} s.",
                next_step=f"look into {log}, or point PREFECT_API_URL at a server of yours",
            )
        time.sleep(0.5)
    note.write_text(url)
    tell(f"Prefect UI: {url.removesuffix('/api')}   (stop the server with: prefect server stop)", "dim")
    return url


def _healthy(url: str) -> bool:
    import httpx

    try:
        return httpx.get(f"{url}/health", timeout=5).status_code == 200
    except httpx.HTTPError:
        return False


def _free(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


def _any_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
