"""Addresses of services, as an operator may give them."""

from __future__ import annotations

from urllib.parse import urlsplit

from footage.network.proxies import is_loopback


def is_address(text: str) -> bool:
    """Whether a text is an http(s) address with a host."""
    try:
        parts = urlsplit(text)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def host_of(url: str) -> str:
    """The host of an http(s) address, in lower case.

    Raises:
        ValueError: It is no address, or one of two hosts: what opens it ends a host at a backslash, for one, where the
            standard library does not.
    """
    from urllib3.util import parse_url

    host = urlsplit(url).hostname or ""
    if (parse_url(url).host or "").strip("[]").lower() != host:
        raise ValueError("it is read as two hosts")
    return host


def endpoint_fault(url: str) -> str | None:
    """What is certainly wrong with the path of a base address; a reverse proxy may have paths of its own."""
    parts = urlsplit(url)
    path = parts.path.rstrip("/")
    folders = path.split("/")
    if "compatible-mode" in folders:
        return "is the address of the OpenAI-compatible service, which makes no videos; it ends with /api/v1"
    if "services" in folders or folders[-1] == "tasks":
        return "is the address of one request; the base address ends with /api/v1"
    host = (parts.hostname or "").rstrip(".")
    if (host == "aliyuncs.com" or host.endswith(".aliyuncs.com")) and path != "/api/v1":
        return "is not a base address of Model Studio, which ends with /api/v1"
    return None


def is_local(url: str | None) -> bool:
    """Whether an endpoint is on this machine: an emulator, or a forwarder to the provider."""
    return is_loopback(urlsplit(url or "").hostname or "")
