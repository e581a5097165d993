"""`--emulator`: the local stand-in instead of the provider, for this command and the next ones."""

from __future__ import annotations

import contextlib
from collections.abc import Generator

from flows.cli.console import tell
from footage.emulated_environment import emulated as emulated_environment


@contextlib.contextmanager
def emulated(wanted: bool = True) -> Generator[None]:
    """Within this block the environment points at a running emulator and at output of its own.

    Raises:
        StorageProblem: The emulator cannot keep its state.
    """
    if not wanted:
        yield
        return
    with emulated_environment() as url:
        tell(f"Emulator at {url}: nothing is bought, and every frame says EMULATED.", "dim")
        yield
