"""A store with an emulator behind it, and a machine of its own without a Prefect server."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from bench import REGION, Bench
from emulatedrun import fast_emulator
from prefect.settings import PREFECT_API_URL, temporary_settings

from flows.cli.console import remember_flags
from footage.emulator import Emulator


@pytest.fixture
def output(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A store, and a machine without a key and without a Prefect server."""
    (tmp_path / "pictures").mkdir()
    for name, value in {
        "HOME": str(tmp_path),
        "PREFECT_HOME": str(tmp_path / "prefect"),
        "XDG_CACHE_HOME": str(tmp_path / "cache"),
        "OUTPUT_DIR": str(tmp_path / "out"),
        "WAN_VIDEO_INPUT_ROOTS": json.dumps([str(tmp_path / "pictures")]),
    }.items():
        monkeypatch.setenv(name, value)
    # Of other tests of this process.
    remember_flags([])
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    with temporary_settings(restore_defaults={PREFECT_API_URL}):
        yield tmp_path / "out"


@pytest.fixture(scope="module")
def quick_emulator() -> Iterator[Emulator]:
    """Without limits; a clip takes virtual seconds that pass 600 times faster."""
    with fast_emulator(render_workers=1, generation_s=40.0) as running:
        yield running


@pytest.fixture
def bench(quick_emulator: Emulator, output: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    """Clips of the same store, driven as far as a test wants."""
    quick_emulator.clear_faults()
    for name, value in {
        "DASHSCOPE_HTTP_BASE_URL": quick_emulator.base_url,
        "DASHSCOPE_API_KEY": "sk-emulator",
        "WAN_VIDEO_REGION": REGION,
        "WAN_VIDEO_POLL_MIN_S": "0.05",
        "WAN_VIDEO_POLL_MAX_S": "0.2",
        "WAN_VIDEO_RECONCILE_GRACE_S": "0.5",
        "WAN_VIDEO_LEASE_S": "1",
        "WAN_VIDEO_QUERIES_PER_SECOND": "1000",
    }.items():
        monkeypatch.setenv(name, value)
    made = Bench(quick_emulator, output)
    yield made
    made.close()
