"""A word about a wait that takes longer than a person would think."""

from __future__ import annotations

import logging
import threading

from footage.concurrency.slow_notice import SLOW_S, noticed_if_slow


def test_a_long_wait_is_told_while_it_lasts() -> None:
    heard = threading.Event()
    logger = logging.Logger("slow")

    class Ear(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            heard.set()

    logger.addHandler(Ear())
    with noticed_if_slow(logger, "waiting"):
        told = heard.wait(timeout=4 * SLOW_S)

    assert told
