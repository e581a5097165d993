"""A raw HTTP server for results, which misbehaves on request: one fault per request, in order, then none.

Raw sockets, because a web framework would not send a wrong length, half a body or a reset.
"""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from fastcrc import crc64

REASONS = {200: "OK", 206: "Partial Content"}


@dataclass
class Exchange:
    """One request and the means to answer it, well or badly."""

    server: ResultServer
    connection: socket.socket
    path: str
    headers: dict[str, str]

    @property
    def start(self) -> int:
        given = self.headers.get("range", "")
        return int(given.removeprefix("bytes=").rstrip("-")) if given else 0

    def head(self, status: int, headers: Mapping[str, str]) -> None:
        lines = [f"HTTP/1.1 {status} {REASONS.get(status, 'Whatever')}", "Connection: close"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        self.connection.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())

    def usual_head(self, **changed: str) -> None:
        body, start = self.server.body, self.start
        headers = {
            "Content-Type": "video/mp4",
            "ETag": self.server.etag,
            "Accept-Ranges": "bytes",
            "Content-Length": str(len(body) - start),
        }
        if self.server.crc64:
            headers["x-oss-hash-crc64ecma"] = str(crc64.xz(body))
        if start:
            headers["Content-Range"] = f"bytes {start}-{len(body) - 1}/{len(body)}"
        headers |= {name.replace("_", "-"): value for name, value in changed.items()}
        self.head(206 if start else 200, headers)

    def send(self, data: bytes) -> None:
        self.server.sent_bytes += len(data)
        self.connection.sendall(data)

    def reset(self) -> None:
        """Close with RST: whatever the client has not read yet is lost, as when a middlebox dies."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()


Fault = Callable[[Exchange], None]


def well(exchange: Exchange) -> None:
    """Answer as Alibaba OSS does: Range, If-Match, CRC-64 of the whole object."""
    wanted = exchange.headers.get("if-match")
    if wanted is not None and wanted != exchange.server.etag:
        exchange.head(412, {"Content-Length": "0"})
    elif exchange.start >= len(exchange.server.body):
        exchange.head(416, {"Content-Length": "0", "Content-Range": f"bytes */{len(exchange.server.body)}"})
    else:
        exchange.usual_head()
        exchange.send(exchange.server.body[exchange.start :])


def status(code: int, body: bytes = b"", **headers: str) -> Fault:
    def answer(exchange: Exchange) -> None:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        exchange.head(code, {"Content-Length": str(len(body))} | named)
        exchange.send(body)

    return answer


def cut(share: float, *, reset: bool = False) -> Fault:
    """Announce everything, send a share of it, close (or reset once the client has read it)."""

    def answer(exchange: Exchange) -> None:
        exchange.usual_head()
        exchange.send(exchange.server.body[exchange.start : int(len(exchange.server.body) * share)])
        if reset:
            exchange.server.let_reset.wait(5)
            exchange.reset()

    return answer


def wrong_length(more: int) -> Fault:
    def answer(exchange: Exchange) -> None:
        exchange.usual_head(Content_Length=str(len(exchange.server.body) + more))
        exchange.send(exchange.server.body)

    return answer


def damaged(exchange: Exchange) -> None:
    """One flipped bit in the middle; length and headers are right."""
    body = bytearray(exchange.server.body)
    body[len(body) // 2] ^= 1
    exchange.usual_head()
    exchange.send(bytes(body[exchange.start :]))


def ignores_range(exchange: Exchange) -> None:
    exchange.headers.pop("range", None)
    exchange.usual_head()
    exchange.send(exchange.server.body)


def stall(after: int) -> Fault:
    """Send some bytes, then nothing, with the connection open."""

    def answer(exchange: Exchange) -> None:
        exchange.usual_head()
        exchange.send(exchange.server.body[exchange.start :][:after])
        exchange.server.closing.wait(30)

    return answer


def drip(every_s: float) -> Fault:
    """Send one byte now and then: no read ever times out."""

    def answer(exchange: Exchange) -> None:
        exchange.usual_head()
        rest = exchange.server.body[exchange.start :]
        exchange.send(rest[:64])
        for byte in rest[64:]:
            if exchange.server.closing.wait(every_s):
                return
            exchange.send(bytes([byte]))

    return answer


def chunked(share: float) -> Fault:
    """No length at all, chunked; below a share of 1 the last chunk never comes."""

    def answer(exchange: Exchange) -> None:
        body = exchange.server.body[: int(len(exchange.server.body) * share)]
        exchange.head(
            200, {"ETag": exchange.server.etag, "Transfer-Encoding": "chunked", "Content-Type": "video/mp4"}
        )
        for at in range(0, len(body), 100_000):
            piece = body[at : at + 100_000]
            exchange.send(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")
        if share == 1:
            exchange.send(b"0\r\n\r\n")

    return answer


@dataclass
class ResultServer:
    """Serves `body` under every path of 127.0.0.1; `faults` are used up one per request."""

    body: bytes
    etag: str = '"v1"'
    crc64: bool = True
    faults: list[Fault] = field(default_factory=list[Fault])
    otherwise: Fault = well
    requests: list[dict[str, str]] = field(default_factory=list[dict[str, str]])
    sent_bytes: int = 0
    closing: threading.Event = field(default_factory=threading.Event)
    let_reset: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> Self:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.closing.set()
        self.let_reset.set()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(5)

    @property
    def port(self) -> int:
        return int(self._listener.getsockname()[1])

    def url(self, path: str = "/clip.mp4?Expires=1&Signature=TOPSECRET") -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    def _accept(self) -> None:
        while not self.closing.is_set():
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection:
            request = b""
            while b"\r\n\r\n" not in request:
                piece = connection.recv(65536)
                if not piece:
                    return
                request += piece
            first, *lines = request.decode("latin-1").split("\r\n\r\n")[0].split("\r\n")
            headers = {name.lower(): value.strip() for name, _, value in (x.partition(":") for x in lines)}
            self.requests.append({":path": first.split(" ")[1], **headers})
            fault = self.faults.pop(0) if self.faults else self.otherwise
            try:
                fault(Exchange(self, connection, first.split(" ")[1], headers))
            except OSError:
                return
