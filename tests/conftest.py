"""What tests of several rooms share: an environment without the developer's own settings, and a Prefect server.

The server is a real one in a process of its own, because Prefect's test harness and temporary server lose task
runs and start once per process. It starts while other tests run, and only if a collected test needs it.
"""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    import httpx

# Here, before any test module of any room can load them.
pytest.register_assert_rewrite("damagedstore", "storecontract")

# A test must neither reach the developer's server nor spend the developer's money.
_FOREIGN = ("PREFECT_", "DASHSCOPE_", "WAN_VIDEO_", "OUTPUT_DIR", "ALIBABA_CLOUD_PROFILE", "ALICLOUD_PROFILE")
# Migrating an empty database takes 15 s on two quiet cores.
_START_TIMEOUT_S = 180
_LONGEST_IN_ID = 80


@dataclass(frozen=True)
class PrefectServer:
    """A running server.

    `url` is the API's address, `home` its PREFECT_HOME with database and log, `environment` what a child
    process needs to use it, `pid` its process.
    """

    url: str
    home: Path
    environment: dict[str, str]
    pid: int


def pytest_configure(config: pytest.Config) -> None:
    for name in [name for name in os.environ if name.startswith(_FOREIGN)]:
        del os.environ[name]
    # Without bytecode every process that a test starts would compile this project anew: 1.5 of 3.7 s.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    sys.dont_write_bytecode = False
    # Before anything imports Prefect: its settings are read once.
    home = tempfile.mkdtemp(prefix="wan-video-tests-")
    os.environ |= {
        "PREFECT_HOME": home,
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        # As the command line has it: what is logged outside of a run has no page to be shown on.
        "PREFECT_LOGGING_TO_API_WHEN_MISSING_FLOW": "ignore",
    }
    config.add_cleanup(lambda: shutil.rmtree(home, ignore_errors=True))


def pytest_make_parametrize_id(val: object) -> str | None:
    """A short name for a long text: each is sent to and fro between xdist's processes, and one had 12 MB."""
    if not isinstance(val, str | bytes) or len(val) <= _LONGEST_IN_ID:
        return None
    return f"{val[:_LONGEST_IN_ID]!a} and so on, {len(val)} in all"


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Keep together what shares a server, a file at the least, and begin with the longest."""
    # Several servers: all of these tests behind one another would be the last to end by minutes. By size, so that all
    # have about as much to do. Slow tests wait more than they compute, so that one more server is worth its start.
    servers = 2 if "not slow" in config.option.markexpr else 3
    with_server = sorted(
        {item.path for item in items if _needs_server(item)}, key=lambda path: path.stat().st_size
    )
    groups = {item: _group(item, with_server, servers) for item in items}
    items.sort(key=lambda item: _ORDER.index(groups[item]) if groups[item] in _ORDER else len(_ORDER))
    for item, group in groups.items():
        item.add_marker(pytest.mark.xdist_group(group))


_ORDER = ("prefect-0", "prefect-1", "prefect-2", "machine")


def _group(item: pytest.Item, with_server: list[Path], servers: int) -> str:
    if _needs_server(item):
        return f"prefect-{with_server.index(item.path) % servers}"
    # SeaweedFS opens a fixed port, so only one can run on a machine; chaos wants the machine for itself.
    if item.get_closest_marker("s3") or "chaos" in item.path.parts:
        return "machine"
    return str(item.path)


def _needs_server(item: pytest.Item) -> bool:
    return "prefect_server" in getattr(item, "fixturenames", ())


def pytest_collection_finish(session: pytest.Session) -> None:
    wanted = any(_needs_server(item) for item in session.items)
    # Of several processes only some run the tests that need one, and which ones shows when they come to them.
    alone = "PYTEST_XDIST_WORKER" not in os.environ
    if wanted and alone and not session.config.option.collectonly:
        session.config.stash[_SERVER] = _start_server(session.config)


_SERVER = pytest.StashKey["tuple[subprocess.Popen[bytes], PrefectServer]"]()


def _start_server(config: pytest.Config) -> tuple["subprocess.Popen[bytes]", PrefectServer]:
    home = Path(os.environ["PREFECT_HOME"]) / "server"
    home.mkdir()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    url = f"http://127.0.0.1:{port}/api"
    # Started with the database beside its log, so that tests can search all that it keeps.
    environment = {
        **os.environ,
        "PREFECT_HOME": str(home),
        "PREFECT_SERVER_API_HOST": "127.0.0.1",
        "PREFECT_SERVER_API_PORT": str(port),
        "PREFECT_SERVER_UI_ENABLED": "false",
        # In-memory leases would not be what operators are told to use.
        "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": "prefect.server.concurrency.lease_storage.filesystem",
    }
    with (home / "server.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "prefect", "server", "start"],
            env=environment,
            stdout=log,
            stderr=log,
            cwd=home,
        )
    config.add_cleanup(lambda: _stop(process))
    child = {**os.environ, "PREFECT_API_URL": url}
    return process, PrefectServer(url, home, child, process.pid)


def _stop(process: "subprocess.Popen[bytes]") -> None:
    process.terminate()
    try:
        process.wait(timeout=10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


# The first test that asks may wait for the whole start.
@pytest.fixture(scope="session")
def prefect_server(request: pytest.FixtureRequest) -> Iterator[PrefectServer]:
    """The Prefect server of this test process; flows and child processes started by a test use it."""
    if _SERVER not in request.config.stash:
        request.config.stash[_SERVER] = _start_server(request.config)
    process, server = request.config.stash[_SERVER]
    deadline = time.monotonic() + _START_TIMEOUT_S
    while not _healthy(server.url):
        if process.poll() is not None or time.monotonic() > deadline:
            log = (server.home / "server.log").read_text(errors="replace")[-3000:]
            pytest.fail(f"the Prefect server did not start:\n{log}")
        time.sleep(0.1)

    from prefect.events.worker import EventsWorker
    from prefect.logging.handlers import APILogWorker
    from prefect.settings import PREFECT_API_URL, temporary_settings

    # Prefect 3.8 asks here whether the server has a default place for results, with a client that it never
    # closes: one leaked socket for each run of this process, which would fail whatever test runs next.
    monkeypatch = pytest.MonkeyPatch()
    monkeypatch.setattr("prefect.results._read_server_default_result_storage_block_id", lambda: None)
    os.environ["PREFECT_API_URL"] = server.url
    try:
        with temporary_settings({PREFECT_API_URL: server.url}):
            yield server
            # Both send from threads of their own, and would wait for a server that is gone.
            APILogWorker.drain_all()
            EventsWorker.drain_all()
    finally:
        del os.environ["PREFECT_API_URL"]
        monkeypatch.undo()


@pytest.fixture(scope="session")
def prefect_api(prefect_server: PrefectServer) -> Iterator["httpx.Client"]:
    """The server's HTTP API, asked again where SQLite had no time: two writes that meet are answered with 503."""
    from prefect.client.base import PrefectHttpxSyncClient

    with PrefectHttpxSyncClient(
        base_url=f"{prefect_server.url}/", timeout=60, raise_on_all_errors=False
    ) as client:
        yield client


def _healthy(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/health", timeout=5) as answer:
            return answer.status == 200
    except (urllib.error.URLError, OSError):
        return False
