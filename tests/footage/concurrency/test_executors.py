"""Calls for many items, some at once."""

from __future__ import annotations

import contextvars
import threading

import pytest

from footage.concurrency.executors import call_each

NAME = contextvars.ContextVar("NAME", default="nobody")


def test_answers_come_in_the_order_of_the_items_and_the_calls_know_who_asked() -> None:
    NAME.set("the run")
    last = threading.Event()

    def call(number: int) -> tuple[int, str]:
        # The first one ends last.
        assert last.wait(10) if number == 1 else last.set() is None
        return number, NAME.get()

    assert call_each(call, [1, 2], at_once=2) == [(1, "the run"), (2, "the run")]


def test_after_one_that_failed_no_more_calls_begin() -> None:
    called: list[int] = []

    def call(number: int) -> None:
        called.append(number)
        raise ValueError(number)

    with pytest.raises(ValueError, match="1"):
        call_each(call, range(1, 1000), at_once=1)
    assert len(called) < 999
