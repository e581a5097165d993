"""What a Prefect installation of several machines consists of, as processes of this one: PostgreSQL, Redis,
an API server and its services apart, and workers that can be killed like machines."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from waiting import until

START_TIMEOUT_S = 120


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def require(found: str | None, what: str) -> str:
    """The program, or a skip that says what to install; a build server must have it."""
    if found is None:
        reason = f"{what} is not installed (Debian packages: postgresql, redis-server)"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    return found


@contextlib.contextmanager
def process(
    command: list[str], log: Path, environment: dict[str, str] | None = None, **more: object
) -> Iterator[subprocess.Popen[bytes]]:
    """A process in a group of its own, which is killed as a whole at the end."""
    with log.open("ab") as output:
        started = subprocess.Popen(
            command,
            env=environment,
            stdout=output,
            stderr=output,
            start_new_session=True,
            **more,  # type: ignore[call-overload]
        )
    try:
        yield started
    finally:
        kill_machine(started)


def kill_machine(started: subprocess.Popen[bytes]) -> None:
    """kill -9 for the process and every child: what is left when a machine loses power."""
    children = [started.pid, *descendants(started.pid)]
    for pid in children:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    started.wait()


def stop_pod(started: subprocess.Popen[bytes], grace_s: float) -> None:
    """SIGTERM to the first process alone, and kill -9 for what is left of it and its children after a grace: what
    Kubernetes and ECS do with a container."""
    children = descendants(started.pid)
    started.terminate()
    with contextlib.suppress(subprocess.TimeoutExpired):
        started.wait(grace_s)
    for pid in children:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    kill_machine(started)


def descendants(pid: int) -> list[int]:
    """Process ids of the children, and of theirs."""
    found: list[int] = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            fields = stat.read_text().rsplit(")", 1)[1].split()
            if int(fields[1]) == pid:
                child = int(stat.parent.name)
                found += [child, *descendants(child)]
    return found


@contextlib.contextmanager
def postgres(folder: Path) -> Iterator[str]:
    """A PostgreSQL server with one database; its SQLAlchemy URL."""
    programs = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
    search = os.pathsep.join([os.environ["PATH"], *map(str, reversed(programs))])
    initdb = require(shutil.which("initdb", path=search), "PostgreSQL")
    server = require(shutil.which("postgres", path=search), "PostgreSQL")
    # PostgreSQL does not run as root, and its user cannot enter root's temporary folders.
    user = "postgres" if os.geteuid() == 0 else None
    data = Path(tempfile.mkdtemp(prefix="wan-video-postgres-"))
    try:
        if user is not None:
            shutil.chown(data, user)
        subprocess.run(
            [initdb, "-D", str(data), "-U", "prefect", "--auth=trust", "--no-sync"],
            check=True,
            capture_output=True,
            user=user,
            cwd="/",
        )
        port = free_port()
        command = [server, "-D", str(data), "-p", str(port), "-h", "127.0.0.1", "-k", str(data), "-F"]
        with process(command, folder / "postgres.log", user=user, cwd="/"):
            until(lambda: _listens(port), "PostgreSQL accepts connections", START_TIMEOUT_S)
            yield f"postgresql+asyncpg://prefect@127.0.0.1:{port}/postgres"
    finally:
        shutil.rmtree(data, ignore_errors=True)


@contextlib.contextmanager
def redis(folder: Path) -> Iterator[str]:
    """A Redis server; its URL without the database's number."""
    program = require(shutil.which("redis-server"), "Redis")
    port = free_port()
    command = [program, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(folder)]
    with process(command, folder / "redis.log"):
        until(lambda: _listens(port), "Redis accepts connections", START_TIMEOUT_S)
        yield f"redis://127.0.0.1:{port}"


def server_environment(database_url: str, redis_url: str, port: int) -> dict[str, str]:
    """The settings of a Prefect server that is more than one process, as .deploy/compose.yaml has them."""
    return {
        "PREFECT_API_DATABASE_CONNECTION_URL": database_url,
        "PREFECT_SERVER_DATABASE_MIGRATE_ON_START": "false",
        # Two API processes that start together would both insert the same block types, and one would die of it.
        "PREFECT_API_BLOCKS_REGISTER_ON_START": "false",
        "PREFECT_MESSAGING_BROKER": "prefect_redis.messaging",
        "PREFECT_MESSAGING_CACHE": "prefect_redis.messaging",
        "PREFECT_SERVER_EVENTS_CAUSAL_ORDERING": "prefect_redis.ordering",
        "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": "prefect_redis.lease_storage",
        "PREFECT_SERVER_WORKER_CHANNEL_CLEANUP_QUEUE_STORAGE": "prefect_redis.cleanup_queue",
        "PREFECT_REDIS_MESSAGING_URL": f"{redis_url}/0",
        "PREFECT_REDIS_WORKER_CLEANUP_QUEUE_URL": f"{redis_url}/0",
        "PREFECT_SERVER_DOCKET_URL": f"{redis_url}/1",
        "PREFECT_SERVER_SERVICES_DB_VACUUM_ENABLED": "events,flow_runs",
        "PREFECT_SERVER_API_HOST": "127.0.0.1",
        "PREFECT_SERVER_API_PORT": str(port),
        "PREFECT_SERVER_UI_ENABLED": "false",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    }


@contextlib.contextmanager
def prefect_of_many(folder: Path, database_url: str, redis_url: str) -> Iterator[str]:
    """Two API processes and one for the services; the API's address."""
    port = free_port()
    environment = {
        **os.environ,
        "PREFECT_HOME": str(folder / "server-home"),
        **server_environment(database_url, redis_url, port),
    }
    prefect = [sys.executable, "-m", "prefect"]
    subprocess.run(
        [*prefect, "server", "database", "upgrade", "-y"], env=environment, check=True, capture_output=True
    )
    url = f"http://127.0.0.1:{port}/api"
    api = [*prefect, "server", "start", "--no-services", "--workers", "2"]
    services = [*prefect, "server", "services", "start"]
    with (
        process(api, folder / "api.log", environment),
        process(services, folder / "services.log", environment),
    ):
        until(lambda: _healthy(url), "the Prefect API is healthy", START_TIMEOUT_S)
        yield url


def _healthy(url: str) -> bool:
    with contextlib.suppress(httpx.HTTPError):
        return httpx.get(f"{url}/health", timeout=5).status_code == 200
    return False


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
