"""A port of this machine to listen on, refused in words where it cannot be had."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Generator

from footage.errors import InvalidRequest, Problem


@contextlib.contextmanager
def listening_socket(host: str, port: int) -> Generator[socket.socket]:
    """A socket that listens there within this block; port 0 takes a free one.

    Raises:
        InvalidRequest: The port cannot be used.
    """
    try:
        listening = socket.create_server((host, port), backlog=2048)
    except (OSError, OverflowError) as error:
        why = f"cannot be listened on: {getattr(error, 'strerror', None) or error}"
        raise InvalidRequest(problems=(Problem("port", f"{host}:{port}", why),)) from None
    with listening:
        yield listening
