"""An HTTP server made of bare sockets: it answers byte by byte what it is told, or breaks off where it is told.

Every request is recorded before it is answered, so a test can count what really arrived. Each request gets
the next act; the last act goes on for all further ones.
"""

from __future__ import annotations

import json
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self


@dataclass(frozen=True)
class Request:
    """One request as it arrived; header names in lower case; `connection` counts the accepted ones."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes
    connection: int

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True)
class Exchange:
    """The means to answer one request."""

    server: RawServer
    connection: socket.socket
    request: Request


# Returns whether the connection stays open for another request.
Act = Callable[[Exchange], bool]


def verbatim(data: bytes) -> Act:
    """These bytes, then a regular close."""

    def act(exchange: Exchange) -> bool:
        exchange.connection.sendall(data)
        return False

    return act


def reply(body: Any = None, status: int = 200, headers: Mapping[str, str] | None = None) -> Act:
    """A well-formed answer; anything but bytes is sent as JSON, with its content type."""
    given = dict(headers or {})
    if not isinstance(body, bytes):
        body = json.dumps(body).encode()
        given = {"Content-Type": "application/json"} | given
    lines = [f"HTTP/1.1 {status} Whatever", f"Content-Length: {len(body)}"]
    head = "\r\n".join([*lines, *(f"{name}: {value}" for name, value in given.items())])

    def act(exchange: Exchange) -> bool:
        exchange.connection.sendall(head.encode() + b"\r\n\r\n" + body)
        return exchange.request.headers.get("connection", "").lower() != "close"

    return act


def reset(after: bytes = b"") -> Act:
    """These bytes, then a reset, as when a middlebox or a process dies."""

    def act(exchange: Exchange) -> bool:
        if after:
            exchange.connection.sendall(after)
            # A reset throws away what the other side has not read yet.
            time.sleep(0.1)
        _reset(exchange.connection)
        return False

    return act


def hang(after: bytes = b"") -> Act:
    """These bytes, then nothing until the server stops."""

    def act(exchange: Exchange) -> bool:
        exchange.connection.sendall(after)
        exchange.server.stopping.wait()
        return False

    return act


def drip(data: bytes, every_s: float = 0.05) -> Act:
    """These bytes, one at a time."""

    def act(exchange: Exchange) -> bool:
        for at in range(len(data)):
            if exchange.server.stopping.wait(every_s):
                break
            exchange.connection.sendall(data[at : at + 1])
        return False

    return act


def _reset(connection: socket.socket) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


class RawServer:
    """Listens on 127.0.0.1 while entered; `on_accept` acts before anything is read and ends the connection."""

    def __init__(
        self,
        *acts: Act,
        tls: ssl.SSLContext | None = None,
        on_accept: Callable[[RawServer, socket.socket], None] | None = None,
        read_pause_s: float = 0.0,
    ) -> None:
        self.requests: list[Request] = []
        self.connections = 0
        self.stopping = threading.Event()
        self._acts = list(acts)
        self._tls = tls
        self._on_accept = on_accept
        self._read_pause_s = read_pause_s
        self._lock = threading.Lock()
        self._threads: list[threading.Thread] = []
        self._open: set[socket.socket] = set()
        self._listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        if read_pause_s:
            self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
        self._listener.bind(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]

    @property
    def base_url(self) -> str:
        host = "localhost" if self._tls else "127.0.0.1"
        return f"{'https' if self._tls else 'http'}://{host}:{self.port}/api/v1"

    def __enter__(self) -> Self:
        self._listener.listen(128)
        self._start(self._accept)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stopping.set()
        # shutdown wakes a blocked accept; close alone does not.
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        with self._lock:
            for connection in self._open:
                _quietly(lambda: connection.shutdown(socket.SHUT_RDWR))  # noqa: B023 - called at once
        for thread in self._threads:
            thread.join()

    def _start(self, target: Callable[..., None], *arguments: Any) -> None:
        thread = threading.Thread(target=target, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while not self.stopping.is_set():
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            self._start(self._serve, connection, self.connections)

    def _serve(self, connection: socket.socket, number: int) -> None:
        with self._lock:
            if self.stopping.is_set():
                # Accepted in the last moment: nobody would wake it any more.
                connection.close()
                return
            self._open.add(connection)
        plain = connection
        try:
            if self._on_accept is not None:
                self._on_accept(self, connection)
                return
            if self._tls is not None:
                connection = self._tls.wrap_socket(connection, server_side=True)
            self._talk(connection, number)
        except (OSError, ssl.SSLError):
            return  # the client went away, which some tests are about
        finally:
            with self._lock:
                self._open.discard(plain)
                connection.close()
                plain.close()

    def _talk(self, connection: socket.socket, number: int) -> None:
        while (request := self._read(connection, number)) is not None:
            with self._lock:
                act = self._acts[min(len(self.requests), len(self._acts) - 1)]
                self.requests.append(request)
            if not act(Exchange(self, connection, request)):
                return

    def _read(self, connection: socket.socket, number: int) -> Request | None:
        data = b""
        while b"\r\n\r\n" not in data:
            piece = connection.recv(65536)
            if not piece:
                return None
            data += piece
        head, _, body = data.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        while len(body) < int(headers.get("content-length", 0)):
            self.stopping.wait(self._read_pause_s)
            piece = connection.recv(65536)
            if not piece:
                return None
            body += piece
        method, target, _ = first.split(" ")
        return Request(method, target, headers, body, number)


def _quietly(action: Callable[[], Any]) -> None:
    try:
        action()
    except OSError:
        return


def reset_half_way(server: RawServer, connection: socket.socket) -> None:
    """For `on_accept`: reset while the request is still arriving."""
    connection.recv(10)
    _reset(connection)


def never_speak(server: RawServer, connection: socket.socket) -> None:
    """For `on_accept`: take the connection and stay silent."""
    server.stopping.wait()
