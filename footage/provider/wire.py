"""The transport under the SDK: one session per call, one request per session, and a record of what happened.

For a paid request the only question after a failure is whether bytes may have left this machine. The
names of exceptions do not answer it (an SSLError or a timeout can come before and after), so the
connection itself notes the moment before its first byte goes out.

What the SDK does and why it is not left to do it (DashScope SDK 2.0.2):
- it re-sends a create once after a lost connection: a second request on one `OneCall` is refused;
- it calls cancel and list without a timeout, and a server that sends a byte now and then holds any call
  for ever: every call has a limit for its whole duration, after which its socket is shut down;
- it follows redirects and reads bodies of any size: neither happens here;
- it parses answers into less than they say: it gets an empty one, the real one stays in `outcome`.
"""

from __future__ import annotations

import http.client
import socket
import time
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, cast

import requests
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase
from urllib3 import HTTPResponse
from urllib3.connection import HTTPConnection
from urllib3.exceptions import NewConnectionError

from footage.credentials import ApiKey
from footage.network.proxies import proxy_for
from footage.network.socket_deadline import SocketDeadline, current
from footage.provider.results import RawAnswer

# A page of 50 tasks is about 25 kB; whatever is a hundred times as long is no answer of this service.
MAX_BODY_BYTES = 4 * 1024 * 1024


@dataclass(frozen=True)
class NoAnswer:
    """The call ended without an answer; `may_have_left` is False only if not one byte of it went out."""

    why: str
    may_have_left: bool
    # The resolver says for certain that there is no such name (EAI_NONAME), and not that it cannot tell now.
    no_such_name: bool = False
    # The proxy wants another user or password.
    login_refused: bool = False


class CallEnded(Exception):
    """Takes control out of the SDK; what happened is in `OneCall.outcome`."""


class NoLongerAllowed(Exception):
    """The caller took back the permission to send, before the first byte."""


class OneCall(requests.Session):
    """A session that sends one request and keeps what came of it in `outcome`.

    `timeouts_s` are for opening a connection and for waiting between two pieces of the answer, `limit_s`
    is for the call as a whole. `check_body` sees the body before anything is sent and may raise; `may_send`
    has the last word before the first byte.
    """

    def __init__(
        self,
        adapter: HTTPAdapter,
        key: ApiKey,
        *,
        timeouts_s: tuple[float, float],
        limit_s: float,
        check_body: Callable[[bytes], None] | None = None,
        may_send: Callable[[], bool] = lambda: True,
    ) -> None:
        super().__init__()
        self.outcome: RawAnswer | NoAnswer | None = None
        self._key = key
        self._timeouts_s = timeouts_s
        self._limit_s = limit_s
        self._check_body = check_body
        self._may_send = may_send
        # An auth of our own also keeps requests from putting a ~/.netrc entry in its place, which it does
        # whenever it looks into the environment, and it looks there for the user's proxies.
        self.auth = _Bearer(key)
        # The only compression that is undone here.
        self.headers["Accept-Encoding"] = "gzip"
        self.mount("https://", adapter)
        self.mount("http://", adapter)

    def merge_environment_settings(self, url: Any, *given: Any, **named: Any) -> Any:
        """As requests does it (CA bundle and all), but for the proxy, which is chosen in one place for everything."""
        settings = super().merge_environment_settings(url, *given, **named)
        proxy = proxy_for(str(url))
        # requests changes `no_proxy` into nothing, and never looks again when this is not empty.
        settings["proxies"] = {"http": proxy, "https": proxy} if proxy else {}
        return settings

    def get_redirect_target(self, resp: requests.Response) -> None:
        """Nothing is a redirect: the key and the order go to the address that was asked for, or nowhere."""

    def send(self, request: requests.PreparedRequest, **kwargs: Any) -> requests.Response:
        if self.outcome is not None:
            raise CallEnded
        if self._check_body is not None:
            self._check_body(cast(bytes, request.body))
        kwargs |= {"stream": True, "timeout": self._timeouts_s}
        with _Watch(self._limit_s, self._may_send) as watch:
            asked_at = datetime.now(UTC)
            try:
                answer = self._read(super().send(request, **kwargs), watch, asked_at)
            except Exception as error:  # noqa: BLE001 - whatever it was, only what had left counts
                self.outcome = NoAnswer(
                    _in_words(error, watch),
                    watch.may_have_left,
                    no_such_name=_no_such_name(error),
                    login_refused=watch.proxy_status == 407 or "SOCKS5AuthError" in _names(error),
                )
            else:
                self.outcome = answer
        if isinstance(self.outcome, NoAnswer):
            raise CallEnded
        return _nothing_to_parse()

    def _read(self, response: requests.Response, watch: _Watch, asked_at: datetime) -> RawAnswer:
        body, cut = bytearray(), None
        wire = cast(HTTPResponse, response.raw)
        try:
            # read1 gives what is there: a body that breaks off still yields everything before the break.
            while chunk := wire.read1(65536, decode_content=False):
                body += chunk
                if len(body) > MAX_BODY_BYTES:
                    cut = f"after {MAX_BODY_BYTES} bytes"
                    break
        except Exception as error:  # noqa: BLE001 - the status was received, so this is an answer, cut off
            cut = _in_words(error, watch)
        finally:
            response.close()
        headers = {name.lower(): value for name, value in response.headers.items()}
        content, cut_inside = _inflated(bytes(body), headers.get("content-encoding", ""))
        return RawAnswer(
            status=response.status_code,
            headers=headers,
            # No answer that we know of repeats the key; this keeps it so for whatever keeps or shows answers.
            body=content.replace(self._key.reveal().encode(), b"[api key]"),
            asked_at=asked_at,
            received_at=datetime.now(UTC),
            cut=cut or cut_inside,
        )


