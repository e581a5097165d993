"""Which proxy an address is reached through: one rule for everything that this project opens itself.

The variables are the usual ones (`HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY`, `NO_PROXY`, either case). Two things
differ from what the libraries would do each in its own way: this machine is never reached through a proxy, and a
SOCKS proxy resolves the names, because the names are what a network with a proxy often cannot resolve.
"""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import urlsplit
from urllib.request import getproxies

from footage.errors import InvalidRequest, Problem

SOCKS = ("socks5", "socks5h")
# Those that leave names to the proxy.
_REMOTE_NAMES = {"socks5": "socks5h", "socks": "socks5h"}
_ALLOWED = (
    "http://host:port, https://host:port or socks5://host:port, with user:password@ before host if needed"
)


def is_loopback(host: str) -> bool:
    """Whether a host name or a literal address is this machine."""
    host = host.strip("[]").rstrip(".").lower()
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return (mapped or address).is_loopback


def proxy_for(url: str) -> str | None:
    """The proxy for this address, credentials included; None: it is reached directly.

    Raises:
        InvalidRequest: The variable that applies holds no proxy address; its value is not shown.
    """
    host = urlsplit(url).hostname or ""
    if is_loopback(host):
        return None
    # requests' rules for NO_PROXY (domains, networks, ports) are the ones that its users know.
    from requests.utils import get_environ_proxies, select_proxy

    chosen = select_proxy(url, get_environ_proxies(url))
    return _checked(chosen, url) if chosen else None


def check_proxies() -> None:
    """Look at every proxy variable once, before a library stumbles over one.

    Raises:
        InvalidRequest: One holds no proxy address; its value is not shown.
    """
    for kind, proxy in getproxies().items():
        if kind in ("http", "https", "all"):
            _checked(proxy, f"{kind}:")


def is_socks(proxy: str) -> bool:
    """Whether a proxy speaks SOCKS."""
    return urlsplit(proxy).scheme in SOCKS


def shown_proxy(proxy: str | None) -> str:
    """A proxy as it may be shown: scheme, host and port, never user and password."""
    if proxy is None:
        return "directly"
    parts = urlsplit(proxy)
    return f"through {parts.scheme}://{parts.netloc.rpartition('@')[2]}"


def _checked(proxy: str, url: str) -> str:
    address = proxy.strip() if "://" in proxy else f"http://{proxy.strip()}"
    try:
        parts = urlsplit(address)
        scheme = _REMOTE_NAMES.get(parts.scheme, parts.scheme)
        usable = bool(parts.hostname) and parts.port != 0 and scheme in ("http", "https", *SOCKS)
        usable = usable and parts.path in ("", "/") and not parts.query
    except ValueError:
        usable = False
    else:
        if usable:
            return parts._replace(scheme=scheme, path="").geturl()
    scheme = urlsplit(url).scheme.upper()
    name = "ALL_PROXY" if scheme == "ALL" else f"{scheme}_PROXY or ALL_PROXY"
    wrong = "is not the address of a proxy"
    if re.match(r"socks4a?:", address, re.IGNORECASE):
        wrong = "is a proxy of SOCKS version 4 (socks4), which is not supported"
    problem = Problem(name, "(not shown)", wrong, _ALLOWED)
    raise InvalidRequest(problems=(problem,), next_step="correct the environment variable, or unset it")
