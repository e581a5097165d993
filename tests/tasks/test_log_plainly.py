"""What Prefect shows and stores of a run's log."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator

import pytest

from footage.errors import AccountProblem
from tasks.clip_page import log_plainly

SECRET = "sk-0123456789abcdef0123456789abcdef"


@pytest.fixture(params=[("prefect.task_runs", "prefect.task_runs"), ("footage", "footage.clip")])
def log(request: pytest.FixtureRequest) -> Iterator[tuple[logging.Logger, io.StringIO]]:
    """A logger, and what a handler above it writes."""
    above, name = request.param
    text = io.StringIO()
    handler = logging.StreamHandler(text)
    logging.getLogger(above).addHandler(handler)
    yield logging.getLogger(name), text
    logging.getLogger(above).removeHandler(handler)


def test_an_unexpected_error_keeps_its_traceback_and_loses_its_secrets(
    log: tuple[logging.Logger, io.StringIO],
) -> None:
    logger, text = log
    said = f"GET https://h/a.png?Expires=1&Signature=canary with {SECRET}"
    log_plainly()

    try:
        raise RuntimeError(said)
    except RuntimeError as error:
        logger.error("it broke: %s", error, exc_info=True)

    assert "Traceback" in text.getvalue()
    assert text.getvalue().count("Signature=[redacted] with [redacted]") == 2
    assert "canary" not in text.getvalue()
    assert SECRET not in text.getvalue()


def test_an_error_that_says_what_to_do_is_logged_without_a_traceback(
    log: tuple[logging.Logger, io.StringIO],
) -> None:
    logger, text = log
    log_plainly()

    try:
        raise AccountProblem("The account is empty.", next_step="fill it")
    except AccountProblem:
        logger.exception("Task run encountered an exception")

    assert text.getvalue() == "The account is empty.\n  → fill it\n"
