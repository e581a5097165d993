"""A word about a wait that takes longer than a person would think it takes."""

from __future__ import annotations

import contextlib
import contextvars
import logging
import threading
from collections.abc import Generator

SLOW_S = 2.5


@contextlib.contextmanager
def said_if_slow(logger: logging.Logger, message: str, *given: object) -> Generator[None]:
    """Log the message once if this block takes longer than SLOW_S seconds."""
    # The thread of the timer belongs to the same clip and run.
    context = contextvars.copy_context()
    timer = threading.Timer(SLOW_S, lambda: context.run(logger.info, message, *given))
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
