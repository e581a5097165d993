"""A quick provider, and a context that buys there."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from footage.context import Context, open_context
from footage.credentials import parse_key
from footage.emulator import Emulator
from footage.settings import Settings


@pytest.fixture(scope="module")
def emulator() -> Iterator[Emulator]:
    with Emulator(speed=400, render="tiny", rate_limits=False, concurrency=20) as emulator:
        yield emulator


@pytest.fixture
def context(emulator: Emulator, tmp_path: Path) -> Iterator[Context]:
    settings = Settings(
        output_dir=str(tmp_path / "out"),
        http_base_url=emulator.base_url,
        poll_min_s=0.05,
        poll_max_s=0.2,
        reconcile_grace_s=0.5,
    )
    context = open_context(settings, find_api_key=lambda: parse_key(emulator.api_key, "test"))
    yield context
    context.close()
