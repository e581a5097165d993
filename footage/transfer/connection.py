"""One GET, with redirects followed by hand and only to hosts that are allowed."""

from __future__ import annotations

import fnmatch
import http.client
import socket
import urllib.request
from collections.abc import Mapping
from typing import Any, cast
from urllib.parse import urljoin, urlsplit, urlunsplit

from footage.errors import Unreachable
from footage.printable import shown_url
from footage.socket_deadline import current

_REDIRECTS = {301, 302, 303, 307, 308}
_MAX_REDIRECTS = 3
_LOOPBACK = {"127.0.0.1", "::1", "localhost"}


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None


class _Everything(urllib.request.HTTPErrorProcessor):
    """Hand out every answer as it is: what a status means is decided in `answers`."""

    def http_response(self, request: Any, response: Any) -> Any:  # noqa: ARG002 - urllib's signature
        return response

    https_response = http_response


class _Told(http.client.HTTPConnection):
    """Tells the deadline of each socket before a byte goes over it, TLS and proxies included."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._create_connection = self._opened

    def _opened(self, *args: Any, **kwargs: Any) -> socket.socket:
        sock = socket.create_connection(*args, **kwargs)
        current.get().opened(sock.fileno())
        return sock


class _ToldTls(_Told, http.client.HTTPSConnection):
    pass


class _Http(urllib.request.HTTPHandler):
    def http_open(self, req: Any) -> Any:
        return self.do_open(cast(Any, _Told), req)


class _Https(urllib.request.HTTPSHandler):
    def https_open(self, req: Any) -> Any:
        return self.do_open(cast(Any, _ToldTls), req)


# urllib and not http.client, because it honours the proxy variables; no cookies, no netrc, no Authorization.
_OPENER = urllib.request.build_opener(_NoRedirect, _Everything, _Http, _Https)


def get(
    url: str,
    headers: Mapping[str, str],
    *,
    timeout_s: float,
    allowed_hosts: tuple[str, ...],
    allow_loopback: bool,
) -> http.client.HTTPResponse:
    """Open the URL and return the answer, whatever its status, with the body unread.

    Called under a SocketDeadline, which ends it.

    Raises:
        Unreachable: The URL or a redirect leads to a host that is not allowed, to no address, or in circles.
        OSError, http.client.HTTPException: The connection failed.
    """
    for _ in range(_MAX_REDIRECTS + 1):
        url = checked(url, allowed_hosts=allowed_hosts, allow_loopback=allow_loopback)
        try:
            request = urllib.request.Request(url, headers=dict(headers))  # noqa: S310 - `checked` allows http(s) only
            response = cast(http.client.HTTPResponse, _OPENER.open(request, timeout=timeout_s))
        except (ValueError, http.client.InvalidURL):
            # Spaces, letters outside ASCII, labels of 64 characters: what no URL has.
            raise _no_address(url) from None
        location = response.headers.get("Location")
        if response.status not in _REDIRECTS or location is None:
            return response
        response.close()
        try:
            url = urljoin(url, location)
        except ValueError:
            raise Unreachable(f"{shown_url(url)} was redirected to what is no address.") from None
    raise Unreachable(f"{shown_url(url)} was redirected more than {_MAX_REDIRECTS} times.")


def checked(url: str, *, allowed_hosts: tuple[str, ...], allow_loopback: bool) -> str:
    """Return the URL to really open: https for Alibaba's hosts, which are sometimes given as http.

    Raises:
        Unreachable: Scheme or host are not allowed.
    """
    try:
        parts = urlsplit(url)
        host = (parts.hostname or "").lower()
    except ValueError:
        raise _no_address(url) from None
    loopback = host in _LOOPBACK and allow_loopback
    if parts.scheme not in {"http", "https"} or parts.username is not None:
        raise Unreachable(f"{shown_url(url)} is not a plain http(s) link, so it was not opened.")
    if not loopback and not any(fnmatch.fnmatchcase(host, pattern.lower()) for pattern in allowed_hosts):
        raise Unreachable(
            f"The result is on {host}, which is not one of the hosts that results may come from "
            f"({', '.join(allowed_hosts) or 'none'}).",
            next_step="If the host is right, add it to the allowed result hosts and run the command again.",
            host=host,
        )
    if parts.scheme == "http" and host.endswith(".aliyuncs.com"):
        return urlunsplit(parts._replace(scheme="https", netloc=host))
    return url


def _no_address(url: str) -> Unreachable:
    return Unreachable(f"The link or a redirect leads to {shown_url(url)!r}, which is no address.")
