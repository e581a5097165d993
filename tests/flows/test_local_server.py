"""The Prefect server that the commands start for those who have none, and what becomes of one that is not right."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
from emulatedrun import environment, fast_emulator
from prefect.settings import (
    PREFECT_API_DATABASE_CONNECTION_URL,
    PREFECT_API_REQUEST_TIMEOUT,
    PREFECT_API_URL,
    PREFECT_HOME,
    temporary_settings,
)
from prefect.settings.models.logging import LoggingSettings

from flows.cli import guarded, run
from flows.cli.local_server import running_server
from flows.cli.server_address import answers_anybody, found_server, key_needs_server, require_key
from flows.cli.server_health import wait_for_server
from footage.errors import AccountProblem, Unreachable

NOBODY = "http://127.0.0.1:9/api"


class _Pages(BaseHTTPRequestHandler):
    """What a Prefect server answers outside of its API: its pages, whatever the path."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.end_headers()
        self.wfile.write(b"<!doctype html>")

    def log_message(self, format: str, *args: object) -> None: ...


class _OtherHome(_Pages):
    """A healthy server that knows another login than ours."""

    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/api/health" else 401)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(b"true")


@contextlib.contextmanager
def answering(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    with HTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def pages() -> Iterator[str]:
    with answering(_Pages) as url:
        yield url


def test_a_server_that_dies_as_it_starts_is_told_at_once_with_its_own_words(tmp_path: Path) -> None:
    log = tmp_path / "log"
    program = (
        "print('Traceback …\\n  File …\\nsqlite3.DatabaseError: file is not a database\\nServer stopped!')"
    )
    with log.open("wb") as output:
        process = subprocess.Popen([sys.executable, "-c", program], stdout=output)

    with pytest.raises(Unreachable, match=r"ended while it started: sqlite3\.DatabaseError: file is not a"):
        wait_for_server(NOBODY, "wan-video:ours", lambda: process.poll() is None, log)


def test_a_server_of_another_home_that_took_the_port_is_not_taken_for_ours(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("Port 4217 is already in use.")
    alive = iter((True, False))

    with answering(_OtherHome) as url, pytest.raises(Unreachable, match="Port 4217 is already in use"):
        wait_for_server(f"{url}/api", "wan-video:ours", lambda: next(alive), log)


def test_a_pid_file_counts_only_while_a_prefect_server_runs_under_its_number(tmp_path: Path) -> None:
    pid_file = tmp_path / "server.pid"
    idle = "import sys; print(flush=True); sys.stdin.read()"
    commands = {
        "another program": [sys.executable, "-c", idle],
        "a server": [sys.executable, "-c", idle, "prefect", "server", "start"],
    }
    kept: dict[str, bool] = {}
    for name, command in commands.items():
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
            # Its command line can be read from here on.
            assert process.stdout is not None
            process.stdout.readline()
            pid_file.write_text(str(process.pid))
            assert running_server(pid_file) in (None, process.pid)
            kept[name] = pid_file.exists()

    assert kept == {"another program": False, "a server": True}
    # It has ended by now.
    assert (running_server(pid_file), pid_file.exists()) == (None, False)
    pid_file.touch()
    assert (running_server(pid_file), pid_file.exists()) == (None, False)


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("elsewhere", "protocol"),
        ("http://127.0.0.1:port/api", "Invalid port"),
        ("http://name:pass-ca9a51e5@127.0.0.1:9/api", "http://127.0.0.1:9/api does not answer"),
    ],
)
def test_a_server_that_cannot_be_reached_is_one_line_without_its_password(
    address: str, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with temporary_settings({PREFECT_API_URL: address}):
        assert run(["harvest"]) == 5

    told = capsys.readouterr().err
    assert words in told
    assert "PREFECT_API_URL" in told
    assert "ca9a51e5" not in told
    assert "Traceback" not in told


def test_the_pages_of_a_server_are_not_taken_for_its_api(
    pages: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with temporary_settings({PREFECT_API_URL: pages}):
        assert run(["harvest"]) == 5

    assert "whose address ends with /api" in capsys.readouterr().err


@pytest.fixture
def silent() -> Iterator[str]:
    """A server that takes connections and has no time to answer."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/api"


def test_a_busy_server_is_waited_for_as_long_as_prefect_itself_would(
    silent: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with temporary_settings({PREFECT_API_URL: silent, PREFECT_API_REQUEST_TIMEOUT: 0.3}):
        assert run(["harvest"]) == 5

    assert "takes connections, and says nothing" in capsys.readouterr().err


def test_a_server_that_is_silent_is_not_taken_for_one_that_asks_for_a_login(silent: str) -> None:
    with (
        temporary_settings({PREFECT_API_REQUEST_TIMEOUT: 0.3}),
        pytest.raises(Unreachable, match="asks for a login is not known"),
    ):
        answers_anybody(silent)


def test_without_a_key_no_server_is_started_unless_a_stopped_one_keeps_a_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    file = tmp_path / "prefect.db"
    settings: dict[Any, Any] = {
        PREFECT_HOME: tmp_path,
        PREFECT_API_URL: None,
        PREFECT_API_DATABASE_CONNECTION_URL: f"sqlite+aiosqlite:///{file}",
    }
    with temporary_settings(settings):
        with pytest.raises(AccountProblem, match="No Model Studio API key was found"):
            require_key()

        with contextlib.closing(sqlite3.connect(file)) as database:
            database.execute("CREATE TABLE block_document (name TEXT)")
            database.commit()
            with pytest.raises(AccountProblem, match="No Model Studio API key was found"):
                require_key()
            assert not key_needs_server()

            database.execute("INSERT INTO block_document VALUES ('dashscope')")
            database.commit()
            require_key()
            assert key_needs_server()


def _wrong_level() -> object:
    return LoggingSettings.model_validate({"level": "loud"})


def _no_home() -> None:
    (Path(__file__) / "home").mkdir()


def _no_permission() -> None:
    raise httpx.HTTPError("401 Unauthorized")


@pytest.mark.parametrize(
    ("command", "code", "words"),
    [
        (_wrong_level, 2, "PREFECT_LOGGING_LEVEL: Input should be 'DEBUG'"),
        (_no_home, 7, "home cannot be used: Not a directory"),
        (_no_permission, 5, "The Prefect server refused or is gone: 401 Unauthorized"),
    ],
)
def test_what_stops_prefect_itself_is_one_line_and_a_defined_code(
    command: Callable[[], object],
    code: int,
    words: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))

    assert guarded(command) == code

    told = capsys.readouterr().err
    assert words in told
    assert "Traceback" not in told
    assert "Traceback" in next(tmp_path.glob("wan-video-*.log")).read_text()


def test_a_server_of_another_home_that_has_the_port_by_now_is_not_ours(
    prefect_server: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "wan-video-server").write_text(f"{prefect_server.url}\n4711")
    monkeypatch.delenv("PREFECT_API_URL")

    with temporary_settings({PREFECT_HOME: tmp_path}, restore_defaults={PREFECT_API_URL}):
        assert found_server() is None


_SAVE_KEY = """
from blocks.credentials import DashScopeCredentials
from flows.cli.server_address import prefect_server
with prefect_server():
    DashScopeCredentials(api_key="sk-emulator").save("dashscope")
"""
_LOOKERS = {
    "doctor": "from flows.cli import run; run(['doctor', '--json'])",
    "a command that asks the provider": (
        "from flows.cli.contexts import context_here\n"
        "with context_here(None, None) as context: print(context.api_key.source)"
    ),
    "the tools for agents": (
        "from flows.mcp.server_context import ServerContext\n"
        "with ServerContext().provider() as context: print(context.api_key.source)"
    ),
}


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_key_that_only_the_stopped_local_server_has_is_found_by_whoever_needs_one(tmp_path: Path) -> None:
    def program(text: str) -> str:
        done = subprocess.run([sys.executable, "-c", text], env=settings, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout

    with fast_emulator() as emulator:
        given = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
        settings = given | environment(emulator, tmp_path / "out") | {"HOME": str(tmp_path)}
        del settings["DASHSCOPE_API_KEY"]
        program(_SAVE_KEY)
        told: dict[str, str] = {}
        for name, looks in _LOOKERS.items():
            program("from flows.cli import run; run(['server', 'stop'])")
            told[name] = program(looks)
        program("from flows.cli import run; run(['server', 'stop'])")

    levels = {one["name"]: one["level"] for one in json.loads(told.pop("doctor"))}
    assert levels["provider"] == "ok"
    assert set(told.values()) == {"block dashscope\n"}
