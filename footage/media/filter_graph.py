"""FFmpeg's filter graphs as PyAV gives them, in the child process."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import av.error
from av.filter import Graph


def pulled(graph: Graph) -> Iterator[Any]:
    """The frames that are ready; a graph gives none before it has enough, and none behind its end."""
    while True:
        try:
            yield graph.pull()
        except (av.error.BlockingIOError, av.error.EOFError):
            return