def shared_adapter() -> HTTPAdapter:
    """For questions: keeps connections open, for all threads of a client."""
    return _WatchedAdapter(pool_connections=1, pool_maxsize=32)


def single_adapter() -> HTTPAdapter:
    """For a create: its connection is its own.

    A kept connection that the server closed meanwhile fails after the bytes have left, which would make
    a submission unknown that never arrived.
    """
    return _WatchedAdapter(pool_connections=1, pool_maxsize=1)


class _Bearer(AuthBase):
    """Puts the key into the request at the last moment, so that the SDK never holds it."""

    def __init__(self, key: ApiKey) -> None:
        self._key = key

    def __call__(self, r: requests.PreparedRequest) -> requests.PreparedRequest:
        r.headers["Authorization"] = f"Bearer {self._key.reveal()}"
        return r


class _Watch(SocketDeadline):
    """Watches one call: whether bytes may have left, and that it ends in time.

    A call whose time is up before it could open a connection does not send afterwards.
    """

    def __init__(self, limit_s: float, may_send: Callable[[], bool]) -> None:
        super().__init__(limit_s)
        self.may_have_left = False
        self.proxy_status: int | None = None
        self._may_send = may_send

    def leaving(self) -> float:
        """Note that the next bytes belong to the request; returns the seconds that are left for them."""
        with self.lock:
            if self.expired:
                raise TimeoutError
            if not self.may_have_left and not self._may_send():
                raise NoLongerAllowed
            self.may_have_left = True
        return max(self.ends_at - time.monotonic(), 0.001)


def _current() -> _Watch:
    return cast(_Watch, current.get())


class _ProxyAnswer(http.client.HTTPResponse):
    """Notes what a proxy says to CONNECT."""

    def _read_status(self) -> tuple[str, int, str]:
        version, status, reason = super()._read_status()  # pyright: ignore[reportUnknownVariableType, reportAttributeAccessIssue]
        if status >= 300:
            _current().proxy_status = int(status)
        return version, status, reason


class _WatchedConnection(HTTPConnection):
    """Put over whatever connection class urllib3 would use: plain, TLS, through a proxy."""

    _opening = False
    _told: _Watch | None = None

    def _new_conn(self) -> socket.socket:
        sock = super()._new_conn()
        self._told = _current()
        self._told.opened(sock.fileno())
        return sock

    def connect(self) -> None:
        self._opening = True
        # Whatever answers while a way is opened is a proxy (CONNECT); http.client tells its status in prose only.
        self.response_class = _ProxyAnswer
        try:
            super().connect()
        finally:
            self._opening = False
            self.response_class = HTTPConnection.response_class

    def send(self, data: Any) -> None:
        if self.sock is None:
            self.connect()
        sock = cast(socket.socket, self.sock)
        # While opening, bytes go to a proxy (CONNECT) and carry nothing of the request.
        if not self._opening:
            watch = _current()
            if self._told is not watch:
                self._told = watch
                watch.opened(sock.fileno())
            # Without this the *connect* timeout would hold for the sending of the whole body, and an
            # image of some megabytes would fail on every slow line, each time as an unknown submission.
            sock.settimeout(watch.leaving())
        super().send(data)


