"""Waits for what a test cannot be told of."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

import pytest

T = TypeVar("T")


def until(look: Callable[[], T | None], what: str, seconds: float = 20.0) -> T:
    """The first thing that `look` finds; the test fails where it finds nothing for so long."""
    deadline_s = time.monotonic() + seconds
    while not (found := look()):
        if time.monotonic() > deadline_s:
            pytest.fail(f"not within {seconds:.0f} s: {what}")
        time.sleep(0.05)
    return found
