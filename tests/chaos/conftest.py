"""Lanes for the scenarios, and the table that is printed when they are over."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from chaos import Lanes, Verdict, table
from seaweed import seaweed

_rows = pytest.StashKey[list[Verdict]]()


@pytest.fixture(scope="session")
def lanes(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lanes]:
    # An emulator takes most of a second to start: too long for a few short scenarios each.
    complete = any(item.get_closest_marker("chaos") for item in request.session.items)
    with Lanes(tmp_path_factory.mktemp("chaos"), count=8 if complete else 4) as running:
        yield running


@pytest.fixture(scope="session")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[], dict[str, Any]]]:
    numbers = itertools.count()
    with seaweed(tmp_path_factory.mktemp("weed")) as options:
        yield lambda: {"store_url": f"s3://bucket/{next(numbers)}", "store_options": options}


@pytest.fixture
def books(request: pytest.FixtureRequest) -> Books:
    return Books(request.config.stash.setdefault(_rows, []))


class Books:
    """Keeps the verdicts for the table, and says whether they are good."""

    def __init__(self, rows: list[Verdict]) -> None:
        self._rows = rows

    def close(self, verdict: Verdict) -> None:
        self._rows.append(verdict)
        assert not verdict.bad, "\n".join([table([verdict]), *verdict.notes])


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    rows = config.stash.get(_rows, [])
    if rows:
        terminalreporter.section("the provider's books against ours")
        terminalreporter.write_line(table(rows))
        for row in rows:
            for note in row.notes:
                terminalreporter.write_line(note)