class _WatchedAdapter(HTTPAdapter):
    def get_connection_with_tls_context(self, *args: Any, **kwargs: Any) -> Any:
        pool = cast(Any, super().get_connection_with_tls_context(*args, **kwargs))
        if not issubclass(pool.ConnectionCls, _WatchedConnection):
            pool.ConnectionCls = type("Watched", (_WatchedConnection, pool.ConnectionCls), {})
        return pool


def _inflated(body: bytes, encoding: str) -> tuple[bytes, str | None]:
    """The body without its compression, and why it is not whole; bounded, for a bomb is small on the wire."""
    if encoding.strip().lower() not in ("gzip", "x-gzip", "deflate") or not body:
        return body, None
    inflater = zlib.decompressobj(wbits=zlib.MAX_WBITS | 32)
    try:
        content = inflater.decompress(body, MAX_BODY_BYTES)
    except zlib.error:
        return body, "not compressed in the way it claims"
    return content, None if inflater.eof else f"after {len(content)} bytes of compressed content"


def _nothing_to_parse() -> requests.Response:
    response = requests.Response()
    response.status_code = 200
    response.headers["Content-Type"] = "application/json"
    response._content = b"{}"  # pyright: ignore[reportPrivateUsage] - requests has no other way to make one
    return response


def _in_words(error: BaseException, watch: _Watch) -> str:
    """What went wrong, without the exception's own text, which may quote addresses, headers and proxies."""
    if watch.expired:
        return f"not finished within {watch.limit_s:g} s"
    chain = _chain(error)
    names = [type(item).__name__ for item in chain]
    if watch.proxy_status is not None:
        return f"the proxy answered {watch.proxy_status}" + (
            ", it wants another user or password" if watch.proxy_status == 407 else ""
        )
    words = next((_WORDS[name] for name in names if name in _WORDS), None)
    if words is None and isinstance(chain[-1], OSError) and chain[-1].strerror:
        words = chain[-1].strerror.lower()
    return ("the proxy failed, " if "ProxyError" in names else "") + (words or names[-1])


def _no_such_name(error: BaseException) -> bool:
    found = next((item for item in _chain(error) if isinstance(item, socket.gaierror)), None)
    return found is not None and found.errno == socket.EAI_NONAME


def _names(error: BaseException) -> list[str]:
    return [type(item).__name__ for item in _chain(error)]


def _chain(error: BaseException) -> list[BaseException]:
    chain = [error]
    while (inner := _inside(chain[-1])) is not None:
        chain.append(inner)
    return chain


def _inside(error: BaseException) -> BaseException | None:
    """The exception that another one wraps: in `reason` (requests, urllib3), `socket_err` (PySocks), args or cause."""
    candidates = [
        getattr(error, "reason", None),
        getattr(error, "socket_err", None),
        *error.args,
        error.__cause__,
    ]
    if isinstance(error, NewConnectionError):
        # What a SOCKS proxy refused is not named as the cause.
        candidates.append(error.__context__)
    return next((item for item in candidates if isinstance(item, BaseException)), None)


_WORDS: Mapping[str, str] = {
    "NoLongerAllowed": "it took so long to connect that it may no longer be sent",
    "SOCKS5AuthError": "the proxy wants another user or password",
    "ProxyConnectionError": "the proxy does not answer",
    "SOCKS5Error": "the proxy could not open the way",
    "SOCKS4Error": "the proxy could not open the way",
    "ConnectTimeoutError": "no connection in time",
    "NameResolutionError": "the host name is not known",
    "gaierror": "the host name is not known",
    "ReadTimeoutError": "no answer in time",
    "TimeoutError": "no answer in time",
    "RemoteDisconnected": "the connection was closed without an answer",
    "ConnectionRefusedError": "connection refused",
    "ConnectionResetError": "connection reset",
    "BrokenPipeError": "connection reset",
    "SSLCertVerificationError": "the certificate of the server cannot be verified",
    "IncompleteRead": "the connection was closed before the end of the answer",
}
