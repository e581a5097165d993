"""Runs the emulator: one process, one event loop, a state directory."""

import asyncio
import json
import signal
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import uvicorn

from footage.emulator.app import App
from footage.emulator.faults import FaultOrder
from footage.emulator.http_answers import OpenProtocol
from footage.emulator.knobs import Knobs
from footage.emulator.service import Service
from footage.emulator.shared_instance import write_address
from footage.emulator.start_error import CannotStart

_BACKLOG = 2048
# A virtual day in less than a second; much more, and the year 9999, where dates end, comes into reach.
_MOST_SPEED = 100_000


def print_ready(base_url: str) -> None:
    """One line on stderr: where the emulator listens and which key it takes."""
    sys.stderr.write(
        f"wan-video emulator ready: DASHSCOPE_HTTP_BASE_URL={base_url} DASHSCOPE_API_KEY=sk-emulator\n"
    )
    sys.stderr.flush()


def serve(
    port: int = 0,
    speed: float = 1.0,
    seed: int = 0,
    faults_file: str | Path | None = None,
    state_dir: str | Path | None = None,
    *,
    ready_line: Callable[[str], None] = print_ready,
    end_with_stdin: bool = False,
    idle_s: float | None = None,
    knobs: Mapping[str, Any] | None = None,
) -> None:
    """Serve on 127.0.0.1 until interrupted.

    Args:
        port: 0 takes a free one.
        speed: Virtual seconds per real second; at most 100,000.
        seed: Of everything the emulator chooses: ids, waiting times, seeds that a request does not give.
        faults_file: JSON or YAML list of fault orders, added to those of the state directory.
        state_dir: Where tasks, uploads and clips are kept; none: a temporary directory, removed at the end.
        ready_line: Called once with the base URL when connections are accepted.
        end_with_stdin: Stop when standard input closes, so that a dead parent leaves nothing behind.
        idle_s: Stop when nobody has been connected for so many seconds; none: go on.
        knobs: Names and values of `Knobs`.

    Raises:
        CannotStart: Names the option that cannot be used as it is, and why; StateInUse where it is the state
            folder because another emulator works with it.
    """
    if not 0 <= port <= 65535:
        raise CannotStart("port", port, "must be from 0, which takes a free one, to 65535")
    # Written so that nan is refused, too.
    if not 0 < speed <= _MOST_SPEED:
        raise CannotStart("speed", speed, f"must be above 0 and at most {_MOST_SPEED}")
    try:
        turned = Knobs.from_mapping(knobs or {})
    except (TypeError, ValueError) as error:
        raise CannotStart("knobs", json.dumps(knobs, default=str), str(error)) from None
    orders = read_faults(Path(faults_file)) if faults_file is not None else []
    # asyncio turns Nagle's algorithm off only for sockets that name TCP; with it every answer takes 40 ms.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    with listener, tempfile.TemporaryDirectory(prefix="wan-emulator-") as spare:
        try:
            listener.bind(("127.0.0.1", port))
            listener.listen(_BACKLOG)
        except OSError as error:
            raise CannotStart("port", port, f"{error.strerror}; 0 takes a free one") from None
        folder = Path(state_dir) if state_dir is not None else Path(spare)
        asyncio.run(_run(listener, folder, speed, seed, turned, orders, ready_line, end_with_stdin, idle_s))


def read_faults(path: Path) -> list[FaultOrder]:
    """Fault orders of a script file. CannotStart says what is wrong with it."""
    import yaml

    try:
        text = path.read_text(encoding="utf-8")
        items: Any = yaml.safe_load(text) if path.suffix in (".yaml", ".yml") else json.loads(text)
        if not isinstance(items, list):
            raise CannotStart("faults", path, "a fault script is a list of orders")
        return [FaultOrder.parse(item) for item in items]
    except OSError as error:
        raise CannotStart("faults", path, f"cannot be read ({error.strerror})") from None
    except CannotStart:
        raise
    except (ValueError, TypeError, yaml.YAMLError) as error:
        raise CannotStart("faults", path, " ".join(str(error).split())) from None


async def _run(
    listener: socket.socket,
    folder: Path,
    speed: float,
    seed: int,
    knobs: Knobs,
    orders: list[FaultOrder],
    ready_line: Callable[[str], None],
    end_with_stdin: bool,
    idle_s: float | None,
) -> None:
    try:
        service = Service(folder, speed, seed, knobs)
    except OSError as error:
        raise CannotStart("state", folder, f"nothing can be kept there ({error.strerror})") from None
    service.faults.orders += orders
    host = f"http://127.0.0.1:{listener.getsockname()[1]}"
    service.host = host
    server = _Server(
        uvicorn.Config(
            App(service),
            http=OpenProtocol,
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            date_header=False,
            timeout_keep_alive=75,
            timeout_graceful_shutdown=1,
        )
    )
    if end_with_stdin:
        threading.Thread(target=_stop_at_end_of_stdin, args=(server,), daemon=True).start()
    keeping = [asyncio.create_task(service.keep_saving())]
    if idle_s is not None:
        keeping.append(asyncio.create_task(stop_when_alone(server, idle_s)))
    service.now_s()
    write_address(folder, listener.getsockname()[1])
    ready_line(f"{host}/api/v1")
    try:
        await server.serve(sockets=[listener])
    finally:
        for task in keeping:
            task.cancel()
        await service.close()


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """Leave in good order; uvicorn's own way raises the signal again before anything is cleaned up."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        signals = (signal.SIGINT, signal.SIGTERM)
        before = [signal.signal(number, self.handle_exit) for number in signals]
        try:
            yield
        finally:
            for number, handler in zip(signals, before, strict=True):
                signal.signal(number, handler)


async def stop_when_alone(server: uvicorn.Server, idle_s: float) -> None:
    """Stop after `idle_s` seconds without a connection; ten looks in that time cost nothing."""
    seen, since_s = -1, time.monotonic()
    while not server.should_exit:
        await asyncio.sleep(idle_s / 10)
        state = server.server_state
        if state.connections or state.total_requests != seen:
            seen, since_s = state.total_requests, time.monotonic()
        # Only right after a look: whoever came since the one before must not be left alone.
        elif time.monotonic() - since_s >= idle_s:
            server.should_exit = True


def _stop_at_end_of_stdin(server: uvicorn.Server) -> None:
    sys.stdin.buffer.read()
    server.should_exit = True
