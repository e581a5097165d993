"""`wan-video mcp`."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import secrets
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from flows.cli.console import tell
from flows.cli.emulator_client import emulated
from flows.cli.flags import BlockName, Switch
from footage.emulated_environment import environment
from footage.errors import InvalidRequest, Problem
from footage.network.listening_socket import listening_socket
from footage.settings import load_settings
from footage.spending.caps import clip_cap


def mcp(
    *,
    http: Annotated[int | None, Parameter(metavar="PORT")] = None,
    folder: Annotated[list[Path] | None, Parameter(metavar="DIR", negative="")] = None,
    approve_above: Annotated[str | None, Parameter(metavar="AMOUNT")] = None,
    emulator: Switch = False,
    credentials_block: BlockName = None,
    storage_block: BlockName = None,
) -> int:
    """Serve clips and storyboards as tools for agents (Model Context Protocol), over a pipe or HTTP on this machine.

    A purchase needs a cap in its call and a person's yes to its price. Needs the extra mcp.

    Args:
        http: Serve over HTTP on this port of 127.0.0.1 instead, to clients that send the token of WAN_VIDEO_MCP_TOKEN
            (else a new one, which is shown).
        folder: A folder from which pictures and boards may be read; may be repeated. Without it those of
            WAN_VIDEO_INPUT_ROOTS, else none but the output.
        approve_above: Up to this price, such as "1 CNY", a purchase within the cap of its call needs no person.
            Without it a person is asked about every purchase.
        emulator: Use the local stand-in instead of the provider; no key needed, nothing is bought.
        credentials_block: DashScope Credentials block of the Prefect server, or secret/NAME for a Secret block.
        storage_block: Name of a Video Storage block of the Prefect server.
    """
    _require_sdk()
    limit = clip_cap(approve_above, "approve_above")
    with contextlib.ExitStack() as stack:
        stack.enter_context(emulated(emulator))
        stack.enter_context(environment(_roots(folder or [])))
        from flows.mcp.protocol_server import make_server
        from flows.mcp.server_context import ServerContext
        from flows.mcp.transports import HOST, log_to_stderr, serve_http, serve_pipe

        log_to_stderr()
        server_context = ServerContext(credentials_block, storage_block, limit)
        stack.callback(server_context.workers.close)
        server = make_server(server_context)
        if http is None:
            serve_pipe(server)
            return 0
        socket = stack.enter_context(listening_socket(HOST, http, "http"))
        given = load_settings().mcp_token
        token = given.get_secret_value() if given else secrets.token_urlsafe(32)
        if not given:
            tell(
                f"Clients send: Authorization: Bearer {token}   (WAN_VIDEO_MCP_TOKEN in place of a new one each time)"
            )
        tell(f"Tools at http://127.0.0.1:{socket.getsockname()[1]}/mcp until Ctrl-C.", "bold")
        serve_http(server, socket, token)
    return 0


def _require_sdk() -> None:
    """Raises InvalidRequest where the extra is not installed."""
    if importlib.util.find_spec("mcp") is None:
        problem = Problem(
            "mcp", "(not installed)", "the SDK of the protocol comes with an extra", "wan-video[mcp]"
        )
        raise InvalidRequest(
            problems=(problem,), next_step="pip install 'wan-video[mcp]' (in a clone: '.[mcp]')"
        )


def _roots(folders: list[Path]) -> dict[str, str]:
    """What a model may name is below folders that a person named; a client starts servers in any folder."""
    places = [path.expanduser().absolute() for path in folders]
    if missing := [path for path in places if not path.is_dir()]:
        raise InvalidRequest(problems=tuple(Problem("folder", str(path), "is no folder") for path in missing))
    if not places and load_settings().input_roots is not None:
        return {}
    return {"WAN_VIDEO_INPUT_ROOTS": json.dumps([str(path) for path in places])}
