"""What a clip asks of an object store, where each question costs money and time."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from bench import Bench
from pictures import picture
from s3proxy import S3Proxy
from seaweed import seaweed

from footage.clip import Clip
from footage.context import Context
from footage.storage import open_store

pytestmark = pytest.mark.s3

# Asked once by a process for all of its clips: its heartbeat, the notes that wake them, the stop switch.
SHARED = ("/workers/", "wakeups", "/buying-stopped.json")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    with seaweed(tmp_path_factory.mktemp("weed")) as options:
        yield options


@pytest.fixture
def proxy(server: dict[str, Any]) -> Iterator[S3Proxy]:
    with S3Proxy(server["endpoint_url"].partition("://")[2]) as running:
        yield running


@pytest.fixture
def worker(bench: Bench, server: dict[str, Any], proxy: S3Proxy) -> Context:
    """One that has made a clip before: the store was tried and the ledger looked at."""
    options = server | {"endpoint_url": f"http://127.0.0.1:{proxy.port}"}
    store = open_store(f"s3://bucket/{bench.folder.name}", options=options)
    context = bench.context(run_id="run-1", wrap=lambda _: store, deadline_s=60.0)
    bench.make(bench.clip(context))
    proxy.seen.clear()
    return context


def image_clip(bench: Bench, context: Context, folder: Path, take: int) -> Clip:
    image = folder / "first.png"
    image.write_bytes(picture(1280, 720))
    return bench.clip(
        context, take=take, model="wan2.6-i2v-flash", size="1280*720", reference_image=str(image)
    )


def asked_until_sealed(proxy: S3Proxy, clip: Clip) -> list[str]:
    """Every request about a clip until its result is there, as "method path"."""
    asked = [f"{seen.method} {unquote(seen.path)}".replace(clip.key, "KEY") for seen in proxy.seen]
    own = [request for request in asked if not any(shared in request for shared in SHARED)]
    sealed = next(at for at, request in enumerate(own) if request.endswith("/KEY/result.json"))
    return own[: sealed + 1]


def test_a_clip_costs_at_most_25_requests_from_order_to_seal(
    bench: Bench, worker: Context, proxy: S3Proxy, tmp_path: Path
) -> None:
    clip = image_clip(bench, worker, tmp_path, take=2)

    bench.make(clip)

    asked = asked_until_sealed(proxy, clip)
    assert len(asked) <= 25, "\n".join(asked)


@pytest.mark.slow
def test_a_clip_that_is_asked_for_often_costs_no_request_more(
    bench: Bench, worker: Context, proxy: S3Proxy, tmp_path: Path
) -> None:
    bench.emulator.turn(generation_s=3200.0)
    before = bench.emulator.ledger(tasks=False)["queries"]
    clip = image_clip(bench, worker, tmp_path, take=3)

    bench.make(clip)

    assert bench.emulator.ledger(tasks=False)["queries"] - before >= 30
    asked = asked_until_sealed(proxy, clip)
    assert len(asked) <= 25, "\n".join(asked)


@pytest.mark.slow
def test_every_answer_and_line_is_in_the_store_once_the_clip_is_given_back(
    bench: Bench, worker: Context
) -> None:
    clip = bench.clip(worker, take=2)

    bench.make(clip)

    polls = worker.store.read(f"evidence/{clip.key}/attempt-1/polls.jsonl").decode()
    assert '"for": "delivery"' in polls
    assert polls.count("\n") >= 2
