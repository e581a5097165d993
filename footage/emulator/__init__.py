"""A stand-in for Alibaba Model Studio's Wan video service on 127.0.0.1, good enough to trust.

It is written from the service's documentation and from third-party measurements, and shares no line with the
client: their agreement is evidence. See README.md in this folder for every route, habit, fault and knob.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from footage.emulator.faults import FAULTS, Fault
from footage.emulator.knobs import Knobs
from footage.emulator.shared_instance import shared_emulator, stop_shared_emulator
from footage.emulator.start_error import CannotStart, StateInUse
from footage.emulator.subprocess_handle import DEMO_KEY, Emulator

__all__ = [
    "DEMO_KEY",
    "FAULTS",
    "CannotStart",
    "Emulator",
    "Fault",
    "Knobs",
    "StateInUse",
    "serve",
    "shared_emulator",
    "stop_shared_emulator",
]


def serve(
    port: int = 0,
    speed: float = 1.0,
    seed: int = 0,
    faults_file: str | Path | None = None,
    state_dir: str | Path | None = None,
    *,
    ready_line: Callable[[str], None] | None = None,
    knobs: Mapping[str, Any] | None = None,
) -> None:
    """Serve until interrupted; see `footage.emulator.asgi_server.serve`."""
    # Imported late: clients and tests need none of the web framework.
    from footage.emulator import asgi_server

    asgi_server.serve(
        port,
        speed,
        seed,
        faults_file,
        state_dir,
        ready_line=ready_line or asgi_server.print_ready,
        knobs=knobs,
    )
