"""A board of two shots, made once on the emulator, and its review app."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from filmboards import film, make_film
from reviewapp import App, entered, served

from footage.context import Context, open_context
from footage.credentials import parse_key
from footage.emulator import Emulator
from footage.settings import Settings


@pytest.fixture(scope="session")
def review_emulator() -> Iterator[Emulator]:
    with Emulator(speed=200, render="tiny", rate_limits=False, concurrency=20) as emulator:
        yield emulator


@pytest.fixture(scope="session")
def context(review_emulator: Emulator, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Context]:
    settings = Settings(
        output_dir=str(tmp_path_factory.mktemp("review")),
        http_base_url=review_emulator.base_url,
        poll_min_s=0.05,
        poll_max_s=0.2,
    )
    context = open_context(settings, find_api_key=lambda: parse_key(review_emulator.api_key, "test"))
    yield context
    context.close()


@pytest.fixture(scope="session")
def board_file(context: Context, tmp_path_factory: pytest.TempPathFactory) -> Path:
    document = film({"id": "a", "takes": 2, "seed": 7}, {"id": "b"}, budget={"currency": "CNY"})
    asyncio.run(make_film(context, document))
    path = tmp_path_factory.mktemp("board") / "board.json"
    path.write_text(json.dumps(document))
    return path


@pytest.fixture(scope="session")
def app(context: Context, board_file: Path) -> Iterator[App]:
    with served(context, board_file) as app:
        yield app


@pytest.fixture(scope="session")
def browser(app: App) -> Iterator[httpx.Client]:
    with entered(app.address) as client:
        yield client
