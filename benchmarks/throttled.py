"""The other side of the transfer benchmarks: a source of one file, and an S3 server that keeps nothing.

Run as a process of its own, so that its work is not counted as the client's:

    python benchmarks/throttled.py source FILE MB_PER_S      0: as fast as it goes
    python benchmarks/throttled.py sink MB_PER_S

Rates are per connection. Prints its port, then serves until it is killed.
"""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

PIECE_BYTES = 64 << 10


class Pace:
    """Sleeps as long as it takes to stay at a rate."""

    def __init__(self, bytes_per_s: float) -> None:
        self.bytes_per_s = bytes_per_s
        self.begun = time.monotonic()
        self.count = 0

    def add(self, count: int) -> None:
        if not self.bytes_per_s:
            return
        self.count += count
        ahead_s = self.count / self.bytes_per_s - (time.monotonic() - self.begun)
        if ahead_s > 0:
            time.sleep(ahead_s)


def serve(handle: Callable[[socket.socket], None], *, small_buffers: bool) -> None:
    listener = socket.socket()
    if small_buffers:
        # Otherwise the kernel takes several MB at once and the rate is a fiction.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, PIECE_BYTES)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, PIECE_BYTES)
    listener.bind(("127.0.0.1", 0))
    listener.listen(64)
    print(listener.getsockname()[1], flush=True)
    while True:
        connection, _ = listener.accept()
        threading.Thread(target=guarded, args=(handle, connection), daemon=True).start()


def guarded(handle: Callable[[socket.socket], None], connection: socket.socket) -> None:
    with connection, contextlib.suppress(OSError):
        handle(connection)


def read_head(connection: socket.socket, rest: bytes = b"") -> tuple[str, str, dict[str, str], bytes] | None:
    while b"\r\n\r\n" not in rest:
        piece = connection.recv(PIECE_BYTES)
        if not piece:
            return None
        rest += piece
    head, _, rest = rest.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    method, path, _ = first.split(" ")
    return method, path, {n.lower(): v.strip() for n, _, v in (line.partition(":") for line in lines)}, rest


def source(file: Path, bytes_per_s: float) -> None:
    size = file.stat().st_size
    opened = file.open("rb")

    def handle(connection: socket.socket) -> None:
        if read_head(connection) is None:
            return
        connection.sendall(
            b"HTTP/1.1 200 OK\r\nContent-Type: video/mp4\r\nAccept-Ranges: bytes\r\n"
            b'ETag: "1"\r\nConnection: close\r\nContent-Length: %d\r\n\r\n' % size
        )
        pace, sent = Pace(bytes_per_s), 0
        while sent < size:
            done = os.sendfile(
                connection.fileno(), opened.fileno(), sent, PIECE_BYTES if bytes_per_s else 1 << 20
            )
            sent += done
            pace.add(done)

    serve(handle, small_buffers=bool(bytes_per_s))


def sink(bytes_per_s: float) -> None:
    def handle(connection: socket.socket) -> None:
        rest = b""
        while request := read_head(connection, rest):
            method, path, headers, rest = request
            if headers.get("expect"):
                connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
            pace, missing = Pace(bytes_per_s), int(headers.get("content-length", 0)) - len(rest)
            pace.add(len(rest))
            buffer = bytearray(PIECE_BYTES)
            while missing > 0:
                count = connection.recv_into(buffer, min(PIECE_BYTES, missing))
                if not count:
                    return
                missing -= count
                pace.add(count)
            rest = b""
            connection.sendall(answer(method, path))

    def answer(method: str, path: str) -> bytes:
        query = path.partition("?")[2]
        status, body = b"200 OK", b""
        if method == "HEAD":
            status = b"404 Not Found"
        elif method == "POST" and "uploadId" not in query:
            body = b"<InitiateMultipartUploadResult><UploadId>1</UploadId></InitiateMultipartUploadResult>"
        elif method == "POST":
            body = (
                b"<CompleteMultipartUploadResult><Location>x</Location><Bucket>b</Bucket><Key>k</Key>"
                b'<ETag>"1-1"</ETag></CompleteMultipartUploadResult>'
            )
        return (
            b'HTTP/1.1 %s\r\nETag: "1"\r\nContent-Type: application/xml\r\nContent-Length: %d\r\n\r\n%s'
            % (status, len(body), body)
        )

    serve(handle, small_buffers=bool(bytes_per_s))


@contextlib.contextmanager
def running(*arguments: str) -> Iterator[int]:
    """Start a side as a process and give its port."""
    process = subprocess.Popen(
        [sys.executable, __file__, *arguments],
        stdout=subprocess.PIPE,
        text=True,
        env={"PATH": os.environ["PATH"]},
    )
    assert process.stdout is not None
    try:
        yield int(process.stdout.readline())
    finally:
        process.kill()
        process.communicate()


def make_file(path: Path, size_bytes: int) -> Path:
    """Write a file that begins like an MP4; a block of noise repeated, because content does not matter."""
    noise = os.urandom(1 << 20)
    with path.open("wb") as file:
        file.write(b"\x00\x00\x00\x18ftypisom")
        for _ in range(size_bytes >> 20):
            file.write(noise)
    return path


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["source", file, rate]:
            source(Path(file), float(rate) * 1e6)
        case ["sink", rate]:
            sink(float(rate) * 1e6)
        case _:
            sys.exit(__doc__)
