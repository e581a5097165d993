"""An emulator that is quick and has no limits, and a bench on it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from bench import Bench

from footage.emulator import Emulator
from footage.steps.open_clips import look, mark
from footage.storage import Store, open_store


@pytest.fixture(scope="module")
def emulator() -> Iterator[Emulator]:
    """Without limits; virtual seconds pass 400 times faster."""
    with Emulator(
        speed=400, render="tiny", render_workers=1, generation_s=40.0, rate_limits=False, concurrency=1000
    ) as running:
        yield running


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """A store of this release, in which nobody bought anything yet."""
    store = open_store(str(tmp_path / "store"))
    mark(store, look(store))
    return store


@pytest.fixture
def bench(emulator: Emulator, tmp_path: Path) -> Iterator[Bench]:
    emulator.clear_faults()
    emulator.turn(generation_s=40.0, start_delay_s=0.05)
    made = Bench(emulator, tmp_path)
    yield made
    made.close()


@pytest.fixture
def alone(tmp_path: Path) -> Iterator[Bench]:
    """A bench on an account that nobody else uses."""
    yield from _bench_alone(tmp_path, speed=400)


@pytest.fixture
def unhurried(tmp_path: Path) -> Iterator[Bench]:
    """The same at a provider whose hours are as long as ours, for what is about clocks."""
    yield from _bench_alone(tmp_path, speed=1)


def _bench_alone(folder: Path, speed: float) -> Iterator[Bench]:
    with Emulator(
        speed=speed, render="tiny", render_workers=1, generation_s=0.0, rate_limits=False, concurrency=1000
    ) as emulator:
        bench = Bench(emulator, folder)
        yield bench
        bench.close()
