"""Showing progress costs the Prefect server little, however many clips are waited for."""

import asyncio
import time
from typing import Any

import pytest

from tasks.artifacts import SHOW_EVERY_S, ProgressArtifact


def _when(monkeypatch: pytest.MonkeyPatch, moment_s: float) -> None:
    monkeypatch.setattr(time, "monotonic", lambda: moment_s)


def test_a_bar_is_shown_at_once_and_then_seldom(prefect_server: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    bar = ProgressArtifact("test-progress")
    assert bar.due

    asyncio.run(bar.show(0.5, "half"))
    shown_at = time.monotonic()

    assert not bar.due
    _when(monkeypatch, shown_at + SHOW_EVERY_S)
    assert bar.due


def test_bars_are_shown_more_seldom_the_more_of_them_there_are(
    prefect_server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    bars = [ProgressArtifact(f"test-progress-{number}") for number in range(400)]
    asyncio.run(bars[0].show(0.5, "half"))
    shown_at = time.monotonic()

    _when(monkeypatch, shown_at + 99)
    assert not bars[0].due, "400 bars at four a second take 100 s"
    _when(monkeypatch, shown_at + 102)
    assert bars[0].due

    del bars[1:]
    _when(monkeypatch, shown_at + SHOW_EVERY_S)
    assert bars[0].due, "bars of clips that have ended no longer count"
