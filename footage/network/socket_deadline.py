"""An end for what a socket timeout does not end: a handshake, a head or a body that comes in drips.

A socket timeout is about one read. Only shutting the socket down from outside ends a call as a whole. Name
resolution and opening a connection cannot be ended, but what they open after the end is shut at once.
"""

from __future__ import annotations

import http.client
import socket
import threading
import time
from contextvars import ContextVar
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, cast

if TYPE_CHECKING:
    from requests.adapters import HTTPAdapter
    from urllib3 import PoolManager


class SocketDeadline:
    """Shuts the connection that was opened last in this context when its time is up.

    A connection that was shut looks like one that ended, so `expired` has to be asked before a body without an
    announced length is believed.
    """

    def __init__(self, limit_s: float) -> None:
        self.expired = False
        self.limit_s = limit_s
        self.ends_at = time.monotonic() + limit_s
        self.lock = threading.RLock()
        self._handle: socket.socket | None = None
        self._timer = self._timer_of(limit_s)

    def __enter__(self) -> Self:
        self._token = current.set(self)
        self._timer.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._timer.cancel()
        current.reset(self._token)
        with self.lock:
            self._drop_handle()

    def opened(self, fileno: int) -> None:
        """A socket was opened, or an open one is used; TLS may be put over it later."""
        with self.lock:
            self._drop_handle()
            # A second handle to the same socket stays good when TLS takes the first one over. Family and
            # type are labels here; only shutdown is called on it.
            self._handle = socket.fromfd(fileno, socket.AF_INET, socket.SOCK_STREAM)
            if self.expired:
                self._shut()

    def move(self, limit_s: float) -> None:
        """Count anew: from now on so many seconds are left. What has expired stays so."""
        with self.lock:
            self._timer.cancel()
            self.limit_s, self.ends_at = limit_s, time.monotonic() + limit_s
            self._timer = self._timer_of(limit_s)
            self._timer.start()

    def _timer_of(self, limit_s: float) -> threading.Timer:
        timer = threading.Timer(max(limit_s, 0.0), self._expire)
        timer.daemon = True
        return timer

    def _expire(self) -> None:
        with self.lock:
            self.expired = True
            self._shut()

    def _shut(self) -> None:
        if self._handle is not None:
            try:
                self._handle.shutdown(socket.SHUT_RDWR)
            except OSError:
                return  # closed by the other side already

    def _drop_handle(self) -> None:
        if self._handle is not None:
            self._handle.close()
            self._handle = None


current: ContextVar[SocketDeadline] = ContextVar("current")


class _Told(http.client.HTTPConnection):
    """Put over urllib3's connection classes: tells the deadline of each socket before a byte goes over it."""

    def _new_conn(self) -> socket.socket:
        sock = cast(socket.socket, cast(Any, super())._new_conn())
        current.get().opened(sock.fileno())
        return sock


def under_deadline(manager: PoolManager) -> PoolManager:
    """urllib3's manager, with every connection that it opens under the deadline of its context."""
    classes: dict[str, Any] = cast(Any, manager).pool_classes_by_scheme
    cast(Any, manager).pool_classes_by_scheme = {
        scheme: type("Told", (pool,), {"ConnectionCls": type("Told", (_Told, pool.ConnectionCls), {})})
        for scheme, pool in classes.items()
    }
    return manager


def watched(adapter: HTTPAdapter) -> HTTPAdapter:
    """The adapter of requests, with every connection that it opens under the deadline of its context."""
    pool_of: Any = adapter.get_connection_with_tls_context

    def get_connection(*args: Any, **kwargs: Any) -> Any:
        pool: Any = pool_of(*args, **kwargs)
        if not issubclass(pool.ConnectionCls, _Told):
            pool.ConnectionCls = type("Told", (_Told, pool.ConnectionCls), {})
        return pool

    adapter.get_connection_with_tls_context = get_connection
    return adapter
