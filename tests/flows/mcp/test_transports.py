"""The server over a real pipe and over HTTP, in both eras: nothing but the protocol, and nobody but who may."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import httpx2
import pytest
from agentclient import CLIP, ERAS, PRICE, Era, Person, call, client_of
from mcp.client.stdio import StdioServerParameters
from mcp.client.streamable_http import streamable_http_client

TOKEN = "let-me-in"
PROGRAM = "from flows.cli import run; run(['mcp', *{}])"


@pytest.mark.slow
@pytest.mark.parametrize("era", ERAS)
@pytest.mark.usefixtures("output")
async def test_a_client_talks_to_the_command_over_a_pipe(era: Era) -> None:
    person = Person("decline")
    server = StdioServerParameters(
        command=sys.executable, args=["-c", PROGRAM.format([])], env=dict(os.environ)
    )
    async with client_of(server, era, person) as client:
        quote = await call(client, "quote", request=CLIP)
        declined = await call(client, "submit", request=CLIP, **PRICE)

    assert (quote["state"], declined["state"]) == ("new", "declined")
    assert len(person.asked) == 1


# Prints and starts children while it serves, as libraries do.
_LOUD = """
import os, threading
from flows.mcp import transports
serve = transports.serve_pipe
def noise():
    print('printed', flush=True)
    os.system('echo from a child')
def loud(server):
    threading.Timer(1, noise).start()
    serve(server)
transports.serve_pipe = loud
"""


@pytest.mark.usefixtures("output")
def test_what_else_prints_while_it_serves_goes_to_stderr() -> None:
    discover = {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "initialize",
        "params": {
            "protocolVersion": "2025-11-25",
            "capabilities": {},
            "clientInfo": {"name": "test", "version": "1"},
        },
    }
    process = subprocess.Popen(
        [sys.executable, "-c", _LOUD + PROGRAM.format([])],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stderr is not None
    with process:
        seen = "".join(iter(process.stderr.readline, "from a child\n"))
        process.stdin.write(json.dumps(discover) + "\n")
        process.stdin.flush()
        answer = json.loads(process.stdout.readline())
        process.stdin.close()
        rest = process.stdout.read()

    assert seen.endswith("printed\n")
    assert answer["result"]["serverInfo"]["name"] == "wan-video"
    assert rest == ""


@pytest.fixture(scope="module")
def http_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of `wan-video mcp --http`, which wants the token."""
    home = str(tmp_path_factory.mktemp("home"))
    places = {"HOME": home, "PREFECT_HOME": home, "OUTPUT_DIR": f"{home}/out", "WAN_VIDEO_MCP_TOKEN": TOKEN}
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM.format(["--http", "0"])],
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **places},
    )
    assert process.stderr is not None
    try:
        told = process.stderr.readline()
        found = re.search(r"http://127\.0\.0\.1:\d+/mcp", told)
        assert found, told
        yield found[0]
    finally:
        process.terminate()
        process.wait(timeout=10)
        process.stderr.close()


@pytest.mark.slow
async def test_over_http_both_eras_work(http_server: str) -> None:
    for era in ERAS:
        person = Person("decline")
        async with httpx2.AsyncClient(headers={"Authorization": f"Bearer {TOKEN}"}, timeout=60) as http:
            transport = streamable_http_client(http_server, http_client=http)
            async with client_of(transport, era, person) as client:
                quote = await call(client, "quote", request=CLIP)
                declined = await call(client, "submit", request=CLIP, **PRICE)
        assert (quote["state"], declined["state"], len(person.asked)) == ("new", "declined", 1)


def test_over_http_nobody_gets_in_without_the_token_nor_from_a_web_page(http_server: str) -> None:
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}}

    def code(**headers: str) -> int:
        accept = {"Accept": "application/json, text/event-stream"}
        return httpx.post(http_server, json=body, headers={**accept, **headers}, timeout=60).status_code

    good = f"Bearer {TOKEN}"
    assert code() == 401
    assert code(Authorization=good[:-1]) == 401
    assert code(Authorization=good, Origin="https://evil.example") == 403
    assert code(Authorization=good, Host="evil.example") == 421


def test_a_port_that_cannot_be_had_is_one_clear_error(
    capsys: pytest.CaptureFixture[str], output: Path
) -> None:
    from flows.cli import run

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        for port in (taken.getsockname()[1], 70000):
            assert run(["mcp", "--http", str(port)]) == 2
            assert f"http = 127.0.0.1:{port}: cannot be listened on" in capsys.readouterr().err
