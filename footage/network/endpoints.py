"""Which addresses the key may be sent to: the provider's own, and the one that the operator configured.

Evidence names the endpoint that a clip was bought from, and whoever can write the store can write evidence. So
an address is never used as it was read: it is compared with those that are known, and the known one is used.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from footage.catalogue import CATALOGUE
from footage.catalogue import endpoint as catalogue_endpoint
from footage.errors import AccountProblem

NOT_KNOWN = "it is neither an address of the provider nor the configured one"
SET_ENDPOINT = "set DASHSCOPE_HTTP_BASE_URL to this address if it is a gateway of yours or an emulator"

_PORTS = {"http": 80, "https": 443}


def known_endpoint(url: str, workspace: str | None, configured: str | None) -> str | None:
    """The known base address that `url` is, or None; nothing but case, a default port and a last slash may differ.

    Known are each region's shared host, its host of `workspace`, and the `configured` address.
    """
    if url == configured:
        return url
    asked = _normal(url)
    if asked is None:
        return None
    known = (configured, *_hosts(workspace))
    return next((one for one in known if one and _normal(one) == asked), None)


def region_of(url: str, workspace: str | None) -> str | None:
    """The region whose shared host, or host of `workspace`, the base address is; None: it is another address."""
    asked = _normal(url)
    if asked is None:
        return None
    return next((region for one, region in _hosts(workspace).items() if _normal(one) == asked), None)


def _hosts(workspace: str | None) -> dict[str, str]:
    """Each known base address of the provider, with its region."""
    shared = {region.shared_base_url: name for name, region in CATALOGUE.regions.items()}
    own = {_workspace_host(name, workspace): name for name in CATALOGUE.regions} if workspace else {}
    return {one: name for one, name in (shared | own).items() if one}


def _workspace_host(region: str, workspace: str) -> str | None:
    try:
        return catalogue_endpoint(region, workspace)
    except AccountProblem:
        # It cannot be the id of a workspace, so it must not become part of a host's name.
        return None


def _normal(url: str) -> tuple[str, str, int, str] | None:
    if not url.isascii() or not url.isprintable() or set(url) & set(" \\"):
        return None
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return None
    if (
        parts.scheme not in _PORTS
        or not parts.hostname
        or "@" in parts.netloc
        or parts.query
        or parts.fragment
    ):
        return None
    return parts.scheme, parts.hostname, port or _PORTS[parts.scheme], parts.path.rstrip("/")
