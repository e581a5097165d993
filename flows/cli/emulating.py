"""`wan-video emulator`."""

from __future__ import annotations

from pathlib import Path


def emulator(
    *,
    port: int = 8765,
    speed: float = 1.0,
    seed: int = 0,
    faults: Path | None = None,
    state: Path | None = None,
) -> None:
    """Run the stand-in for the provider until Ctrl-C; every frame it makes says EMULATED.

    Args:
        port: Port on 127.0.0.1; 0 takes a free one.
        speed: How many of its seconds pass in one of ours.
        seed: Seed of everything that it chooses.
        faults: File of faults to make, JSON or YAML; see footage/emulator/README.md.
        state: Folder that keeps its tasks over restarts.
    """
    from footage.emulated import refusal
    from footage.emulator import CannotStart, serve

    try:
        serve(port, speed, seed, faults, state)
    except CannotStart as error:
        raise refusal(error, "see wan-video emulator --help") from None
