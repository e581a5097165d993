"""Showing progress costs the Prefect server little, however many clips are waited for."""

import asyncio
import gc
import time
from typing import Any

import httpx
import pytest
from prefect.client.orchestration import get_client
from prefect.settings import PREFECT_API_URL, temporary_settings
from rawserver import RawServer, reply

from tasks.artifacts import SHOW_EVERY_S, ProgressArtifact, published


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
    # Those of other tests' clips.
    gc.collect()
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


# Prefect warns about artifacts outside of a run.
@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_a_bar_that_was_shown_ends_full_with_what_came_of_it_and_another_is_not_made(
    prefect_api: httpx.Client,
) -> None:
    async def wait_and_end(bar: ProgressArtifact, *, shown: bool) -> None:
        if shown:
            await bar.show(0.0, "RUNNING")
        await bar.end("delivered, file:///clip.mp4")

    asyncio.run(wait_and_end(ProgressArtifact("long-clip-progress"), shown=True))
    asyncio.run(wait_and_end(ProgressArtifact("short-clip-progress"), shown=False))

    found = prefect_api.post(
        "artifacts/filter",
        json={"artifacts": {"key": {"any_": ["long-clip-progress", "short-clip-progress"]}}},
    ).json()
    assert [(one["key"], one["data"], one["description"]) for one in found] == [
        ("long-clip-progress", 100.0, "delivered, file:///clip.mp4")
    ]


@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_a_bar_that_two_show_at_once_is_one_and_stays_where_it_was_when_nothing_came_of_it(
    prefect_api: httpx.Client,
) -> None:
    async def show_and_stop() -> None:
        bar = ProgressArtifact("failed-clip-progress")
        await asyncio.gather(bar.show(0.2, "RUNNING"), bar.show(0.4, "RUNNING"))
        await bar.end("failed, no reason was given", full=False)

    asyncio.run(show_and_stop())

    found = prefect_api.post(
        "artifacts/filter", json={"artifacts": {"key": {"any_": ["failed-clip-progress"]}}}
    ).json()
    assert [(one["data"], one["description"]) for one in found] == [(40.0, "failed, no reason was given")]


async def test_artifacts_that_came_too_late_leave_the_run_able_to_say_how_it_ended() -> None:
    async def stall(turns: int) -> None:
        """Busy for longer than an artifact may take, as a process is that starts hundreds of clips."""
        for _ in range(turns):
            await asyncio.sleep(0)
        time.sleep(0.02)  # noqa: ASYNC251 - the stall is the point

    with RawServer(reply("hello")) as server, temporary_settings({PREFECT_API_URL: server.base_url}):
        async with get_client() as run:
            for turns in range(8):
                late = (published(run.hello(), patience_s=0.01) for _ in range(20))
                await asyncio.gather(*late, stall(turns))

            async with asyncio.timeout(20):
                answer = await run.hello()

    assert answer.json() == "hello"
