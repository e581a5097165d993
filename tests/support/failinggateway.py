"""A gateway in front of a Prefect server: it answers what it is told to with 504, and notes and passes on the rest.

Seen through it, the server's clock may be another one, and something may happen just before a request arrives.
"""

from __future__ import annotations

import contextlib
import re
import socket
import socketserver
import threading
from collections.abc import Callable
from datetime import timedelta
from email.utils import format_datetime, parsedate_to_datetime
from typing import Self
from urllib.parse import urlsplit

_REQUEST = re.compile(rb"([A-Z]+ \S+) HTTP/1\.1\r\n")
_LENGTH = re.compile(rb"^content-length: *(\d+)\r$", re.IGNORECASE | re.MULTILINE)
_DATE = re.compile(rb"(?<=\r\ndate: )[^\r]+", re.IGNORECASE)


class FailingGateway:
    """Listens on a free port of this machine while the context lasts."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        upstream = (str(parts.hostname), parts.port or 80)
        # The path that gets no answer, by which method, and whether it was asked for.
        self.failing: str | None = None
        self.method = "GET"
        self.failed = threading.Event()
        # Method and path of each request that was passed on.
        self.passed: list[str] = []
        # Is told method and path of each of them before.
        self.on_request: Callable[[str], object] = lambda asked: None
        # What is added to the date of each answer.
        self.clock_ahead = timedelta()
        gateway = self

        class Handler(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                with socket.create_connection(upstream) as there, contextlib.suppress(OSError):
                    threading.Thread(target=gateway._pass_on, args=(there, self.request), daemon=True).start()
                    while chunk := self.request.recv(65536):
                        begins = _REQUEST.match(chunk)
                        asked = begins[1].decode() if begins else ""
                        if asked and asked == f"{gateway.method} {gateway.failing}":
                            _read_on(self.request, chunk)
                            self.request.sendall(b"HTTP/1.1 504 Gateway Timeout\r\nContent-Length: 0\r\n\r\n")
                            gateway.failed.set()
                        else:
                            if asked:
                                gateway.on_request(asked)
                                gateway.passed.append(asked)
                            there.sendall(chunk)

        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}{parts.path}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        # Without its connections: the events client of this process keeps one for as long as it lives.
        self._server.socket.close()

    def _pass_on(self, there: socket.socket, here: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while chunk := there.recv(65536):
                here.sendall(_DATE.sub(self._date, chunk) if self.clock_ahead else chunk)
            here.shutdown(socket.SHUT_WR)

    def _date(self, found: re.Match[bytes]) -> bytes:
        return format_datetime(
            parsedate_to_datetime(found[0].decode()) + self.clock_ahead, usegmt=True
        ).encode()


def _read_on(here: socket.socket, begun: bytes) -> None:
    """Read the rest of a request."""
    head, _, body = begun.partition(b"\r\n\r\n")
    length = _LENGTH.search(head + b"\r\n")
    left = int(length[1]) - len(body) if length else 0
    while left > 0 and (more := here.recv(65536)):
        left -= len(more)
