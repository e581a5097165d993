"""A word about a wait that takes longer than a person would think it takes."""

from __future__ import annotations

import contextlib
import contextvars
import logging
import threading
from collections.abc import Generator

SLOW_S = 2.5


@contextlib.contextmanager
def noticed_if_slow(logger: logging.Logger, message: str, *given: object) -> Generator[None]:
    """Log the message each SLOW_S seconds that this block takes."""
    ended = threading.Event()

    def say() -> None:
        while not ended.wait(SLOW_S):
            logger.info(message, *given)

    # The thread belongs to the same clip and run.
    context = contextvars.copy_context()
    threading.Thread(target=context.run, args=(say,), daemon=True).start()
    try:
        yield
    finally:
        ended.set()
