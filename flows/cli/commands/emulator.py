"""`wan-video emulator`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter


def emulator(
    *,
    port: Annotated[int, Parameter(metavar="PORT")] = 8765,
    speed: Annotated[float, Parameter(metavar="FACTOR", show_default="{:g}".format)] = 1.0,
    seed: Annotated[int, Parameter(metavar="NUMBER")] = 0,
    faults: Annotated[Path | None, Parameter(metavar="FILE")] = None,
    state: Annotated[Path | None, Parameter(metavar="FOLDER")] = None,
) -> None:
    """Run the stand-in for the provider until Ctrl-C; every frame it makes says EMULATED.

    Args:
        port: Port on 127.0.0.1; 0 takes a free one.
        speed: How many of its seconds pass in one of ours.
        seed: Seed of everything that it chooses.
        faults: File of faults to make, JSON or YAML; see footage/emulator/README.md.
        state: Folder that keeps its tasks over restarts.
    """
    from footage.emulated_environment import refusal
    from footage.emulator import CannotStart, serve

    try:
        serve(port, speed, seed, faults, state)
    except CannotStart as error:
        raise refusal(error, "see wan-video emulator --help") from None
