"""A proxy in front of an S3 server: records what is on the wire, breaks it on request, or acts like Alibaba OSS.

The failures of OSS show only over https and with the bucket in the host name, so it can do both.
"""

from __future__ import annotations

import http.client
import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self


@dataclass
class Seen:
    """One request as the client sent it; headers in lower case."""

    method: str
    path: str
    headers: dict[str, str]

    @property
    def operation(self) -> str:
        query = self.path.partition("?")[2]
        if self.method == "POST":
            return "complete" if "uploadId" in query else "initiate" if "uploads" in query else "post"
        if self.method == "PUT":
            return "part" if "partNumber" in query else "put"
        return {"DELETE": "abort" if "uploadId" in query else "delete"}.get(self.method, self.method.lower())


# A fault answers (status, code), or closes the connection before or after the server has done the work.
DROP = "drop"
LOSE_ANSWER = "lose the answer"
SLOW_DOWN = (503, "SlowDown")
Fault = Callable[[Seen], "str | tuple[int, str] | None"]


def first(times: int, operation: str, what: str | tuple[int, str]) -> Fault:
    """Do `what` to the first `times` requests of one operation."""
    left = [times]

    def fault(seen: Seen) -> str | tuple[int, str] | None:
        if seen.operation != operation or not left[0]:
            return None
        left[0] -= 1
        return what

    return fault


@dataclass
class S3Proxy:
    """Listens on 127.0.0.1 and passes on to `upstream` ("host:port", plain http, path style)."""

    upstream: str
    fault: Fault = lambda seen: None
    tls: ssl.SSLContext | None = None
    virtual_host_suffix: str | None = None
    acts_like_oss: bool = False
    seen: list[Seen] = field(default_factory=list[Seen])
    lock: threading.Lock = field(default_factory=threading.Lock)

    def __enter__(self) -> Self:
        proxy = self

        class Handler(_Handler):
            owner = proxy

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        if self.tls is not None:
            self._server.socket = self.tls.wrap_socket(self._server.socket, server_side=True)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    def operations(self) -> list[str]:
        return [seen.operation for seen in self.seen]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    owner: S3Proxy

    def log_message(self, format: str, *args: Any) -> None:
        return

    def do_any(self) -> None:
        seen = Seen(self.command, self.path, {name.lower(): value for name, value in self.headers.items()})
        self.owner.seen.append(seen)
        fault = self.owner.fault(seen)
        if fault == DROP:
            # Half of the body is taken, as by a balancer that goes away.
            self.rfile.read(int(seen.headers.get("content-length", 0)) // 2)
            self.close_connection = True
            return None
        if seen.headers.get("expect", "").lower() == "100-continue":
            self.send_response_only(100)
            self.end_headers()
        body = self.rfile.read(int(seen.headers.get("content-length", 0)))
        if isinstance(fault, tuple):
            return self.refuse(*fault)
        path = self.path
        if self.owner.virtual_host_suffix is not None:
            bucket = seen.headers["host"].partition(":")[0].removesuffix(self.owner.virtual_host_suffix)
            if bucket == seen.headers["host"].partition(":")[0]:
                return self.refuse(403, "SecondLevelDomainForbidden")
            path = f"/{bucket}{path}"
        with self.owner.lock:
            if self.owner.acts_like_oss and (refusal := self.as_oss(seen, path)):
                return self.refuse(*refusal)
            status, headers, answer = self.ask(self.command, path, seen.headers, body)
        if fault == LOSE_ANSWER:
            self.close_connection = True
            return None
        return self.answer(status, headers, answer)

    do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = do_any  # noqa: N815 - the base class looks for these

    def as_oss(self, seen: Seen, path: str) -> tuple[int, str] | None:
        """What OSS's S3 interface refuses that S3 does not."""
        if "aws-chunked" in seen.headers.get("content-encoding", ""):
            return 400, "InvalidArgument"
        if "if-none-match" in seen.headers:
            return 501, "NotImplemented"
        if "delete" in path.partition("?")[2] and "content-md5" not in seen.headers:
            return 400, "MissingArgument"
        forbids = seen.headers.get("x-oss-forbid-overwrite") == "true"
        if forbids and seen.operation in {"put", "initiate", "complete"}:
            status, _, _ = self.ask(
                "HEAD", path.partition("?")[0], {"authorization": seen.headers["authorization"]}, b""
            )
            if status == 200:
                return 409, "FileAlreadyExists"
        return None

    def ask(
        self, method: str, path: str, headers: dict[str, str], body: bytes
    ) -> tuple[int, list[tuple[str, str]], bytes]:
        connection = http.client.HTTPConnection(self.owner.upstream, timeout=30)
        passed = {name: value for name, value in headers.items() if name not in {"connection", "expect"}}
        if self.owner.virtual_host_suffix is not None:
            passed["host"] = self.owner.upstream
        connection.request(method, path, body=body, headers=passed)
        answer = connection.getresponse()
        data = answer.read()
        kept = [
            (n, v) for n, v in answer.getheaders() if n.lower() not in {"connection", "transfer-encoding"}
        ]
        connection.close()
        return answer.status, kept, data

    def refuse(self, status: int, code: str) -> None:
        body = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>no</Message></Error>".encode()
        self.answer(status, [("Content-Type", "application/xml"), ("Content-Length", str(len(body)))], body)

    def answer(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        self.send_response_only(status)
        for name, value in headers:
            self.send_header(name, value)
        if "content-length" not in {name.lower() for name, _ in headers}:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
