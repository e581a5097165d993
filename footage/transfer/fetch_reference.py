"""A user's reference image from a URL, without becoming a way into our network."""

from __future__ import annotations

import contextlib
import http.client
import logging
import zlib
from collections.abc import Generator
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urljoin, urlsplit

from footage.errors import InvalidRequest, Problem, Unreachable
from footage.network.ca_bundle import ca_bundle
from footage.network.proxies import proxy_for, shown_proxy
from footage.network.socket_deadline import SocketDeadline, watched
from footage.privacy.display import shown_url
from footage.privacy.redact import Discreet
from footage.transfer.reach import FAKE_IP, Net, checked_address, is_fake_ip, refused_name

if TYPE_CHECKING:
    from requests.adapters import HTTPAdapter

_CONNECT_S = 10.0
_SILENCE_S = 20.0
_DEADLINE_S = 60.0
_MAX_REDIRECTS = 3
_REDIRECTS = {301, 302, 303, 307, 308}
_CHUNK_BYTES = 64 << 10
_DISCREET = Discreet()


def fetch_reference(
    url: str,
    *,
    max_bytes: int,
    allow_private: bool,
    allow_nets: tuple[Net, ...] = (),
    deadline_s: float = _DEADLINE_S,
) -> bytes:
    """Return the bytes behind an http(s) URL; every redirect is checked like the URL itself.

    Args:
        url: The user's URL. Addresses of this machine, of private networks and of cloud metadata services
            are refused unless `allow_private`; the address that was checked is the one connected to. Through a
            proxy the names are the proxy's to resolve: then literal addresses and local names are refused.
        max_bytes: Reading stops there, whatever the server announced.
        allow_nets: Networks that are not public and are allowed all the same.
        deadline_s: From the first byte that is asked for to the last that comes, redirects included.

    Raises:
        InvalidRequest: The URL cannot be used: address refused, not found, too large, not an image.
        Unreachable: The server does not answer or fails; the same request may work later.
    """
    import requests
    import urllib3
    from requests_hardened.ip_filter import InvalidIPAddress

    # At DEBUG it logs every address whole; adding a filter twice changes nothing.
    logging.getLogger("urllib3.connectionpool").addFilter(_DISCREET)
    place = url
    deadline = SocketDeadline(deadline_s)
    try:
        with deadline:
            for _ in range(_MAX_REDIRECTS + 1):
                with _opened(place, allow_private, allow_nets) as response:
                    following = response.headers.get("Location")
                    if response.status_code not in _REDIRECTS or following is None:
                        _check(url, response.status_code, response.headers.get("Content-Type", ""))
                        data = _read(url, response, max_bytes, deadline)
                        return _decoded(url, data, response.headers.get("Content-Encoding", ""), max_bytes)
                place = urljoin(place, following)
    # "from None": what requests and urllib3 say names the address with its signature.
    except InvalidIPAddress:
        raise _not_public(url, urlsplit(place).hostname or "") from None
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
        through = shown_proxy(proxy_for(place))
        raise Unreachable(
            f"The reference image {shown_url(url)} could not be fetched {through} ({type(error).__name__}).",
            next_step="check the network and the address; it is safe to try again",
        ) from None
    except ValueError:
        # Addresses in a redirect that none of the libraries expects, such as http://[::1
        raise _invalid(url, "is redirected to what is no http(s) URL") from None
    raise _invalid(url, f"is redirected more than {_MAX_REDIRECTS} times")


@contextlib.contextmanager
def _opened(url: str, allow_private: bool, allow_nets: tuple[Net, ...]) -> Generator[Any]:
    """One GET, with the body unread and no redirect followed."""
    import requests
    from requests_hardened.ip_filter import InvalidIPAddress

    if urlsplit(url).scheme in {"http", "https"}:
        # What is opened is what is looked at: requests ends a host at a backslash, for one, where urlsplit does not.
        url = requests.Request("GET", url).prepare().url or ""
    parts = urlsplit(url)
    host = parts.hostname
    if parts.scheme not in {"http", "https"} or parts.username is not None or not host:
        raise _invalid(url, "is not a plain http(s) URL")
    proxy = proxy_for(url)
    with requests.Session() as session:
        # No netrc: a login of this user must not go to a host that somebody else named.
        session.trust_env = False
        session.headers["User-Agent"] = "wan-video"
        session.verify = ca_bundle()
        if proxy is not None:
            if not allow_private and refused_name(host):
                raise InvalidIPAddress
            session.proxies = {"http": proxy, "https": proxy}
        elif not allow_private:
            session.mount(f"{parts.scheme}://", _pinned(allow_nets))
        for adapter in session.adapters.values():
            watched(cast("HTTPAdapter", adapter))
        with session.get(
            url,
            stream=True,
            # A connection of its own each time, so that the deadline knows which one is in use.
            headers={"Accept-Encoding": "identity", "Connection": "close"},
            timeout=(_CONNECT_S, _SILENCE_S),
            allow_redirects=False,
        ) as response:
            yield response


def _pinned(allow_nets: tuple[Net, ...]) -> Any:
    """An adapter that resolves once, checks the address, and connects to that very address."""
    from requests.adapters import HTTPAdapter

    class Pinned(HTTPAdapter):
        def build_connection_pool_key_attributes(self, request: Any, *given: Any, **named: Any) -> Any:
            parts = urlsplit(request.url)
            address = checked_address(
                parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80), allow_nets
            )
            host_params, pool_kwargs = super().build_connection_pool_key_attributes(request, *given, **named)
            request.headers["Host"] = parts.netloc
            if parts.scheme == "https":
                pool_kwargs |= {"assert_hostname": parts.hostname, "server_hostname": parts.hostname}
            return {**host_params, "host": address}, pool_kwargs

    return Pinned()


def _not_public(url: str, host: str) -> InvalidRequest:
    if proxy_for(f"{urlsplit(url).scheme}://{host}") is None and is_fake_ip(host):
        return _invalid(
            url,
            f"resolves to an address in {FAKE_IP}, which no host has: a proxy on this machine or network answers "
            'so for every name ("fake IP")',
            f"WAN_VIDEO_ALLOW_NETS='[\"{FAKE_IP}\"]' opens that network alone",
        )
    return _invalid(
        url,
        "leads to a private address",
        "a public URL, a file, or what WAN_VIDEO_ALLOW_NETS (some networks) or WAN_VIDEO_ALLOW_PRIVATE_HOSTS "
        "(all) opens",
    )


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
