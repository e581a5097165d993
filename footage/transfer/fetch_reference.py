"""A user's reference image from a URL, without becoming a way into our network."""

from __future__ import annotations

import http.client
import logging
import zlib
from typing import Any, cast
from urllib.parse import urlsplit

from footage.errors import InvalidRequest, Problem, Unreachable
from footage.printable import shown_url
from footage.redact import Discreet
from footage.socket_deadline import SocketDeadline, watched

_CONNECT_S = 10.0
_SILENCE_S = 20.0
_DEADLINE_S = 60.0
_MAX_REDIRECTS = 3
_CHUNK_BYTES = 64 << 10
_DISCREET = Discreet()


def fetch_reference(
    url: str, *, max_bytes: int, allow_private: bool, deadline_s: float = _DEADLINE_S
) -> bytes:
    """Return the bytes behind an http(s) URL; every redirect is checked like the URL itself.

    Args:
        url: The user's URL. Addresses of this machine, of private networks and of cloud metadata services
            are refused unless `allow_private`; the address that was checked is the one connected to.
        max_bytes: Reading stops there, whatever the server announced.
        deadline_s: From the first byte that is asked for to the last that comes, redirects included.

    Raises:
        InvalidRequest: The URL cannot be used: address refused, not found, too large, not an image.
        Unreachable: The server does not answer or fails; the same request may work later.
    """
    import requests
    import urllib3
    from requests_hardened import Config, Manager
    from requests_hardened.ip_filter import InvalidIPAddress

    # At DEBUG it logs every address whole; adding a filter twice changes nothing.
    logging.getLogger("urllib3.connectionpool").addFilter(_DISCREET)
    if not _plain(url):
        raise _invalid(url, "is not a plain http(s) URL")
    session = cast(
        Any,
        Manager(
            Config(
                ip_filter_enable=not allow_private,
                ip_filter_allow_loopback_ips=allow_private,
                never_redirect=False,
                default_timeout=(_CONNECT_S, _SILENCE_S),
                user_agent_override="wan-video",
            )
        ).get_session(),
    )
    session.max_redirects = _MAX_REDIRECTS
    # No netrc: a login of this user must not go to a host that somebody else named.
    session.trust_env = False
    for adapter in session.adapters.values():
        watched(adapter)
    # A connection of its own each time, so that the deadline knows which one is in use.
    headers = {"Accept-Encoding": "identity", "Connection": "close"}
    deadline = SocketDeadline(deadline_s)
    try:
        with session, deadline, session.get(url, stream=True, headers=headers) as response:
            _check(url, response.status_code, response.headers.get("Content-Type", ""))
            data = _read(url, response, max_bytes, deadline)
            return _decoded(url, data, response.headers.get("Content-Encoding", ""), max_bytes)
    # "from None": what requests and urllib3 say names the address with its signature.
    except InvalidIPAddress:
        raise _invalid(
            url,
            "leads to a private address",
            "a public URL, a file, or private addresses allowed in the settings",
        ) from None
    except requests.TooManyRedirects:
        raise _invalid(url, f"is redirected more than {_MAX_REDIRECTS} times") from None
    except (requests.exceptions.InvalidURL, requests.exceptions.InvalidSchema):
        raise _invalid(url, "is not a plain http(s) URL, or is redirected to what is none") from None
    except (
        requests.RequestException,
        urllib3.exceptions.HTTPError,
        OSError,
        http.client.HTTPException,
    ) as error:
        # urllib3's own errors and those below it: the body is read from it directly.
        if deadline.expired:
            raise _too_slow(url, deadline) from None
        raise Unreachable(
            f"The reference image {shown_url(url)} could not be fetched ({type(error).__name__})."
        ) from None
    except ValueError:
        # Addresses in a redirect that none of the libraries expects, such as http://[::1
        raise _invalid(url, "is redirected to what is no http(s) URL") from None


def _plain(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in {"http", "https"} and parts.username is None and bool(parts.hostname)
    except ValueError:
        return False


def _check(url: str, status: int, content_type: str) -> None:
    if status in {408, 425, 429} or status >= 500:
        raise Unreachable(f"The server of the reference image {shown_url(url)} answered HTTP {status}.")
    if status != 200:
        raise _invalid(url, f"gives HTTP {status} instead of an image")
    kind = content_type.split(";")[0].strip().lower()
    # Many servers give application/octet-stream or nothing; what the bytes are is looked at when decoding.
    if kind.startswith("text/") or kind in {"application/json", "application/xml"}:
        raise _invalid(url, f"gives {kind}, not an image", "JPEG, PNG or WEBP")


def _read(url: str, response: Any, max_bytes: int, deadline: SocketDeadline) -> bytes:
    data = bytearray()
    # read1 and not iter_content, which would wait for a full chunk of a server that drips. A body that ends
    # before its announced length is an error of urllib3.
    while chunk := response.raw.read1(_CHUNK_BYTES, decode_content=False):
        data += chunk
        if len(data) > max_bytes:
            raise _too_large(url, max_bytes)
    if deadline.expired:
        raise _too_slow(url, deadline)
    return bytes(data)


def _decoded(url: str, data: bytes, coding: str, max_bytes: int) -> bytes:
    """The body without its compression: some servers send one although none was asked for."""
    coding = coding.strip().lower()
    if coding in {"", "identity"} or not data:
        return data
    if coding not in {"gzip", "x-gzip", "deflate"}:
        raise _invalid(
            url, f"comes coded as {coding[:40]} although it was asked for as it is", "no coding, or gzip"
        )
    inflater = zlib.decompressobj(wbits=zlib.MAX_WBITS | 32)
    try:
        # One byte more than allowed: a bomb is small on the wire.
        plain = inflater.decompress(data, max_bytes + 1)
    except zlib.error:
        raise _invalid(url, f"says that it is coded as {coding} and is not") from None
    if len(plain) > max_bytes:
        raise _too_large(url, max_bytes)
    if not inflater.eof:
        raise _invalid(url, f"is coded as {coding} and ends too early")
    return plain


def _too_large(url: str, max_bytes: int) -> InvalidRequest:
    return _invalid(url, "is too large", f"at most {max_bytes} bytes")


def _too_slow(url: str, deadline: SocketDeadline) -> Unreachable:
    return Unreachable(f"The reference image {shown_url(url)} took more than {deadline.limit_s:g} s.")


def _invalid(url: str, message: str, allowed: str | None = None) -> InvalidRequest:
    return InvalidRequest(problems=(Problem("reference_image", shown_url(url), message, allowed),))
