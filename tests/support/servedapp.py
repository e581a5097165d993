"""An ASGI application on a port of this machine."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator

import uvicorn
from starlette.applications import Starlette


def free_socket() -> socket.socket:
    """One that listens on a port of this machine that nobody uses."""
    return socket.create_server(("127.0.0.1", 0), backlog=2048)


@contextlib.contextmanager
def answering(app: Starlette, listening: socket.socket) -> Iterator[None]:
    """Within this block the application answers there."""
    server = uvicorn.Server(uvicorn.Config(app, log_level="critical", lifespan="off"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    try:
        yield
    finally:
        server.should_exit = True
        thread.join()


@contextlib.contextmanager
def served(app: Starlette) -> Iterator[int]:
    """The port on which it answers within this block."""
    with free_socket() as listening, answering(app, listening):
        yield listening.getsockname()[1]
