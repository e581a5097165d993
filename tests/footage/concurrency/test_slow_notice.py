"""A word about a wait that takes longer than a person would think."""

from __future__ import annotations

import logging
import threading

from footage.concurrency.slow_notice import SLOW_S, noticed_if_slow


def test_a_long_wait_is_told_again_and_again_until_it_ends() -> None:
    heard = threading.Semaphore(0)
    logger = logging.Logger("slow")

    class Ear(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            heard.release()

    logger.addHandler(Ear())
    with noticed_if_slow(logger, "waiting"):
        told = [heard.acquire(timeout=4 * SLOW_S) for _ in range(2)]

    assert told == [True, True]
