"""A port of this machine to listen on, refused in words where it cannot be had."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Generator

from footage.errors import InvalidRequest, Problem


@contextlib.contextmanager
def listening_socket(host: str, port: int, field: str = "port") -> Generator[socket.socket]:
    """A socket that listens there within this block; port 0 takes a free one, `field` is what refuses another.

    Raises:
        InvalidRequest: The port cannot be used.
    """
    # Asked for one beyond, Python leaves a socket behind.
    if not 0 <= port <= 65535:
        raise _refusal(field, host, port, "a port is from 0, which takes a free one, to 65535")
    try:
        listening = socket.create_server((host, port), backlog=2048)
    except OSError as error:
        raise _refusal(field, host, port, error.strerror or str(error)) from None
    with listening:
        yield listening


def _refusal(field: str, host: str, port: int, why: str) -> InvalidRequest:
    return InvalidRequest(problems=(Problem(field, f"{host}:{port}", f"cannot be listened on: {why}"),))
