"""Whether a Prefect server answers, and what its log says when it does not start."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from pathlib import Path

import httpx

from footage.errors import Unreachable
from footage.privacy.redact import redact

# The first start migrates an empty database, which takes half a minute on a small machine.
START_TIMEOUT_S = 180.0
# Whoever takes no connection for so long is not there; one that is busy takes it, and may be silent for much longer.
_CONNECT_TIMEOUT_S = 5.0
# The last line of a traceback: "sqlalchemy.exc.DatabaseError: …".
_ERROR_LINE = re.compile(r"[\w.]+(?:Error|Exception)\b")


def wait_for_server(
    url: str, auth: str, alive: Callable[[], bool], log: Path, timeout_s: float = START_TIMEOUT_S
) -> None:
    """Wait until a server that was started with this login ("user:password") answers to it.

    Raises:
        Unreachable: It ended, or does not answer in time; has the last line of its log.
    """
    deadline = time.monotonic() + timeout_s
    while trouble_with(url) is not None or not _accepts(url, auth):
        ended = not alive()
        if ended or time.monotonic() > deadline:
            what = "ended while it started" if ended else f"did not start within {timeout_s:.0f} s"
            raise Unreachable(
                f"The local Prefect server {what}: {_last_words(log)}",
                next_step=f"look into {log}, or point PREFECT_API_URL at a server of yours",
            )
        time.sleep(0.5)


def _accepts(url: str, auth: str) -> bool:
    """Whether the server knows this login; that of another home, which was quicker to take the port, does not."""
    user, _, password = auth.partition(":")
    try:
        return httpx.get(f"{url}/admin/version", auth=(user, password), timeout=5).status_code == 200
    except httpx.HTTPError:
        return False


def ask_server(url: str, path: str, headers: dict[str, str] | None = None) -> httpx.Response:
    """What the API at this address answers; a busy server is waited for as long as Prefect's own client does.

    Raises:
        httpx.HTTPError, httpx.InvalidURL: Nobody is there, or no answer came within PREFECT_API_REQUEST_TIMEOUT.
    """
    from prefect.settings import get_current_settings

    timeout = httpx.Timeout(get_current_settings().api.request_timeout, connect=_CONNECT_TIMEOUT_S)
    return httpx.get(f"{url.rstrip('/')}/{path}", headers=headers, timeout=timeout)


def trouble_with(url: str) -> str | None:
    """Why a server cannot be used; None when it answers as it should, whoever asks."""
    try:
        answer = ask_server(url, "health")
    except httpx.ReadTimeout:
        return "it takes connections, and says nothing"
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        return str(error).rstrip(".") or type(error).__name__
    # The pages of a Prefect server answer every path, with HTML.
    if answer.status_code == 200 and "json" in answer.headers.get("content-type", ""):
        return None
    return f"HTTP {answer.status_code}, and not from the API, whose address ends with /api"


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
