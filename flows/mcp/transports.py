"""Serve the tools over a pipe, or over HTTP on this machine."""

from __future__ import annotations

import hmac
import logging
import socket
import sys
from typing import Any

import anyio
import uvicorn
from mcp.server.lowlevel import Server
from mcp.server.stdio import stdio_server
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

HOST, PATH = "127.0.0.1", "/mcp"


def serve_pipe(server: Server[dict[str, Any]]) -> None:
    """Serve one client over stdin and stdout until it closes them; what anything else prints goes to stderr."""
    anyio.run(_serve_pipe, server)


async def _serve_pipe(server: Server[dict[str, Any]]) -> None:
    # While it serves, the SDK keeps the real stdout for itself: prints and children reach stderr.
    async with stdio_server() as (reading, writing):
        await server.run(reading, writing, server.create_initialization_options())


def serve_http(server: Server[dict[str, Any]], place: socket.socket, token: str) -> None:
    """Serve any number of clients of this machine that know the token, until Ctrl-C."""
    # The SDK refuses foreign pages (Origin) and names (Host) at this address.
    app = _WithToken(server.streamable_http_app(streamable_http_path=PATH, host=HOST), token)
    config = uvicorn.Config(app, log_level="warning", access_log=False)
    uvicorn.Server(config).run(sockets=[place])


class _WithToken:
    """Lets nobody in who does not send the token: other users of this machine reach its ports, too."""

    def __init__(self, app: ASGIApp, token: str) -> None:
        self._app = app
        self._expected = f"Bearer {token}".encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            given = next((value for name, value in scope["headers"] if name == b"authorization"), b"")
            if not hmac.compare_digest(given, self._expected):
                refusal = PlainTextResponse(
                    "The header Authorization: Bearer TOKEN is missing or wrong; `wan-video mcp` says the token.",
                    401,
                    {"WWW-Authenticate": "Bearer"},
                )
                await refusal(scope, receive, send)
                return
        await self._app(scope, receive, send)


def log_to_stderr() -> None:
    """What the core and the SDK say at WARNING and above, in lines that no protocol is in."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setLevel(logging.WARNING)
    logging.basicConfig(handlers=[handler], format="%(asctime)s %(name)s %(message)s")
