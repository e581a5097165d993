"""The address of a service and the id of a workspace, as they may become part of a request."""

from __future__ import annotations

import logging
import re
from urllib.parse import urlsplit

from footage.errors import AccountProblem
from footage.privacy.display import shown

log = logging.getLogger(__name__)

# Not "sk-": a key in the wrong variable would become part of a host name.
_WORKSPACE = re.compile(r"(?!sk-)[A-Za-z0-9][A-Za-z0-9_-]{0,63}")


def checked_base_url(base_url: str) -> str:
    """The address without white space and last slash; says so where the key would travel in the clear.

    Raises:
        AccountProblem: It cannot be the base address of a service.
    """
    try:
        parts = urlsplit(base_url.strip())
        port = parts.port
    except ValueError:
        parts, port = urlsplit(""), None
    usable = parts.scheme in ("http", "https") and parts.hostname and port != 0
    if (
        not usable
        or parts.query
        or parts.fragment
        or parts.username
        or re.search(r"[\s{}]", base_url.strip())
    ):
        # Not repeated: it may hold a password.
        raise AccountProblem(
            "The base address of the service cannot be used.",
            next_step="give it as https://host/api/v1, without user name, query or placeholders",
        )
    if parts.scheme == "http" and not re.fullmatch(r"localhost|127\..*|::1", parts.hostname or ""):
        log.warning("%s is not encrypted: the key can be read on the way", parts.hostname)
    return base_url.strip().rstrip("/")


def checked_workspace(workspace: str | None) -> str | None:
    """The id as it is; None for the account's default workspace.

    Raises:
        AccountProblem: It cannot be one.
    """
    if workspace and not _WORKSPACE.fullmatch(workspace):
        raise AccountProblem(
            f"{shown(workspace)} cannot be a workspace id.",
            next_step="copy the id from the Model Studio console, for example ws-1a2b3c",
        )
    return workspace or None
