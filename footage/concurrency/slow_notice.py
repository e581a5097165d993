"""A word about a wait that takes longer than a person would think it takes."""

from __future__ import annotations

import contextlib
import contextvars
import logging
import threading
from collections.abc import Generator

# Before a terminal begins to count (flows/cli/status_line.py), so that it is known what it counts for.
SLOW_S = 2.0


@contextlib.contextmanager
def noticed_if_slow(logger: logging.Logger, message: str, *given: object) -> Generator[None]:
    """Log the message once this block has taken SLOW_S seconds; a terminal counts on by itself."""
    ended = threading.Event()

    def say() -> None:
        if not ended.wait(SLOW_S):
            logger.info(message, *given)

    # The thread belongs to the same clip and run.
    context = contextvars.copy_context()
    threading.Thread(target=context.run, args=(say,), daemon=True).start()
    try:
        yield
    finally:
        ended.set()
