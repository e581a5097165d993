"""Answers on the wire, whole or broken: the part of the emulator that knows about sockets."""

import asyncio
import gzip
import socket
import struct
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

_RST_ON_CLOSE = struct.pack("ii", 1, 0)
# A reset throws away what the kernel has not sent yet; on loopback a few milliseconds suffice.
_FLUSH_S = 0.05
_CHUNK = 128 * 1024


class OpenProtocol(H11Protocol):
    """uvicorn's HTTP/1.1 protocol, which hands its transport to the application, for real TCP resets."""

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self.app_state = {**self.app_state, "transport": transport}


@dataclass(slots=True)
class Reply:
    """An answer. `file` is streamed from `offset` for `length` bytes instead of `body`."""

    status: int = 200
    headers: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    body: bytes = b""
    file: Path | None = None
    offset: int = 0
    length: int = 0

    @property
    def size(self) -> int:
        return self.length if self.file is not None else len(self.body)


class Exchange:
    """One request and the means to answer it."""

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.method: str = scope["method"]
        self.path: str = scope["path"]
        self.query: dict[str, str] = dict(
            parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
        )
        self.headers: dict[str, str] = {
            name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]
        }
        self.scope = scope
        self.receive = receive
        self._send = send
        self._transport: asyncio.Transport = scope["state"]["transport"]
        self._body: bytes | None = None
        self.bytes_sent = 0

    async def body(self) -> bytes:
        if self._body is None:
            parts: list[bytes] = []
            while True:
                message = await self.receive()
                if message["type"] == "http.disconnect":
                    break
                parts.append(message.get("body", b""))
                if not message.get("more_body"):
                    break
            self._body = b"".join(parts)
        return self._body

    async def answer(self, reply: Reply, bytes_per_s: float | None = None) -> None:
        """Send the whole reply, with its length when it has a Content-Length, else chunked."""
        await self._start(reply)
        await self._part(reply, 0, reply.size, last=True, bytes_per_s=bytes_per_s)

    async def cut(self, reply: Reply, share: float, reset: bool) -> None:
        """Send a share of the body, then reset (RST) or close (FIN) the connection."""
        await self._start(reply)
        await self._part(reply, 0, int(reply.size * share), last=False)
        if reset:
            await self.reset()
        else:
            await self.close()

    async def stall(self, reply: Reply, share: float) -> None:
        await self._start(reply)
        await self._part(reply, 0, int(reply.size * share), last=False)
        await self.hang()

    async def reset(self) -> None:
        # The transport tells nobody when its buffer runs empty, so it is looked at.
        while self._transport.get_write_buffer_size() and not self._transport.is_closing():  # noqa: ASYNC110
            await asyncio.sleep(0.005)
        if self.bytes_sent:
            await asyncio.sleep(_FLUSH_S)
        raw: socket.socket = self._transport.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RST_ON_CLOSE)
        self._transport.abort()
        await self._until_gone()

    async def close(self) -> None:
        self._transport.close()
        await self._until_gone()

    async def hang(self) -> None:
        """Say nothing until the client goes away."""
        await self._until_gone()

    async def _until_gone(self) -> None:
        while (await self.receive())["type"] != "http.disconnect":
            pass

    async def _start(self, reply: Reply) -> None:
        headers = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in reply.headers]
        await self._send({"type": "http.response.start", "status": reply.status, "headers": headers})

    async def _part(
        self, reply: Reply, start: int, stop: int, *, last: bool, bytes_per_s: float | None = None
    ) -> None:
        chunk = _CHUNK if bytes_per_s is None else max(1, int(bytes_per_s / 20))
        if reply.file is None:
            body = reply.body[start:stop]
            for at in range(0, len(body), chunk) if bytes_per_s is not None else ():
                await self._write(body[at : at + chunk], more=True)
                await asyncio.sleep(0.05)
            await self._write(b"" if bytes_per_s is not None else body, more=not last)
            return
        # Read on the loop: the file is small and was just written, so it sits in the page cache.
        with reply.file.open("rb") as stream:
            stream.seek(reply.offset + start)
            left = stop - start
            while left > 0 and (data := stream.read(min(chunk, left))):
                left -= len(data)
                await self._write(data, more=True)
                if bytes_per_s is not None:
                    await asyncio.sleep(0.05)
        if last:
            await self._write(b"", more=False)

    async def _write(self, data: bytes, more: bool) -> None:
        self.bytes_sent += len(data)
        await self._send({"type": "http.response.body", "body": data, "more_body": more})


def compress(reply: Reply, exchange: Exchange) -> None:
    """gzip the body for a client that takes it, as the service's gateway does; not OSS, which gives a length."""
    sized = any(name == "content-length" for name, _ in reply.headers)
    if reply.body and not sized and "gzip" in exchange.headers.get("accept-encoding", ""):
        reply.body = gzip.compress(reply.body, compresslevel=1, mtime=0)
        reply.headers += [("content-encoding", "gzip"), ("vary", "Accept-Encoding")]
