"""Harvests of a bench's store, and the account's list as a test says it is."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from bench import MODEL, Bench
from plainsteps import PLAIN_STEPS

from footage.clip import Clip
from footage.context import Context
from footage.credentials import ApiKey, parse_key
from footage.evidence.hashed_names import HashedNames
from footage.provider import TaskRow
from footage.provider.results import TaskStatus
from footage.settings import Settings
from footage.steps.harvest import Harvest, harvest_store


def harvest(context: Context, **more: Any) -> Harvest:
    return asyncio.run(harvest_store(context, PLAIN_STEPS, **more))


def unreachable(store: Any) -> Context:
    """The context of a worker that cannot reach the provider."""
    settings = Settings(http_base_url="http://127.0.0.1:9/api/v1", lease_s=1.0)
    return Context(settings, store, find_api_key=lambda: parse_key("sk-emulator", "test"))


def asked_by(context: Context) -> list[tuple[str, str]]:
    asked: list[tuple[str, str]] = context.store.asked  # type: ignore[attr-defined]
    return asked


def book(bench: Bench, generation_s: float = 80_000.0, **request: Any) -> Clip:
    """A clip that is bought and left alone."""
    bench.emulator.turn(generation_s=generation_s)
    clip = bench.clip(bench.context(), **request)
    bench.buy(clip)
    return clip


def row(task_id: str) -> TaskRow:
    return TaskRow(task_id, None, MODEL, TaskStatus.SUCCEEDED, datetime.now(UTC))


def listed(*task_ids: str) -> Callable[[Context, ApiKey, HashedNames], Any]:
    async def tell(_: Context, _key: ApiKey, over: HashedNames) -> list[TaskRow]:
        return [row(task_id) for task_id in task_ids if task_id not in over]

    return tell


def last_task(clip: Clip) -> str:
    last = clip.evidence.state().last
    assert last is not None
    assert last.receipt is not None
    return last.receipt.task_id
