"""One GET, with redirects followed by hand and only to hosts that are allowed."""

from __future__ import annotations

import fnmatch
import http.client
import urllib.request
from collections.abc import Mapping
from typing import Any, cast
from urllib.parse import urljoin, urlsplit, urlunsplit

from footage.errors import Unreachable
from footage.printable import shown_url

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


# urllib and not http.client, because it honours the proxy variables; no cookies, no netrc, no Authorization.
_OPENER = urllib.request.build_opener(_NoRedirect, _Everything)


def get(
    url: str,
    headers: Mapping[str, str],
    *,
    timeout_s: float,
    allowed_hosts: tuple[str, ...],
    allow_loopback: bool,
) -> http.client.HTTPResponse:
    """Open the URL and return the answer, whatever its status, with the body unread.

    Raises:
        Unreachable: The URL or a redirect leads to a host that is not allowed, or in circles.
        OSError, http.client.HTTPException: The connection failed.
    """
    for _ in range(_MAX_REDIRECTS + 1):
        url = checked(url, allowed_hosts=allowed_hosts, allow_loopback=allow_loopback)
        request = urllib.request.Request(url, headers=dict(headers))  # noqa: S310 - `checked` allows http(s) only
        response = cast(http.client.HTTPResponse, _OPENER.open(request, timeout=timeout_s))
        location = response.headers.get("Location")
        if response.status not in _REDIRECTS or location is None:
            return response
        response.close()
        url = urljoin(url, location)
    raise Unreachable(f"{shown_url(url)} was redirected more than {_MAX_REDIRECTS} times.")


def checked(url: str, *, allowed_hosts: tuple[str, ...], allow_loopback: bool) -> str:
    """Return the URL to really open: https for Alibaba's hosts, which are sometimes given as http.

    Raises:
        Unreachable: Scheme or host are not allowed.
    """
    parts = urlsplit(url)
    host = (parts.hostname or "").lower()
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
