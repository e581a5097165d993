"""One GET, with redirects followed by hand and only to hosts that are allowed."""

from __future__ import annotations

import fnmatch
import functools
import http.client
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import unquote, urljoin, urlsplit, urlunsplit

from footage.errors import Unanswered
from footage.network.addresses import host_of
from footage.network.ca_bundle import ca_bundle
from footage.network.proxies import is_socks, proxy_for
from footage.network.socket_deadline import under_deadline
from footage.privacy.display import shown_url
from footage.privacy.redact import Discreet

if TYPE_CHECKING:
    from urllib3 import BaseHTTPResponse

_DISCREET = Discreet()
_REDIRECTS = {301, 302, 303, 307, 308}
_MAX_REDIRECTS = 3
_LOOPBACK = {"127.0.0.1", "::1", "localhost"}


class ConnectionFailed(OSError):
    """No connection, or it broke; `reason` is urllib3's error, whose text may hold the signed link."""

    def __init__(self, reason: BaseException) -> None:
        super().__init__(type(reason).__name__)
        self.reason = getattr(reason, "reason", None) or reason


@functools.cache
def _pool(proxy: str | None, ca_bundle: str) -> Any:
    """urllib3 and not more: no cookies, no netrc, no Authorization, no retries, no redirects."""
    import urllib3
    from urllib3.contrib.socks import SOCKSProxyManager

    # At DEBUG it logs every address whole, signatures included.
    logging.getLogger("urllib3.connectionpool").addFilter(_DISCREET)

    trusted = "ca_cert_dir" if Path(ca_bundle).is_dir() else "ca_certs"
    options: dict[str, Any] = {trusted: ca_bundle, "retries": False, "maxsize": 16}
    if proxy is None:
        return under_deadline(urllib3.PoolManager(**options))
    if is_socks(proxy):
        return under_deadline(SOCKSProxyManager(proxy, **options))
    parts = urlsplit(proxy)
    login = f"{unquote(parts.username or '')}:{unquote(parts.password or '')}" if parts.username else None
    headers = urllib3.make_headers(proxy_basic_auth=login) if login else None
    plain = parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
    return under_deadline(urllib3.ProxyManager(plain, proxy_headers=headers, **options))


def get(
    url: str,
    headers: Mapping[str, str],
    *,
    timeout_s: float,
    allowed_hosts: tuple[str, ...],
    allow_loopback: bool,
) -> BaseHTTPResponse:
    """Open the URL and return the answer, whatever its status, with the body unread.

    Called under a SocketDeadline, which ends it.

    Raises:
        Unanswered: The URL or a redirect leads to a host that is not allowed, to no address, or in circles.
        ConnectionFailed: The connection failed.
    """
    import urllib3

    for _ in range(_MAX_REDIRECTS + 1):
        url = checked(url, allowed_hosts=allowed_hosts, allow_loopback=allow_loopback)
        try:
            response = cast(
                "BaseHTTPResponse",
                _pool(proxy_for(url), ca_bundle()).request(
                    "GET",
                    url,
                    headers={**headers, "Connection": "close"},
                    timeout=timeout_s,
                    redirect=False,
                    preload_content=False,
                    decode_content=False,
                    # What counts as an end is decided by who reads, who may go on from there.
                    enforce_content_length=False,
                ),
            )
        except (ValueError, urllib3.exceptions.LocationValueError, http.client.InvalidURL):
            # Spaces, letters outside ASCII, labels of 64 characters: what no URL has.
            raise _no_address(url) from None
        except urllib3.exceptions.InvalidHeader:
            # Two lengths: for whoever reads to decide.
            raise
        except (urllib3.exceptions.HTTPError, http.client.HTTPException) as error:
            raise ConnectionFailed(error) from None
        location = response.headers.get("Location")
        if response.status not in _REDIRECTS or location is None:
            return response
        response.close()
        try:
            url = urljoin(url, location)
        except ValueError:
            raise Unanswered(f"{shown_url(url)} was redirected to what is no address.") from None
    raise Unanswered(f"{shown_url(url)} was redirected more than {_MAX_REDIRECTS} times.")


def checked(url: str, *, allowed_hosts: tuple[str, ...], allow_loopback: bool) -> str:
    """Return the URL to really open: https for Alibaba's hosts, which are sometimes given as http.

    Raises:
        Unanswered: Scheme or host are not allowed.
    """
    try:
        parts = urlsplit(url)
        host = host_of(url)
    except ValueError:
        raise _no_address(url) from None
    loopback = host in _LOOPBACK and allow_loopback
    if parts.scheme not in {"http", "https"} or parts.username is not None:
        raise Unanswered(f"{shown_url(url)} is not a plain http(s) link, so it was not opened.")
    if not loopback and not any(fnmatch.fnmatchcase(host, pattern.lower()) for pattern in allowed_hosts):
        raise Unanswered(
            f"The result is on {host}, which is not one of the hosts that results may come from "
            f"({', '.join(allowed_hosts) or 'none'}).",
            next_step="If the host is right, add it to the allowed result hosts and run the command again.",
            host=host,
        )
    if parts.scheme == "http" and host.endswith(".aliyuncs.com"):
        return urlunsplit(parts._replace(scheme="https", netloc=host))
    return url


def _no_address(url: str) -> Unanswered:
    return Unanswered(f"The link or a redirect leads to {shown_url(url)!r}, which is no address.")
