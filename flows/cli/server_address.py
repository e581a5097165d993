"""Which Prefect server a command talks to: the configured one, else the local one, which is started once and kept.

Prefect's own temporary server starts anew for every command and loses most task runs when the process ends.
"""

from __future__ import annotations

import base64
import contextlib
from collections.abc import Generator
from typing import TYPE_CHECKING, Any

import httpx

from flows.cli.console import tell
from flows.cli.local_server import (
    auth_string,
    is_local_server,
    may_keep_a_key,
    running_address,
    start_local_server,
)
from flows.cli.server_health import ask_server, trouble_with
from footage.context import key_of_environment
from footage.emulated_environment import environment
from footage.errors import AccountProblem, Unreachable
from footage.privacy.display import shown_reference

if TYPE_CHECKING:
    from prefect.settings import Settings


@contextlib.contextmanager
def prefect_server() -> Generator[str]:
    """Within this block Prefect talks to the configured server, else to a local one.

    Gives the UI's address as it may be shown, without user and password.

    Raises:
        Unreachable: The configured server does not answer or asks for another login, or the local one did not
            start.
    """
    url = found_server()
    if url is None:
        url = start_local_server()
        check_access(url)
        tell(f"{ui_line(_shown_ui(url))}   (stop the server with: wan-video server stop)", "dim")
    with talking_to(url):
        yield _shown_ui(url)


def _shown_ui(url: str) -> str:
    return shown_reference(url.rstrip("/").removesuffix("/api"))


def ui_line(ui: str) -> str:
    """Where the UI is, and what to paste into it where the server is ours; for a person's terminal alone."""
    login = f"   log in with: {auth_string()}" if is_local_server(f"{ui}/api") else ""
    return f"Prefect UI: {ui}{login}"


@contextlib.contextmanager
def talking_to(url: str) -> Generator[None]:
    """Within this block Prefect, also in child processes, talks to the server with this API address."""
    names = {"PREFECT_API_URL": url}
    if is_local_server(url):
        names["PREFECT_API_AUTH_STRING"] = auth_string()
    with environment(names), talking_here_to(url):
        yield


@contextlib.contextmanager
def talking_here_to(url: str) -> Generator[None]:
    """The same for this thread alone; others may talk to another server meanwhile."""
    from prefect.settings import PREFECT_API_AUTH_STRING, PREFECT_API_URL, temporary_settings

    settings: dict[Any, str] = {PREFECT_API_URL: url}
    if is_local_server(url):
        settings[PREFECT_API_AUTH_STRING] = auth_string()
    with temporary_settings(settings):
        yield


def found_server() -> str | None:
    """The API address of the configured server, else of the local one if it runs; nothing is started.

    Raises:
        Unreachable: The configured server does not answer, or the login is not the one that the server asks for.
    """
    from prefect.settings import get_current_settings

    configured = get_current_settings().api.url
    # The profile that Prefect's own commands use may be set for ours, too.
    if configured and not is_local_server(configured):
        trouble = trouble_with(configured)
        if trouble:
            raise Unreachable(
                f"The Prefect server at {shown_reference(configured)} does not answer: {trouble}.",
                next_step="start it, mend PREFECT_API_URL, or unset that to use a local one",
            )
        check_access(configured)
        return configured
    url = running_address()
    if url is None or trouble_with(url) is not None:
        return None
    check_access(url)
    return url


def check_access(url: str) -> None:
    """Ask the server something that not everybody may ask.

    Raises:
        Unreachable: It refuses who asks.
    """
    from prefect.settings import get_current_settings

    local = is_local_server(url)
    headers = _login(get_current_settings(), auth_string() if local else None)
    try:
        code = ask_server(url, "admin/version", headers).status_code
    except (httpx.HTTPError, httpx.InvalidURL):
        # What it is will be said where it is asked for more.
        return
    if code in (401, 403):
        raise Unreachable(
            f"The Prefect server at {shown_reference(url)} does not accept the login of this command "
            f"(HTTP {code}).",
            next_step="wan-video server stop, and say the command again"
            if local
            else "set PREFECT_API_AUTH_STRING to what the server was started with",
        )


def answers_anybody(url: str) -> bool:
    """Whether the server answers without a login, so that any web page that is open here may use it.

    Raises:
        Unreachable: It does not answer now, so that nobody can tell.
    """
    try:
        answer = ask_server(url, "admin/version")
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise Unreachable(
            f"The Prefect server at {shown_reference(url)} does not answer ({type(error).__name__}), so whether it "
            "asks for a login is not known.",
            next_step="the same command again once it answers",
        ) from None
    return answer.status_code == 200 and "json" in answer.headers.get("content-type", "")


def _login(settings: Settings, local: str | None) -> dict[str, str]:
    """The header that Prefect's client would send."""
    ours = settings.api.auth_string.get_secret_value() if settings.api.auth_string else None
    if text := local or ours:
        return {"Authorization": f"Basic {base64.b64encode(text.encode()).decode()}"}
    key = settings.api.key.get_secret_value() if settings.api.key else None
    return {**settings.client.custom_headers, **({"Authorization": f"Bearer {key}"} if key else {})}


def key_needs_server() -> bool:
    """Whether there is no key here, and one may be in a block of the local server, which does not run."""
    try:
        key_of_environment()
    except AccountProblem:
        return may_keep_a_key()
    return False


def require_key() -> None:
    """Look for a key here before a server is started in vain; a stopped one may keep a key in a block.

    Raises:
        AccountProblem: There is no usable key, and no server that could have one.
    """
    try:
        key_of_environment()
    except AccountProblem:
        if found_server() is None and not may_keep_a_key():
            raise
